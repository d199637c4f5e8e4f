package ingress_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
	"golang.org/x/sync/semaphore"

	"github.com/aof-dev/aofd/host/internal/ingress"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/telemetry"
	"github.com/aof-dev/aofd/sdk/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parser answers with what the test says and remembers what it was asked.
type parser struct {
	mu    sync.Mutex
	asked []chat.Request
	batch chat.Batch
	err   error
}

func (p *parser) ParseMessage(_ context.Context, r chat.Request) (chat.Batch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r)
	return p.batch, p.err
}

// inbox remembers what was stored.
type inbox struct {
	mu    sync.Mutex
	got   []store.Inbound
	err   error
	fails map[int]error // by how much was stored before
	block chan struct{}
}

func (i *inbox) Accept(ctx context.Context, in store.Inbound, filed func(store.Appended)) error {
	if i.block != nil {
		select {
		case <-i.block:
		case <-ctx.Done():
			return store.ErrBusy
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := cmp.Or(i.err, i.fails[len(i.got)]); err != nil {
		return err
	}
	i.got = append(i.got, in)
	filed(store.Appended{New: make([]string, len(in.Messages))})
	return nil
}

func (i *inbox) stored() []store.Inbound {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.got
}

func message(id string) chat.Message {
	return chat.Message{ID: id, Platform: "forged", Account: "a/1", ChannelID: "c", User: chat.User{ID: "u"}, Text: "hi"}
}

func valid(ms ...chat.Message) chat.Batch {
	return chat.Batch{Verification: chat.Verification{Verdict: chat.VerdictValid}, Messages: ms}
}

func handler(p *parser, i *inbox, change func(*ingress.Settings)) *ingress.Handler {
	s := ingress.Settings{
		Platform: "echo", ContentTypes: func() []string { return []string{"application/json"} }, Parser: p, Inbox: i,
		Lane:    func(chat.Message) store.LaneKind { return store.LaneTurn },
		Arrived: func(...store.LaneKind) {}, MaxPerUser: 3, MaxBodyBytes: 1024, Timeout: 2 * time.Second,
		InFlight: semaphore.NewWeighted(1 << 20), Logger: slog.New(slog.DiscardHandler),
		Metrics: telemetry.New("test", func() (store.Backlog, error) { return store.Backlog{}, nil }),
	}
	if change != nil {
		change(&s)
	}
	return ingress.New(s)
}

func post(h http.Handler, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/webhook/echo?x=1", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	reply := func(status int) *chat.HTTPReply { return &chat.HTTPReply{Status: status, Body: []byte("said")} }
	cases := []struct {
		name  string
		batch chat.Batch
		err   error
		store error
		want  int
		kept  int
	}{
		{"valid", valid(message("1")), nil, nil, 200, 1},
		{"valid without events", valid(), nil, nil, 200, 0},
		{"valid with only issues", chat.Batch{
			Verification: chat.Verification{Verdict: chat.VerdictValid}, Issues: []chat.Issue{{Reason: "X"}},
		}, nil, nil, 200, 0},
		{"no verdict is invalid", chat.Batch{Messages: []chat.Message{message("1")}}, nil, nil, 401, 0},
		{"invalid", chat.Batch{Verification: chat.Verification{Verdict: chat.VerdictInvalid}}, nil, nil, 401, 0},
		{"invalid with the plugin's 403", chat.Batch{
			Verification: chat.Verification{Verdict: chat.VerdictInvalid, Reply: reply(403)},
		}, nil, nil, 403, 0},
		{"invalid never becomes a success", chat.Batch{
			Verification: chat.Verification{Verdict: chat.VerdictInvalid, Reply: reply(200)},
		}, nil, nil, 401, 0},
		{"challenge", chat.Batch{
			Verification: chat.Verification{Verdict: chat.VerdictChallenge, Reply: reply(200)},
		}, nil, nil, 200, 0},
		{"challenge without an answer", chat.Batch{
			Verification: chat.Verification{Verdict: chat.VerdictChallenge},
		}, nil, nil, 403, 0},
		{"signed but no webhook", chat.Batch{}, &chat.Error{Reason: chat.ReasonParseFailed, Text: "no"}, nil, 200, 0},
		{"plugin down", chat.Batch{}, &chat.Error{Reason: chat.ReasonUnavailable, Text: "gone"}, nil, 503, 0},
		{"plugin panicked", chat.Batch{}, errors.New("boom"), nil, 503, 0},
		{"store down", valid(message("1")), nil, errors.New("disk full"), 503, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i := &inbox{err: c.store}
			w := post(handler(&parser{batch: c.batch, err: c.err}, i, nil), "{}")
			if w.Code != c.want {
				t.Errorf("status %d, want %d (%s)", w.Code, c.want, w.Body)
			}
			if got := len(i.stored()); got != c.kept {
				t.Errorf("%d webhooks stored, want %d", got, c.kept)
			}
			if w.Code == 503 && w.Header().Get("Retry-After") == "" {
				t.Error("a 503 must say when to come again")
			}
		})
	}
}

func TestBytesReachThePluginUnchanged(t *testing.T) {
	t.Parallel()
	p := &parser{batch: valid()}
	body := "{\"a\":\"\\u00e4\\/\"}\r\n "
	post(handler(p, &inbox{}, nil), body, "X-Sig", "sha256=ab")
	if len(p.asked) != 1 {
		t.Fatalf("the plugin was asked %d times", len(p.asked))
	}
	got := p.asked[0]
	if !bytes.Equal(got.Body, []byte(body)) {
		t.Errorf("body %q, want %q", got.Body, body)
	}
	if v, ok := got.Get("x-sig"); !ok || v != "sha256=ab" {
		t.Errorf("header x-sig = %q, %v", v, ok)
	}
	if got.URI != "/webhook/echo?x=1" || got.Method != "POST" || got.ReceivedAt.IsZero() {
		t.Errorf("request %+v", got)
	}
}

func TestAPluginSpeaksForItselfOnly(t *testing.T) {
	t.Parallel()
	i := &inbox{}
	post(handler(&parser{batch: valid(message("1"))}, i, nil), "{}")
	m := i.stored()[0].Messages[0]
	if m.Message.Platform != "echo" || m.Conversation != "echo/a%2F1/c" {
		t.Errorf("platform %q, conversation %q", m.Message.Platform, m.Conversation)
	}
	if i.stored()[0].MaxPerUser != 3 || len(i.stored()[0].Trace) != 1 {
		t.Errorf("inbound %+v", i.stored()[0])
	}
}

func TestRefusedBeforeThePluginIsAsked(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, method, body string
		headers            []string
		want               int
	}{
		{"put", "PUT", "{}", nil, 405},
		{"delete", "DELETE", "", nil, 405},
		{"too large", "POST", strings.Repeat("x", 1025), nil, 413},
		{"xml", "POST", "<a/>", []string{"Content-Type", "text/xml"}, 415},
		{"nonsense type", "POST", "{}", []string{"Content-Type", ";;"}, 415},
		{"compressed", "POST", "{}", []string{"Content-Encoding", "gzip"}, 415},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := &parser{batch: valid(message("1"))}
			r := httptest.NewRequest(c.method, "/webhook/echo", strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/json")
			for j := 0; j+1 < len(c.headers); j += 2 {
				r.Header.Set(c.headers[j], c.headers[j+1])
			}
			w := httptest.NewRecorder()
			handler(p, &inbox{}, nil).ServeHTTP(w, r)
			if w.Code != c.want || len(p.asked) != 0 {
				t.Errorf("status %d, want %d; the plugin was asked %d times", w.Code, c.want, len(p.asked))
			}
			if c.want == 405 && w.Header().Get("Allow") != "GET, POST" {
				t.Errorf("Allow = %q", w.Header().Get("Allow"))
			}
		})
	}
}

