package emulator_test

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
)

func TestPage(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	for file, kind := range map[string]string{
		"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript", "/bubble.js": "text/javascript",
		"/markup.js": "text/javascript", "/sheet.js": "text/javascript",
	} {
		status, body, h := r.call(t, "GET", file, "")
		if status != 200 || len(body) == 0 || !strings.HasPrefix(h.Get("Content-Type"), kind) {
			t.Errorf("%s: %d, %s", file, status, h.Get("Content-Type"))
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", file, policy)
		}
		if bytes.Contains(body, []byte("innerHTML")) || regexp.MustCompile(`\son\w+=|(src|href)="(http|//)`).Match(body) {
			t.Errorf("%s has scripts or files from elsewhere in it", file)
		}
	}
}

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
	c := into[emulator.Chat](t, answer)
	if len(c.Messages) != 2 || c.Messages[0].Direction != emulator.FromUser || c.Messages[1].Direction != emulator.ToUser ||
		!bytes.Contains(c.Messages[0].Body, []byte("a/b")) || !bytes.Contains(c.Messages[1].Body, []byte("yes")) {
		t.Errorf("%s", answer)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.address+"/_emulator/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	change := func() bool {
		for lines.Scan() {
			if lines.Text() == "event: change" {
				return true
			}
		}
		return false
	}
	if !change() {
		t.Fatal("no first event")
	}
	if _, err := r.Send(emulator.Typed{From: user, Type: emulator.TypedText, Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	if !change() {
		t.Fatal("no event for a message")
	}
	r.Close()
	for lines.Scan() { // the stream ends with the emulator
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
			go func() { done <- emulator.New(s).Run(ctx, &out) }()
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
			err := emulator.New(s).Run(t.Context(), &output{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
