package emulator_test

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

func TestOtherPagesAreKeptOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	good := text(object{"from": user, "type": "text", "text": "hi"})
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
	}{
		{"form", "POST", "/_emulator/send", good, []string{"Content-Type", "text/plain"}, 415},
		{"other origin", "POST", "/_emulator/send", good, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"other host", "GET", "/_emulator/chat?user=" + user, "", []string{"Host", "evil.example:4004"}, 421},
		{"Meta's host, control", "GET", "/_emulator/state", "", []string{"Host", "graph.facebook.com"}, 421},
		{"Meta's host", "POST", path, hi, []string{"Host", "graph.facebook.com"}, 200},
		{"other host, page", "GET", "/", "", []string{"Host", "evil.example"}, 421},
		{"own host", "GET", "/_emulator/healthz", "", []string{"Host", "localhost:1"}, 200},
		{"own host, v6", "GET", "/_emulator/healthz", "", []string{"Host", "[::1]:1"}, 200},
		{"no user", "GET", "/_emulator/chat", "", nil, 400},
		{"not JSON", "POST", "/_emulator/send", "{", nil, 400},
		{"unknown member", "POST", "/_emulator/send", `{"from":"4915112345678","type":"text","text":"a","x":1}`, nil, 400},
		{"no number", "POST", "/_emulator/send", `{"from":"bob","type":"text","text":"a"}`, nil, 400},
		{"no text", "POST", "/_emulator/send", `{"from":"4915112345678","type":"text"}`, nil, 400},
		{"no title", "POST", "/_emulator/send", `{"from":"4915112345678","type":"button_reply","id":"a"}`, nil, 400},
		{"unknown type", "POST", "/_emulator/send", `{"from":"4915112345678","type":"poll"}`, nil, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, answer, h := r.call(t, c.method, c.path, c.body, c.header...)
			if status != c.status || h.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
}

func TestChatHasBothDirections(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	r.call(t, "POST", "/_emulator/send", text(object{"from": user, "type": "text", "text": "a/b"}))
	r.call(t, "POST", path, message("text", object{"body": "yes"}))
	_, answer, _ := r.call(t, "GET", "/_emulator/chat?user="+user, "")
	c := into[world.View](t, answer)
	if len(c.Messages) != 2 || c.Messages[0].Direction != world.FromUser || c.Messages[1].Direction != world.ToUser ||
		!bytes.Contains(c.Messages[0].Body, []byte("a/b")) || !bytes.Contains(c.Messages[1].Body, []byte("yes")) {
		t.Errorf("%s", answer)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	r.write(t, "one")
	r.settled(t)
	events, stop := r.stream(t, "")
	r.write(t, "two")
	at := events(t, "message", "two")
	stop()
	r.write(t, "three")
	events, stop = r.stream(t, at)
	events(t, "message", "three") // nothing was missed
	stop()
	events, stop = r.stream(t, "99999")
	defer stop()
	events(t, "reset", "{}")
}

// stream opens the stream of events. The first function waits for an event of a kind whose data holds some
// text, and returns its id.
func (r rig) stream(t *testing.T, after string) (next func(t *testing.T, kind, text string) (id string), stop func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.address+"/_emulator/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	next = func(t *testing.T, kind, text string) (id string) {
		t.Helper()
		var is string
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case name == "id":
				id = value
			case name == "event":
				is = value
			case name == "data" && is == kind && strings.Contains(value, text):
				return id
			}
		}
		t.Fatalf("no event %s with %q: %v", kind, text, lines.Err())
		return ""
	}
	return next, func() {
		cancel()
		_ = res.Body.Close()
	}
}

// output is a writer for several goroutines.
type output struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ token, want string }{
		"shakes hands":     {"demo-verify-token", "Webhook handshake: done"},
		"wrong verify key": {"other", "Webhook handshake: failed, the daemon answered 403"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := emulator.Defaults()
			s.Listen, s.Webhook, s.VerifyToken = "127.0.0.1:0", newDaemon(t, 0).URL, c.token
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var out output
			done := make(chan error, 1)
			go func() { done <- emulator.New(s).Run(ctx, emulator.Words{Out: &out, Webhook: s.Webhook}) }()
			eventually(t, func() bool { return strings.Contains(out.String(), c.want) })
			if !strings.HasPrefix(out.String(), "Phone page: http://127.0.0.1:") {
				t.Errorf("printed %q", out.String())
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*emulator.Settings)
		want   string
	}{
		"all interfaces":  {func(s *emulator.Settings) { s.Listen = ":4004" }, "only the loopback interface"},
		"another machine": {func(s *emulator.Settings) { s.Listen = "192.0.2.1:4004" }, "only the loopback interface"},
		"a name":          {func(s *emulator.Settings) { s.Listen = "example.org:4004" }, "only the loopback interface"},
		"no port":         {func(s *emulator.Settings) { s.Listen = "127.0.0.1" }, "not host:port"},
		"no webhook":      {func(s *emulator.Settings) { s.Webhook = "localhost" }, "--webhook"},
		"no secret":       {func(s *emulator.Settings) { s.AppSecret = "" }, "--app-secret"},
		"bad user":        {func(s *emulator.Settings) { s.User = "+49" }, "--user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := emulator.Defaults()
			c.change(&s)
			err := emulator.New(s).Run(t.Context(), emulator.Words{Out: &output{}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
