package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestExampleAgents: the agents of the examples, in three languages and over gRPC, answer through the daemon.
func TestExampleAgents(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	files := map[string]string{"config.yaml": daemonHead + `
  agents: {directory: agents, recursive: true}
  runtime: {default_agent: echo, max_tasks_per_user: 100}
  triggers:
    - name: all
      platform: whatsapp
      routing:
        rules:
          - match: {text_contains: machine}
            agent: machine
          - match: {text_contains: pods}
            agent: cluster
          - match: {text_contains: count}
            agent: count
          - match: {text_contains: shout}
            agent: shout
          - match: {text_contains: think}
            agent: thinker
`, "agents/thinker.yaml": "name: thinker\nmodel: openai:gpt-4o\ninstructions: Think.\n"}
	b := newBed(t, files)
	for _, name := range []string{"echo.yaml", "echo.sh", "machine.yaml", "machine.sh", "cluster.yaml", "cluster.sh", "python/count.yaml", "python/count.py", "shout/shout.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, "examples/agents", name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(b.dir, "agents", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b.env = []string{"SHOUT_ADDR=" + address, "PATH=" + withoutKubectl(t)}
	start(t, nil, "shout", "--listen", address)
	b.emulate()
	b.serve()
	const user = "4915112345678"
	for i, c := range []struct{ say, want string }{
		{`tell me "this" 👋`, `tell me \"this\" 👋`},
		{"machine?", "Load:"},
		{"show pods", "pod:shop/payment-7d4b8"},
		{"count these words", "3 words, 17 characters"},
		{"shout it", "SHOUT IT"},
		{"think!", "needs a language model"},
	} {
		b.phone(map[string]any{"from": user, "type": "text", "text": c.say})
		got := b.answers(user, i+1)[i]
		if s := string(got.Body); !strings.Contains(s, c.want) && !strings.Contains(fmt.Sprint(body(t, got)), strings.ReplaceAll(c.want, `\"`, `"`)) {
			t.Errorf("%q was answered with %s", c.say, s)
		}
	}
}

// withoutKubectl is a PATH on which no kubectl finds a real cluster.
func withoutKubectl(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir + ":" + os.Getenv("PATH")
}

// TestFailingAgents: each way in which an agent fails is one clear sentence for the user and a reason in the
// trace.
func TestFailingAgents(t *testing.T) {
	t.Parallel()
	agent := func(name, command string) string {
		return fmt.Sprintf("kind: Agent\nmetadata: {name: %s}\nspec:\n  exec: {command: [sh, -c, %q], timeout_secs: 2}\n", name, command)
	}
	b := newBed(t, map[string]string{
		"config.yaml": daemonHead + `
  agents: {directory: agents}
  runtime: {default_agent: crash, max_tasks_per_user: 100}
`,
		"agents/crash.yaml":   agent("crash", "echo the disk is gone >&2; exit 3"),
		"agents/garbage.yaml": agent("garbage", `echo '{"txt": 1}'`),
		"agents/slow.yaml":    agent("slow", "sleep 100 & sleep 100"),
		"agents/silent.yaml":  agent("silent", "true"),
		"agents/refused.yaml": agent("refused", `echo '{"text":"still worth reading","actions":[{"label":"L"}]}'`),
	})
	b.emulate()
	b.serve()
	const user = "4915112345678"
	n := 0
	for _, c := range []struct{ agent, user, trace string }{
		{"crash", "Something went wrong (ref ", "exit status 3: the disk is gone"},
		{"garbage", "Something went wrong (ref ", "AGENT_GARBAGE"},
		{"slow", "Stopped after 2s (ref ", "AGENT_TIMEOUT"},
	} {
		b.phone(map[string]any{"from": user, "type": "text", "text": "/agent " + c.agent})
		n++
		b.answers(user, n)
		id := b.phone(map[string]any{"from": user, "type": "text", "text": "go"})
		n++
		if got := string(b.answers(user, n)[n-1].Body); !strings.Contains(got, c.user) {
			t.Errorf("%s: the user sees %s", c.agent, got)
		}
		_, ref, _ := strings.Cut(string(b.answers(user, n)[n-1].Body), "(ref ")
		for _, by := range []string{id, ref[:6]} {
			if out, _ := b.cli("trace", by); !strings.Contains(out, c.trace) {
				t.Errorf("%s: the trace of %s has no %q:\n%s", c.agent, by, c.trace, out)
			}
		}
	}
	b.phone(map[string]any{"from": user, "type": "text", "text": "/agent refused"})
	b.answers(user, n+1)
	id := b.phone(map[string]any{"from": user, "type": "text", "text": "go"})
	n += 2
	if got := string(b.answers(user, n)[n-1].Body); !strings.Contains(got, "still worth reading") || !strings.Contains(got, "cannot be shown here (ref ") {
		t.Errorf("an answer that the platform refuses: the user sees %s", got)
	}
	if out, _ := b.cli("trace", id); !strings.Contains(out, "action 1 has no id") {
		t.Errorf("the trace of a refused answer:\n%s", out)
	}
	b.phone(map[string]any{"from": user, "type": "text", "text": "/agent silent"})
	b.answers(user, n+1)
	id = b.phone(map[string]any{"from": user, "type": "text", "text": "go"})
	eventually(t, "the silent agent's outcome", func() error {
		if out, _ := b.cli("trace", id); !strings.Contains(out, "nothing to say") {
			return errors.New(out)
		}
		return nil
	})
}

// TestLimits: no more runs at once than configured, and a user who sends too much is told so.
func TestLimits(t *testing.T) {
	t.Parallel()
	var running, most atomic.Int32
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		_, _ = w.Write([]byte("done"))
	}))
	t.Cleanup(srv.Close)
	b := newBed(t, map[string]string{
		"config.yaml": daemonHead + `
  agents: {directory: agents}
  runtime: {max_concurrent_tasks: 2, max_tasks_per_user: 2}
`,
		"agents/slow.yaml": fmt.Sprintf("kind: Agent\nmetadata: {name: slow}\nspec:\n  http: {url: %q}\n", srv.URL),
	})
	b.emulate()
	b.serve()
	for u := range 4 {
		for range 2 {
			b.phone(map[string]any{"from": fmt.Sprintf("4915100000%d", u), "type": "text", "text": "work"})
		}
	}
	eventually(t, "two runs", func() error {
		if n := running.Load(); n != 2 {
			return fmt.Errorf("%d are running", n)
		}
		return nil
	})
	b.phone(map[string]any{"from": "49151000000", "type": "text", "text": "more"})
	if got := string(b.answers("49151000000", 1)[0].Body); !strings.Contains(got, "too many active tasks") {
		t.Errorf("the third message was answered with %s", got)
	}
	b.phone(map[string]any{"from": "49151000003", "type": "text", "text": "/status"}) // does not wait
	if got := string(b.answers("49151000003", 1)[0].Body); !strings.Contains(got, "waits") {
		t.Errorf("/status was answered with %s", got)
	}
	close(release)
	settled(b)
	if most.Load() != 2 {
		t.Errorf("%d runs at once", most.Load())
	}
	for u := range 4 {
		n := 0
		for _, e := range b.chat(fmt.Sprintf("4915100000%d", u)) {
			if strings.Contains(string(e.Body), `"done"`) {
				n++
			}
		}
		if n != 2 {
			t.Errorf("user %d has %d answers of the agent", u, n)
		}
	}
}
