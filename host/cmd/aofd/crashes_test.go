package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/failpoint"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
)

// crashConfig tells nobody that the work goes on, so that each message has one answer.
const crashConfig = daemonHead + `
  agents: {directory: agents}
  runtime: {default_agent: echo, max_tasks_per_user: 1000, progress_after_secs: 0, signals: none}
  triggers:
    - name: all
      platform: whatsapp
      routing: {rules: [{match: {text_contains: die}, agent: mortal}]}
`

// crashes is a run of kills under traffic.
type crashes struct {
	*bed
	rand *rand.Rand

	mu    sync.Mutex
	users []*talker // who talked, or does

	plugin atomic.Int64 // process of the plugin that dies at its next send; 0: none
	before bool         // it dies before the platform has the request
	died   chan struct{}
}

// talker is a person who writes several messages, each once the one before was taken.
type talker struct {
	id    string
	said  []string // texts, in order
	taken []string // ids of messages that were acknowledged, in the same order
}

// messagesEach is less than any limit per recipient.
const messagesEach = 6

// talk keeps n people talking, one after another, until ctx ends; then all finish what they began.
func (c *crashes) talk(ctx context.Context, n int) *sync.WaitGroup {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				u := &talker{id: fmt.Sprintf("49151%08d", next.Add(1))}
				c.mu.Lock()
				c.users = append(c.users, u)
				c.mu.Unlock()
				for i := range messagesEach {
					c.say(u, i)
				}
			}
		})
	}
	return &wg
}

// say sends one message, again and again until it is acknowledged, as the platform does.
func (c *crashes) say(u *talker, i int) {
	id, text := fmt.Sprintf("wamid.%s.%d", u.id, i), fmt.Sprintf("say %d", i)
	if (i+len(u.id)+int(u.id[len(u.id)-1]))%9 == 0 {
		text = fmt.Sprintf("die %d", i)
	}
	u.said = append(u.said, text)
	hook := textWebhook(id, u.id, text)
	for try := 0; ; try++ {
		code, answer, err := post(context.Background(), "http://"+c.address+"/webhook/whatsapp", hook,
			"X-Hub-Signature-256", "sha256="+sign(hook, appSecret))
		if err == nil && code == http.StatusOK {
			break
		}
		if try > 1500 {
			c.Errorf("%s was never taken: %d %s %v", id, code, answer, err)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	u.taken = append(u.taken, id)
	time.Sleep(20 * time.Millisecond)
}

// graph stands between the plugin and the platform, and kills the plugin around a request if it is to.
func (c *crashes) graph(w http.ResponseWriter, r *http.Request) {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: c.emulator})
	pid := int64(0)
	if strings.HasSuffix(r.URL.Path, "/messages") {
		pid = c.plugin.Swap(0)
	}
	if pid == 0 {
		proxy.ServeHTTP(w, r)
		return
	}
	if !c.before {
		proxy.ServeHTTP(httptest.NewRecorder(), r)
	}
	_ = syscall.Kill(int(pid), syscall.SIGKILL)
	c.died <- struct{}{}
	panic(http.ErrAbortHandler)
}

// begin starts the daemon, which dies at a place if one is given. It returns when the daemon is ready or dead.
func (c *crashes) begin(place string, times int) {
	c.Helper()
	_, port, _ := strings.Cut(c.address, ":")
	env := []string{fmt.Sprintf("AOFD_FAILPOINT=%s=%d", place, times)}
	c.daemon = start(c, env, failingName, "serve", "-c", filepath.Join(c.dir, "config.yaml"), "--port", port,
		"--data-dir", filepath.Join(c.dir, "data"))
	eventually(c, "the daemon", func() error {
		select {
		case <-c.daemon.done:
			if place == "" {
				c.Fatalf("the daemon ended: %s", c.daemon.out)
			}
			return nil
		default:
		}
		_, err := get("http://" + c.address + "/ready")
		return err
	})
}

// kill kills the daemon, if it is still there.
func (c *crashes) kill() {
	_ = c.daemon.Process.Kill()
	<-c.daemon.done
}

