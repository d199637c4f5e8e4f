package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// loadConfig has room for one user's burst.
const loadConfig = daemonHead + `
  agents: {directory: agents}
  runtime: {max_concurrent_tasks: 16, max_tasks_per_user: 1000, max_messages_per_hour: 0}
`

// load is many messages, each sent several times, at once.
type load struct {
	users, each, copies int
}

func (l load) user(u int) string { return fmt.Sprintf("49151%08d", u) }

// send posts all webhooks and repeats what was not answered with 200, as the platform does.
func (l load) send(b *bed) {
	var wg sync.WaitGroup
	limit := make(chan struct{}, 64)
	for n := range l.each {
		for u := range l.users {
			for range l.copies {
				wg.Go(func() {
					limit <- struct{}{}
					defer func() { <-limit }()
					hook := textWebhook(fmt.Sprintf("wamid.%d.%d", u, n), l.user(u), fmt.Sprintf("m%d", n))
					for try := 0; ; try++ {
						code, answer, err := post(b.Context(), "http://"+b.address+"/webhook/whatsapp", hook, "X-Hub-Signature-256", "sha256="+sign(hook, appSecret))
						if err == nil && code == http.StatusOK {
							return
						}
						if try > 600 || b.Context().Err() != nil {
							b.Errorf("webhook %d/%d was never taken: %d %s %v", u, n, code, answer, err)
							return
						}
						time.Sleep(50 * time.Millisecond) // the platform's pause, shortened
					}
				})
			}
		}
	}
	wg.Wait()
}

// settled waits until nothing waits any more.
func settled(b *bed) status {
	b.Helper()
	var s status
	eventually(b, "all work done", func() error {
		s = b.status()
		if s.Backlog.InboxPending != "0" || s.Backlog.OutboxPending != "0" {
			return fmt.Errorf("inbox %s, outbox %s", s.Backlog.InboxPending, s.Backlog.OutboxPending)
		}
		return nil
	})
	return s
}

// counter is an agent that counts how often it is asked for each message, and echoes.
type counter struct {
	mu   sync.Mutex
	runs map[string]int
}

func (c *counter) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var q request
	_ = json.NewDecoder(req.Body).Decode(&q)
	c.mu.Lock()
	c.runs[q.Message.ID]++
	c.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]any{"text": q.Message.Text})
}

func (c *counter) agentFile(t testing.TB) string {
	t.Helper()
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	return fmt.Sprintf("kind: Agent\nmetadata: {name: echo}\nspec:\n  http: {url: %q}\n", srv.URL)
}

// sent returns how often each answer is on the phones.
func (l load) sent(b *bed) map[string]int {
	b.Helper()
	out := map[string]int{}
	for u := range l.users {
		for _, e := range b.chat(l.user(u)) {
			if e.Direction == "to_user" {
				text := body(b, e)["text"].(map[string]any)["body"].(string)
				out[fmt.Sprintf("%d %s", u, text)]++
			}
		}
	}
	return out
}

// answeredOnce checks, after processes were killed, that every message was answered once, or that its
// delivery is known to be unknown.
func (l load) answeredOnce(b *bed) {
	b.Helper()
	s := settled(b)
	got := l.sent(b)
	for what, n := range got {
		if n != 1 {
			b.Errorf("%s was answered %d times", what, n)
		}
	}
	unknown, _ := s.Backlog.OutboxUnknown.Int64()
	if s.Backlog.OutboxFailed != "0" || len(got)+int(unknown) < l.users*l.each {
		b.Errorf("%d answers, %d unknown, of %d; failed %s", len(got), unknown, l.users*l.each, s.Backlog.OutboxFailed)
	}
	b.Logf("%d answers, %d unknown", len(got), unknown)
}

// TestThousandWebhooksWithDuplicates: every message is answered exactly once, whatever the platform repeats.
func TestThousandWebhooksWithDuplicates(t *testing.T) {
	t.Parallel()
	agent := &counter{runs: map[string]int{}}
	b := newBed(t, map[string]string{"config.yaml": loadConfig, "agents/echo.yaml": agent.agentFile(t)})
	b.emulate()
	b.serve()
	l := load{users: 20, each: 25, copies: 2} // 1,000 webhooks with 500 messages
	l.send(b)
	if s := settled(b); s.Backlog.OutboxUnknown != "0" || s.Backlog.OutboxFailed != "0" {
		t.Fatalf("backlog: %+v", s.Backlog)
	}
	got := l.sent(b)
	for u := range l.users {
		for n := range l.each {
			if c := got[fmt.Sprintf("%d m%d", u, n)]; c != 1 {
				t.Errorf("message %d of user %d was answered %d times", n, u, c)
			}
		}
	}
	if len(got) != l.users*l.each {
		t.Errorf("%d different answers, want %d", len(got), l.users*l.each)
	}
	for id, n := range agent.runs {
		if n != 1 {
			t.Errorf("the agent was asked %d times for %s", n, id)
		}
	}
}