// A body whose length is not announced is cut off at the limit as well.
func TestChunkedBodyOverTheLimit(t *testing.T) {
	t.Parallel()
	p := &parser{batch: valid()}
	srv := httptest.NewServer(handler(p, &inbox{}, nil))
	defer srv.Close()
	req, err := http.NewRequest(http.MethodPost, srv.URL, io.MultiReader(strings.NewReader(strings.Repeat("x", 4096))))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 413 || len(p.asked) != 0 {
		t.Errorf("status %d, the plugin was asked %d times", resp.StatusCode, len(p.asked))
	}
}

func TestStoreThatHangsEndsIn503(t *testing.T) {
	t.Parallel()
	i := &inbox{block: make(chan struct{})}
	h := handler(&parser{batch: valid(message("1"))}, i, func(s *ingress.Settings) { s.Timeout = 20 * time.Millisecond })
	if w := post(h, "{}"); w.Code != 503 {
		t.Errorf("status %d, want 503", w.Code)
	}
}

// Whoever holds the memory for bodies gives it back, and who finds none is asked to come again.
func TestMemoryForBodiesIsBounded(t *testing.T) {
	t.Parallel()
	const free = 64 << 10 // of each body
	budget := semaphore.NewWeighted(10)
	h := handler(&parser{batch: valid()}, &inbox{}, func(s *ingress.Settings) {
		s.InFlight, s.Timeout, s.MaxBodyBytes = budget, 20*time.Millisecond, 1<<20
	})
	if w := post(h, strings.Repeat("x", free+11)); w.Code != 503 {
		t.Errorf("over the budget: status %d, want 503", w.Code)
	}
	for range 5 {
		if w := post(h, strings.Repeat("x", free+10)); w.Code != 200 {
			t.Fatalf("within the budget: status %d, want 200", w.Code)
		}
	}
	if !budget.TryAcquire(10) { // somebody holds all of it
		t.Fatal("the budget was not given back")
	}
	if w := post(h, strings.Repeat("x", free)); w.Code != 200 {
		t.Errorf("an ordinary body while large ones hold the budget: status %d, want 200", w.Code)
	}
}

