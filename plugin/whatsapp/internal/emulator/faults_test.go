package emulator_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/fault"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// hit is one POST that a receiver saw.
type hit struct {
	at     time.Time
	body   []byte
	signed bool // and rightly
	header bool // there is a signature
}

// receiver refuses what is not rightly signed, as a daemon does, and keeps all that it saw.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	hits []hit
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	mac := hmac.New(sha256.New, []byte("demo-app-secret"))
	mac.Write(body)
	h := req.Header.Get("X-Hub-Signature-256")
	signed := h == "sha256="+hex.EncodeToString(mac.Sum(nil))
	r.mu.Lock()
	r.hits = append(r.hits, hit{time.Now(), body, signed, h != ""})
	r.mu.Unlock()
	if !signed {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func (r *receiver) seen() []hit {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]hit(nil), r.hits...)
}

// taken are the messages that came with a right signature, in order, each as often as it came.
func (r *receiver) taken(t *testing.T) (words []string) {
	t.Helper()
	for _, h := range r.seen() {
		if !h.signed {
			continue
		}
		for _, e := range into[posted](t, h.body).Entry {
			for _, c := range e.Changes {
				for _, m := range c.Value.Messages {
					words = append(words, into[struct{ Text struct{ Body string } }](t, m).Text.Body)
				}
			}
		}
	}
	return words
}

func TestWebhookFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule object
		sent []string
		want string // what was taken
		look func(t *testing.T, hits []hit)
	}{
		"none":      {nil, []string{"a", "b"}, "a b", nil},
		"duplicate": {object{"do": fault.Duplicate, "next": 1, "copies": 2}, []string{"a"}, "a a a", nil},
		"every second": {
			object{"do": fault.Duplicate, "every": 2},
			[]string{"a", "b", "c", "d"},
			"a b b c d d", nil,
		},
		"reorder": {object{"do": fault.Reorder, "next": 1}, []string{"a", "b"}, "b a", nil},
		"batch": {
			object{"do": fault.Batch, "next": 3},
			[]string{"a", "b", "c"},
			"a b c",
			func(t *testing.T, hits []hit) {
				if len(hits) != 1 {
					t.Errorf("%d webhooks", len(hits))
				}
			},
		},
		"bad signature": {
			object{"do": fault.BadSignature, "next": 1},
			[]string{"a"},
			"a",
			func(t *testing.T, hits []hit) {
				if len(hits) != 2 || hits[0].signed || !hits[0].header || !bytes.Equal(hits[0].body, hits[1].body) {
					t.Errorf("%+v", hits)
				}
			},
		},
		"no signature": {
			object{"do": fault.NoSignature, "next": 1},
			[]string{"a"},
			"a",
			func(t *testing.T, hits []hit) {
				if len(hits) != 2 || hits[0].header {
					t.Errorf("%+v", hits)
				}
			},
		},
		"truncated": {
			object{"do": fault.Truncated, "next": 1},
			[]string{"a"},
			"a",
			func(t *testing.T, hits []hit) {
				if len(hits) != 2 || !bytes.HasPrefix(hits[1].body, hits[0].body) || len(hits[0].body) == len(hits[1].body) {
					t.Errorf("%+v", hits)
				}
			},
		},
		"huge": {
			object{"do": fault.Huge, "next": 1},
			[]string{"a"},
			"a",
			func(t *testing.T, hits []hit) {
				if len(hits) != 1 || len(hits[0].body) < 3<<20-8 || len(hits[0].body) > 3<<20 {
					t.Errorf("%d bytes", len(hits[0].body))
				}
			},
		},
		"unknown": {
			object{"do": fault.Unknown, "next": 1},
			[]string{"a"},
			"a",
			func(t *testing.T, hits []hit) {
				if !bytes.Contains(hits[0].body, []byte(`"field":"telepathy"`)) || !bytes.Contains(hits[0].body, []byte(`"savoured"`)) {
					t.Errorf("%s", hits[0].body)
				}
			},
		},
		"split": {object{"do": fault.Split, "next": 1, "after": "1ms"}, []string{"a"}, "a", nil},
		"lost": {
			object{"do": fault.Lost, "next": 1},
			[]string{"a"},
			"a a",
			func(t *testing.T, hits []hit) {
				if len(hits) != 2 || !bytes.Equal(hits[0].body, hits[1].body) {
					t.Errorf("%+v", hits)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newReceiver(t)
			r := newRig(t, to.URL)
			if c.rule != nil {
				c.rule["on"] = fault.OnWebhook
				r.control(t, "POST", "faults", c.rule)
			}
			for _, s := range c.sent {
				r.write(t, s)
			}
			r.settled(t)
			eventually(t, func() bool { return len(to.taken(t)) >= len(strings.Fields(c.want)) })
			r.settled(t)
			taken := to.taken(t)
			if name == "every second" {
				slices.Sort(taken) // a copy may come at any time
			}
			if got := strings.Join(taken, " "); got != c.want {
				t.Errorf("%q was taken, want %q", got, c.want)
			}
			if c.look != nil {
				c.look(t, to.seen())
			}
			for _, m := range r.Chat(user).Messages {
				if m.State != world.Delivered {
					t.Errorf("%+v", m)
				}
			}
		})
	}
}