// TestKilledPluginLosesNothing kills the plugin again and again under load: every message is answered once,
// or its delivery is known to be unknown.
func TestKilledPluginLosesNothing(t *testing.T) {
	t.Parallel()
	agent := &counter{runs: map[string]int{}}
	b := newBed(t, map[string]string{"config.yaml": loadConfig, "agents/echo.yaml": agent.agentFile(t)})
	b.emulate()
	b.serve()
	l := load{users: 20, each: 15, copies: 2}
	var kills atomic.Int32
	stop, killed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(killed)
		last := 0
		for {
			select {
			case <-stop:
				return
			case <-time.After(300 * time.Millisecond):
			}
			if p := b.status().Platforms; len(p) == 1 && p[0].PID > 0 && p[0].PID != last && kills.Load() < 3 {
				last = p[0].PID
				if syscall.Kill(last, syscall.SIGKILL) == nil {
					kills.Add(1)
				}
			}
		}
	}()
	l.send(b)
	eventually(t, "three kills", func() error {
		if n := kills.Load(); n < 3 {
			return fmt.Errorf("%d so far", n)
		}
		return nil
	})
	close(stop)
	<-killed
	l.answeredOnce(b)
}

// TestKilledDaemonLosesNothing kills the daemon under load and starts it again: what it had acknowledged is
// answered, and no plugin is left behind.
func TestKilledDaemonLosesNothing(t *testing.T) {
	t.Parallel()
	agent := &counter{runs: map[string]int{}}
	b := newBed(t, map[string]string{"config.yaml": loadConfig, "agents/echo.yaml": agent.agentFile(t)})
	b.emulate()
	b.serve()
	l := load{users: 10, each: 20, copies: 1}
	sent := make(chan struct{})
	go func() { defer close(sent); l.send(b) }()
	for range 2 {
		eventually(t, "some work", func() error {
			agent.mu.Lock()
			defer agent.mu.Unlock()
			if len(agent.runs) < 20 {
				return fmt.Errorf("%d runs", len(agent.runs))
			}
			return nil
		})
		plugin := b.status().Platforms[0].PID
		_ = b.daemon.Process.Kill()
		<-b.daemon.done
		eventually(t, "the plugin's end", func() error {
			if syscall.Kill(plugin, 0) == nil {
				return fmt.Errorf("process %d is still there", plugin)
			}
			return nil
		})
		b.serve()
	}
	<-sent
	l.answeredOnce(b)
}

// TestKilledDaemonLeavesNoAgents: what an agent had started does not go on beside the run that is repeated.
func TestKilledDaemonLeavesNoAgents(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("ends what is left by /proc, which is Linux's")
	}
	b := newBed(t, map[string]string{
		"config.yaml":   loadConfig,
		"agents/a.yaml": "kind: Agent\nmetadata: {name: a}\nspec:\n  exec: {command: [sh, a.sh]}\n",
		"agents/a.sh":   "if [ -e pids ]; then echo again; exit; fi\nsetsid sleep 1000 & echo $! > pids\nsleep 1000\n",
	})
	b.emulate()
	b.serve()
	b.phone(map[string]any{"from": "4915112345678", "type": "text", "text": "go"})
	file := filepath.Join(b.dir, "agents", "pids")
	var pid int
	eventually(t, "the agent's child", func() error {
		raw, err := os.ReadFile(file)
		if err == nil {
			pid, err = strconv.Atoi(strings.TrimSpace(string(raw)))
		}
		return err
	})
	_ = b.daemon.Process.Kill()
	<-b.daemon.done
	b.serve()
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("process %d is still there: %s", pid, stat)
	}
	if got := string(b.answers("4915112345678", 1)[0].Body); !strings.Contains(got, "again") {
		t.Errorf("got %s", got)
	}
}