// Bytes that are no UTF-8 do not stop a webhook: only what it is signed with matters.
func TestHeadersInOtherEncodings(t *testing.T) {
	t.Parallel()
	p := &parser{batch: valid(message("1"))}
	h := handler(p, &inbox{}, nil)
	r := httptest.NewRequest(http.MethodPost, "/webhook/p?q=%FF", strings.NewReader("{}"))
	r.URL.RawQuery = "q=\xff"
	r.Header.Set("X-City", "Z\xfcrich")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("status %d, want 200", w.Code)
	}
	asked := p.asked[0]
	if city, _ := asked.Get("x-city"); city != "Z\uFFFDrich" || !utf8.ValidString(asked.URI) {
		t.Errorf("the plugin was asked with %q and %q", city, asked.URI)
	}
}

// A direct chat is known under each id that its user has or had; a group under its own alone.
func TestAliases(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		m    chat.Message
		want []string
	}{
		"ids of the user": {
			chat.Message{ChannelID: "US.1", User: chat.User{ID: "US.1", Aliases: []string{"4915", "4915", ""}}}, []string{"p/a/4915"},
		},
		"one id":  {chat.Message{ChannelID: "4915", User: chat.User{ID: "4915"}}, nil},
		"a group": {chat.Message{ChannelID: "group:1", User: chat.User{ID: "US.1", Aliases: []string{"4915"}}}, nil},
		"in a thread": {
			chat.Message{ChannelID: "u/1", ThreadID: "t", User: chat.User{ID: "u/1", Aliases: []string{"u/2"}}}, []string{"p/a/u%2F2/t"},
		},
		"a changed number": {chat.Message{
			ChannelID: "4917", User: chat.User{ID: "4917"},
			Content: chat.Content{System: &chat.System{PreviousID: "4915", CurrentID: "4917"}},
		}, []string{"p/a/4915"}},
		"told in the old chat": {chat.Message{
			ChannelID: "4915", User: chat.User{ID: "4917"},
			Content: chat.Content{System: &chat.System{PreviousID: "4915", CurrentID: "4917"}},
		}, []string{"p/a/4917"}},
	} {
		c.m.Platform, c.m.Account = "p", "a"
		if got := ingress.Aliases(c.m); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