func TestDelayIsByTheClock(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	r := newRig(t, to.URL)
	r.control(t, "POST", "faults", object{"on": "webhook", "do": "delay", "after": "2h", "next": 1})
	r.write(t, "late")
	r.write(t, "soon")
	r.settled(t)
	if got := strings.Join(to.taken(t), " "); got != "soon" {
		t.Errorf("%q", got)
	}
	r.advance(t, "2h")
	if got := strings.Join(to.taken(t), " "); got != "soon late" {
		t.Errorf("%q", got)
	}
}

func TestEarlyStatus(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	r := newRig(t, to.URL)
	r.write(t, "hello")
	r.settled(t)
	r.control(t, "POST", "faults", object{"on": "webhook", "do": "early"})
	r.code(t, hi)
	answered := time.Now()
	hits := to.seen()
	if last := hits[len(hits)-1]; len(hits) < 2 || !bytes.Contains(hits[1].body, []byte(`"status":"sent"`)) || hits[1].at.After(answered) {
		t.Errorf("%s at %v, answered at %v", last.body, last.at, answered)
	}
	if m := r.last(t); m.State != world.Read {
		t.Errorf("%+v", m)
	}
}

// TestProbabilityFollowsTheSeed strikes the same webhooks in each run with the same seed.
func TestProbabilityFollowsTheSeed(t *testing.T) {
	t.Parallel()
	strikes := func(seed uint64) (pattern string) {
		s := fault.NewSet(seed, func(fault.Fault) {})
		if _, err := s.Add(fault.Fault{On: "call", Do: "error", Code: 4, P: 0.5}); err != nil {
			t.Fatal(err)
		}
		for range 64 {
			pattern += string(rune('0' + len(s.Strike(fault.Deed{On: "call"}, fault.Error))))
		}
		return pattern
	}
	if a, b, c := strikes(1), strikes(1), strikes(2); a != b || a == c || !strings.Contains(a, "0") || !strings.Contains(a, "1") {
		t.Errorf("%s\n%s\n%s", a, b, c)
	}
}

func TestFaultRulesAreChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	for _, bad := range []object{
		{"on": "moon", "do": "error"},
		{"on": "call", "do": "duplicate"},
		{"on": "call", "do": "error"},
		{"on": "call", "do": "error", "code": 7},
		{"on": "call", "do": "failed"},
		{"on": "webhook", "do": "delay", "after": "soon"},
		{"on": "webhook", "do": "duplicate", "p": 2},
		{"on": "webhook", "do": "duplicate", "next": 1, "every": 2},
		{"on": "call", "do": "http", "status": 200},
		{"on": "webhook", "do": "batch", "shape": "ball"},
		{"on": "webhook", "do": "lost", "x": 1},
	} {
		if status, answer, _ := r.call(t, "POST", "/_emulator/faults", text(bad)); status != 400 {
			t.Errorf("%v: %d %s", bad, status, answer)
		}
	}
}

func TestCallFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule     object
		status   int // 0: no answer
		code     int
		accepted int    // messages that are in the chat
		state    string // of the message
	}{
		"error":       {object{"do": "error", "code": 130429, "retry_after": 5}, 429, 130429, 0, ""},
		"subcode":     {object{"do": "error", "code": 190, "subcode": 463}, 401, 190, 0, ""},
		"http":        {object{"do": "http"}, 503, 0, 0, ""},
		"empty":       {object{"do": "http", "status": 502, "body": ""}, 502, 0, 0, ""},
		"reset":       {object{"do": "reset"}, 0, 0, 0, ""},
		"slow":        {object{"do": "slow", "after": "5ms"}, 200, 0, 1, world.Read},
		"lost":        {object{"do": "lost"}, 0, 0, 1, world.Read},
		"hang":        {object{"do": "hang", "after": "5ms"}, 0, 0, 1, world.Read},
		"drop":        {object{"do": "drop"}, 200, 0, 1, world.Dropped},
		"failed":      {object{"do": "failed", "code": 131026}, 200, 0, 1, world.Failed},
		"other type":  {object{"do": "error", "code": 4, "match": object{"type": "image"}}, 200, 0, 1, world.Read},
		"other path":  {object{"do": "error", "code": 4, "match": object{"path": "/media"}}, 200, 0, 1, world.Read},
		"other user":  {object{"do": "error", "code": 4, "match": object{"user": "4900000000"}}, 200, 0, 1, world.Read},
		"this user":   {object{"do": "error", "code": 4, "match": object{"user": "u1"}}, 429, 4, 0, ""},
		"not the 1st": {object{"do": "error", "code": 4, "skip": 1}, 200, 0, 1, world.Read},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := written(t)
			c.rule["on"] = fault.OnCall
			r.control(t, "POST", "faults", c.rule)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.address+path, strings.NewReader(hi))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer demo-access-token")
			status, code := 0, 0
			if res, err := http.DefaultClient.Do(req); err == nil {
				raw, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				var e metaError
				_ = json.Unmarshal(raw, &e) // an answer of the edge is no JSON
				status, code = res.StatusCode, e.Error.Code
				if c.rule["retry_after"] != nil && (res.Header.Get("Retry-After") != "5" || res.Header.Get("x-business-use-case-usage") == "") {
					t.Errorf("headers: %v", res.Header)
				}
			}
			if status != c.status || code != c.code {
				t.Errorf("%d, %d", status, code)
			}
			r.settled(t)
			ms := r.Chat(user).Messages[1:]
			if len(ms) != c.accepted || c.accepted == 1 && ms[0].State != c.state {
				t.Errorf("%+v", ms)
			}
			eventually(t, func() bool { // a call is in the log once it is over
				calls := into[[]struct{ Status int }](t, r.control(t, "GET", "calls", nil))
				return len(calls) == 1 && calls[0].Status == c.status
			})
		})
	}
}

func TestRepeatedSendsAreCounted(t *testing.T) {
	t.Parallel()
	r := written(t)
	for range 2 {
		r.code(t, message("text", object{"body": "hi"}, object{"biz_opaque_callback_data": "d1"}))
	}
	r.settled(t)
	state := into[struct{ Counters world.Counters }](t, r.control(t, "GET", "state", nil))
	if c := state.Counters; c.Repeated != 1 || c.Accepted != 2 || c.Typed != 1 || c.Taken != 1 || c.Waiting != 0 || c.Read != 2 {
		t.Errorf("%+v", c)
	}
}

func TestLogOfWebhooks(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	r := newRig(t, to.URL)
	r.write(t, "hello")
	r.settled(t)
	type attempt struct {
		N, Status       int
		Body, Signature string
	}
	list := into[[]attempt](t, r.control(t, "GET", "webhooks", nil))
	if len(list) != 1 || list[0].Body != "" || list[0].Status != 200 {
		t.Fatalf("%+v", list)
	}
	one := into[attempt](t, r.control(t, "GET", "webhooks/1", nil))
	if one.Body != string(to.seen()[0].body) || !strings.HasPrefix(one.Signature, "sha256=") {
		t.Errorf("%+v", one)
	}
	r.control(t, "POST", "webhooks/1/redeliver", nil)
	r.control(t, "POST", "webhooks", object{"field": "account_update", "value": object{"event": "DISABLED_UPDATE", "x": "ä/"}})
	r.control(t, "POST", "webhooks", object{"body": "no JSON"})
	r.settled(t)
	var got [][]byte
	for _, h := range to.seen() {
		if !h.signed {
			t.Errorf("not signed: %s", h.body)
		}
		got = append(got, h.body)
	}
	all := string(bytes.Join(got, []byte("\n")))
	if len(got) != 4 || !strings.Contains(all, `"field":"account_update"`) || !strings.Contains(all, `"x":"\u00e4\/"`) || !strings.Contains(all, "no JSON") {
		t.Errorf("%s", all)
	}
}