// cycle is one kill and what comes after it. It returns what was done.
func (c *crashes) cycle(n int) string {
	c.Helper()
	switch what := c.rand.IntN(8); {
	case n < len(failpoint.Places) || what < 4: // each place at least once
		place := failpoint.Places[c.rand.IntN(len(failpoint.Places))]
		if n < len(failpoint.Places) {
			place = failpoint.Places[n]
		}
		times := 1 + c.rand.IntN(6)
		c.kill()
		c.begin(place, times)
		select {
		case <-c.daemon.done:
		case <-time.After(20 * time.Second):
			c.Errorf("the daemon never came to %s for the %d. time", place, times)
			c.kill()
		}
		c.begin("", 0)
		return fmt.Sprintf("daemon at %s, %d. time", place, times)
	case what == 4:
		wait := time.Duration(c.rand.IntN(400)) * time.Millisecond
		time.Sleep(wait)
		c.kill()
		c.begin("", 0)
		return fmt.Sprintf("daemon after %s", wait)
	default:
		pid := c.pluginPID(0)
		c.before = c.rand.IntN(2) == 0
		what := "plugin after its request"
		switch {
		case c.before:
			what = "plugin before its request"
			fallthrough
		case c.rand.IntN(3) > 0:
			c.plugin.Store(int64(pid))
			select {
			case <-c.died:
			case <-time.After(20 * time.Second):
				c.Errorf("the plugin sent nothing for 20 seconds")
			}
		default:
			what = "plugin at random"
			time.Sleep(time.Duration(c.rand.IntN(300)) * time.Millisecond)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		c.pluginPID(pid)
		return what
	}
}

// pluginPID waits for a plugin that runs and is not the old one.
func (c *crashes) pluginPID(old int) (pid int) {
	c.Helper()
	eventually(c, "a plugin", func() error {
		p := c.status().Platforms
		if len(p) != 1 || p[0].State != "ready" || p[0].PID == old || p[0].PID == 0 {
			return fmt.Errorf("platforms: %+v", p)
		}
		pid = p[0].PID
		return nil
	})
	return pid
}

// check compares what the people were told with what they said, and with what the store knows.
func (c *crashes) check() {
	c.Helper()
	s, err := sqlite.Open(c.Context(), filepath.Join(c.dir, "data", "aofd.db"), sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	states := map[store.DeliveryState]int{}
	for _, u := range c.users {
		got := c.answersOf(u)
		last := -1
		for i, id := range u.taken {
			cause := "whatsapp/" + phoneNumberID + "/" + id
			// A message that was cut too often is given up, and its sender told so.
			apology := "❌ Something went wrong (ref " + store.Reference(cause) + ")."
			d, err := s.Delivery(c.Context(), store.DeliveryID(cause, 1))
			if err != nil {
				c.Errorf("%s was acknowledged and has no answer: %v", id, err)
				continue
			}
			states[d.State]++
			at, n := -1, 0
			for k, text := range got {
				if text == u.said[i] && !strings.HasPrefix(text, "die") || text == apology {
					at, n = k, n+1
				}
			}
			switch {
			case n > 1:
				c.Errorf("%s was answered %d times", id, n)
			case n == 0 && d.State != store.StateUnknown:
				c.Errorf("the answer to %s is %s, and nobody got it: %q", id, d.State, got)
			case n == 1 && at < last:
				c.Errorf("the answer to %s came too late: %q", id, got)
			case n == 1 && d.State == store.StateFailed:
				c.Errorf("the answer to %s failed, and was read", id)
			case n == 1:
				last = at
			}
		}
		if len(got) > len(u.taken) {
			c.Errorf("%s has %d answers to %d messages: %q", u.id, len(got), len(u.taken), got)
		}
	}
	c.Logf("answers: %v", states)
	for state := range states {
		switch state {
		case store.StateSent, store.StateDelivered, store.StateRead, store.StateUnknown:
		default:
			c.Errorf("%d answers are %s", states[state], state)
		}
	}
}

// answersOf returns the texts that a person got, in order.
func (c *crashes) answersOf(u *talker) (out []string) {
	for _, e := range c.chat(u.id) {
		if e.Direction == "to_user" {
			out = append(out, body(c, e)["text"].(map[string]any)["body"].(string))
		}
	}
	return out
}

// TestCrashes kills the daemon at each place at which that hurts, the plugin around its requests, agents while
// they work, and daemon and plugin at random, all under traffic. Nothing that was acknowledged is lost, nothing
// is answered twice, each person gets the answers in order, and what was cut off while it was sent is settled or
// known to be unknown. AOFD_CRASHES is the number of kills, AOFD_CRASH_SEED repeats a run.
func TestCrashes(t *testing.T) {
	t.Parallel()
	cycles, _ := strconv.Atoi(os.Getenv("AOFD_CRASHES"))
	if cycles == 0 {
		cycles = 10
	}
	seed, err := strconv.ParseUint(os.Getenv("AOFD_CRASH_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("AOFD_CRASH_SEED=%d", seed)
	bin(t)
	if err := failing(); err != nil {
		t.Fatal(err)
	}
	c := &crashes{rand: rand.New(rand.NewPCG(seed, 0)), died: make(chan struct{}, 1)}
	graph := httptest.NewServer(http.HandlerFunc(c.graph))
	t.Cleanup(graph.Close)
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q request
		_ = json.NewDecoder(r.Body).Decode(&q)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		_ = json.NewEncoder(w).Encode(map[string]any{"text": q.Message.Text})
	}))
	t.Cleanup(agent.Close)
	c.bed = newBed(t, map[string]string{
		"config.yaml":        strings.ReplaceAll(crashConfig, "GRAPH", graph.URL),
		"agents/echo.yaml":   fmt.Sprintf("kind: Agent\nmetadata: {name: echo}\nspec:\n  http: {url: %q}\n", agent.URL),
		"agents/mortal.yaml": "kind: Agent\nmetadata: {name: mortal}\nspec:\n  exec: {command: [sh, -c, 'kill -9 $$']}\n",
	})
	c.emulate()
	c.begin("", 0)
	talking, hush := context.WithCancel(t.Context())
	defer hush()
	talkers := c.talk(talking, 12)
	for n := range cycles {
		t.Logf("%3d: %s", n+1, c.cycle(n))
		if n%3 == 2 {
			c.kill() // so that the plugin does not get into quarantine
			c.begin("", 0)
		}
	}
	hush()
	talkers.Wait()
	settled(c.bed)
	c.daemon.stop(t)
	c.check()
}
