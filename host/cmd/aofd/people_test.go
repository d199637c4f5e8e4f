package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// agents is a server with two agents that say who they are, what they were asked, and how much they remember.
func agents(t testing.TB, names ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range names {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var q struct {
				Message struct{ Text string }
				History []json.RawMessage
			}
			_ = json.NewDecoder(r.Body).Decode(&q)
			if strings.Contains(q.Message.Text, "slowly") {
				time.Sleep(1500 * time.Millisecond)
			}
			_ = json.NewEncoder(w).Encode(map[string]any{
				"text": fmt.Sprintf("%s: %s (%d)", name, strings.ReplaceAll(q.Message.Text, "\n", "+"), len(q.History)),
			})
		}))
		t.Cleanup(srv.Close)
		files["agents/"+name+".yaml"] = fmt.Sprintf("kind: Agent\nmetadata: {name: %s}\nspec:\n  http: {url: %q}\n", name, srv.URL)
	}
	return files
}

// last waits until the newest of n answers is there and returns its text.
func (b *bed) last(user string, n int) string {
	b.Helper()
	return body(b, b.answers(user, n)[n-1])["text"].(map[string]any)["body"].(string)
}

// TestCancel: who asked, or the operator, ends what an agent works on; the agent is stopped, and the person told once.
func TestCancel(t *testing.T) {
	t.Parallel()
	asked, stopped := make(chan struct{}, 1), make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else nobody notices that the caller has left
		asked <- struct{}{}
		<-r.Context().Done()
		stopped <- struct{}{}
	}))
	t.Cleanup(srv.Close)
	b := newBed(t, map[string]string{
		"config.yaml":   daemonHead + "\n  agents: {directory: agents}\n",
		"agents/a.yaml": fmt.Sprintf("kind: Agent\nmetadata: {name: a}\nspec:\n  http: {url: %q}\n", srv.URL),
	})
	b.emulate()
	b.serve()
	const user = "4915112345678"
	ends := func(id, want string, n int) {
		t.Helper()
		if got := b.last(user, n); !strings.Contains(got, want) {
			t.Errorf("the person is told %q, not %q", got, want)
		}
		select {
		case <-stopped:
		case <-time.After(30 * time.Second):
			t.Error("the agent is not stopped")
		}
		if out, _ := b.cli("trace", id); !strings.Contains(out, "turn.cancelled") || !strings.Contains(out, "interrupted") {
			t.Errorf("the trace tells:\n%s", out)
		}
	}
	id := b.phone(map[string]any{"from": user, "type": "text", "text": "delete everything"})
	<-asked
	b.phone(map[string]any{"from": user, "type": "text", "text": "/cancel"})
	ends(id, "Cancelled: ", 1)
	b.phone(map[string]any{"from": user, "type": "text", "text": "/cancel"})
	if got := b.last(user, 2); got != "ℹ️ Nothing of yours is being worked on." {
		t.Errorf("then %q", got)
	}

	id = b.phone(map[string]any{"from": user, "type": "text", "text": "delete it again"})
	<-asked
	if out, code := b.cli("cancel", id, "--reason", "not today"); code != exitOK {
		t.Fatalf("%d %s", code, out)
	}
	ends(id, "stopped by the operator (ref ", 3)
	if out, code := b.cli("cancel", id); code != exitRefused {
		t.Errorf("once more: %d %s", code, out)
	}
	if s := b.status().Backlog; s.InboxPending != "0" {
		t.Errorf("left: %+v", s)
	}
}

// TestChangedIdentity: who has another number, and then another user id, goes on with the same agent, which
// remembers; an allow-list does not follow to the new number.
func TestChangedIdentity(t *testing.T) {
	t.Parallel()
	files := agents(t, "first", "second")
	files["config.yaml"] = daemonHead + "\n  agents: {directory: agents}\n  runtime: {default_agent: first}\n"
	b := newBed(t, files)
	b.emulate()
	b.serve()
	user := "4915112345678"
	b.phone(map[string]any{"from": user, "type": "text", "text": "/agent second"})
	b.last(user, 1)
	b.phone(map[string]any{"from": user, "type": "text", "text": "one"})
	if got := b.last(user, 2); got != "second: one (0)" {
		t.Fatalf("got %q", got)
	}
	for n, change := range []struct{ path, body string }{
		{"number", `{"phone": "4915187654321"}`}, {"user-id", `{}`},
	} {
		code, answer, err := post(t.Context(), "http://"+b.emulator+"/_emulator/people/"+user+"/"+change.path, change.body)
		if err != nil || code != http.StatusOK {
			t.Fatalf("%s: %d %s %v", change.path, code, answer, err)
		}
		user = "4915187654321"
		b.phone(map[string]any{"from": user, "type": "text", "text": "again"})
		if got, want := b.last(user, 3+n), fmt.Sprintf("second: again (%d)", 2+2*n); got != want {
			t.Errorf("after the change of the %s: got %q, want %q", change.path, got, want)
		}
	}
}

// TestBurstIsAnsweredTogether: lines that somebody writes one after the other make one question.
func TestBurstIsAnsweredTogether(t *testing.T) {
	t.Parallel()
	files := agents(t, "echo")
	files["config.yaml"] = daemonHead + "\n  agents: {directory: agents}\n  runtime: {coalesce_window_secs: 2}\n"
	b := newBed(t, files)
	b.emulate()
	b.serve()
	const user = "4915112345678"
	var ids []string
	for _, text := range []string{"a", "b", "c", "d", "e"} { // more than one person may have tasks
		ids = append(ids, b.phone(map[string]any{"from": user, "type": "text", "text": text}))
	}
	if got := b.last(user, 1); got != "echo: a+b+c+d+e (0)" {
		t.Errorf("got %q", got)
	}
	if out, _ := b.cli("trace", ids[4]); !strings.Contains(out, "answered together with") {
		t.Errorf("the trace of the last line:\n%s", out)
	}
}

// TestTypingIsShown: while an agent works, the phone shows that somebody writes, and that the message was read.
func TestTypingIsShown(t *testing.T) {
	t.Parallel()
	files := agents(t, "echo")
	files["config.yaml"] = daemonHead + "\n  agents: {directory: agents}\n"
	b := newBed(t, files)
	b.emulate()
	b.serve()
	const user = "4915112345678"
	b.phone(map[string]any{"from": user, "type": "text", "text": "slowly"})
	eventually(t, "a sign", func() error {
		raw, err := get("http://" + b.emulator + "/_emulator/chat?user=" + user)
		if err == nil && !strings.Contains(string(raw), `"typing":true`) && !strings.Contains(string(raw), `"typing": true`) {
			err = fmt.Errorf("nobody types: %s", raw)
		}
		return err
	})
	b.last(user, 1)
}
