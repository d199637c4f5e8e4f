package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
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
	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
)

// crashConfig tells nobody that the work goes on, so that each message has one answer.
const crashConfig = daemonHead + `
  agents: {directory: agents}
  runtime: {default_agent: echo, max_tasks_per_user: 1000, max_messages_per_hour: 0, progress_after_secs: 0, signals: none}
  triggers:
    - name: all
      platform: whatsapp
      routing: {rules: [{match: {text_contains: die}, agent: mortal}]}
`

// crashes is a run of kills under traffic.
type crashes struct {
	testing.TB
	rand     *rand.Rand
	hosts    []*bed         // all with one store
	deaths   map[*bed]int   // of plugins, since their host was started
	database *pgtest.Server // nil: a file
	front    string         // where webhooks go: the address of a host, or of what stands before several

	mu    sync.Mutex
	users []*talker           // who talked, or does
	got   map[string][]string // what the platform took for each of them, in order

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
		code, answer, err := post(context.Background(), "http://"+c.front+"/webhook/whatsapp", hook,
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
	time.Sleep(250 * time.Millisecond) // all together stay below what the account may send
}

// graph stands between the plugin and the platform, and kills the plugin around a request if it is to.
func (c *crashes) graph(w http.ResponseWriter, r *http.Request) {
	pid := int64(0)
	if strings.HasSuffix(r.URL.Path, "/messages") {
		pid = c.plugin.Swap(0)
	}
	if pid == 0 {
		res := c.pass(r)
		maps.Copy(w.Header(), res.Header())
		w.WriteHeader(res.Code)
		_, _ = w.Write(res.Body.Bytes())
		return
	}
	if !c.before {
		c.pass(r)
	}
	_ = syscall.Kill(int(pid), syscall.SIGKILL)
	c.died <- struct{}{}
	panic(http.ErrAbortHandler)
}

// pass hands a request on to the platform and notes what that took. The emulator forgets what is old.
func (c *crashes) pass(r *http.Request) *httptest.ResponseRecorder {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the plugin died while it wrote
	}
	// The platform takes it also when the plugin dies meanwhile.
	r = r.WithContext(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	res := httptest.NewRecorder()
	httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: c.hosts[0].emulator}).ServeHTTP(res, r)
	var m struct {
		To   string
		Text struct{ Body string }
	}
	if json.Unmarshal(body, &m) == nil && m.Text.Body != "" && res.Code == http.StatusOK {
		c.mu.Lock()
		defer c.mu.Unlock()
		to := strings.TrimPrefix(m.To, "+")
		c.got[to] = append(c.got[to], m.Text.Body)
	}
	return res
}

// begin starts a daemon, which dies at a place if one is given. It returns when the daemon is ready or dead.
func (c *crashes) begin(h *bed, place string, times int) {
	c.Helper()
	c.deaths[h] = 0
	_, port, _ := strings.Cut(h.address, ":")
	env := []string{fmt.Sprintf("AOFD_FAILPOINT=%s=%d", place, times)}
	h.daemon = start(c, env, failingName, "serve", "-c", filepath.Join(h.dir, "config.yaml"), "--port", port,
		"--data-dir", filepath.Join(h.dir, "data"))
	eventually(c, "the daemon", func() error {
		select {
		case <-h.daemon.done:
			if place == "" {
				c.Fatalf("the daemon ended: %s", h.daemon.out)
			}
			return nil
		default:
		}
		_, err := get("http://" + h.address + "/ready")
		return err
	})
}

// kill kills a daemon, if it is still there.
func (c *crashes) kill(h *bed) {
	_ = h.daemon.Process.Kill()
	<-h.daemon.done
}

// cycle is one kill and what comes after it. It returns what was done.
func (c *crashes) cycle(n int) string {
	c.Helper()
	host := c.rand.IntN(len(c.hosts))
	h := c.hosts[host]
	switch what := c.rand.IntN(8); {
	case n < len(failpoint.Places) || what < 4: // each place at least once
		place := failpoint.Places[c.rand.IntN(len(failpoint.Places))]
		if n < len(failpoint.Places) {
			place = failpoint.Places[n]
		}
		times := 1 + c.rand.IntN(6)
		c.kill(h)
		c.begin(h, place, times)
		select {
		case <-h.daemon.done:
		case <-time.After(20 * time.Second / time.Duration(len(c.hosts))):
			// Of several hosts one alone sends, so another one need not come there.
			if len(c.hosts) == 1 {
				c.Errorf("the daemon never came to %s for the %d. time", place, times)
			}
			c.kill(h)
		}
		c.begin(h, "", 0)
		return fmt.Sprintf("host %d at %s, %d. time", host, place, times)
	case what == 4 && c.database != nil:
		if err := errors.Join(c.database.Kill(), c.database.Start()); err != nil {
			c.Fatal(err)
		}
		return "the database"
	case what <= 5:
		wait := time.Duration(c.rand.IntN(400)) * time.Millisecond
		time.Sleep(wait)
		c.kill(h)
		c.begin(h, "", 0)
		return fmt.Sprintf("host %d after %s", host, wait)
	}
	return c.killPlugin(host, h)
}

// killPlugin kills the plugin of a host around its next request, or at random.
func (c *crashes) killPlugin(host int, h *bed) string {
	c.Helper()
	if c.deaths[h]++; c.deaths[h] > 3 { // one more might bring it into quarantine
		c.kill(h)
		c.begin(h, "", 0)
	}
	pid := c.pluginPID(h, 0)
	c.before = c.rand.IntN(2) == 0
	when := "after its request"
	if c.before {
		when = "before its request"
	}
	if len(c.hosts) > 1 || c.rand.IntN(3) == 0 { // of several hosts one alone sends
		when = "at random"
		time.Sleep(time.Duration(c.rand.IntN(300)) * time.Millisecond)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	} else {
		c.plugin.Store(int64(pid))
		select {
		case <-c.died:
		case <-time.After(20 * time.Second):
			c.Errorf("the plugin sent nothing for 20 seconds")
		}
	}
	c.pluginPID(h, pid)
	return fmt.Sprintf("plugin of host %d %s", host, when)
}

// pluginPID waits for a plugin that runs and is not the old one.
func (c *crashes) pluginPID(h *bed, old int) (pid int) {
	c.Helper()
	eventually(c, "a plugin", func() error {
		out, _ := h.cli("status", "-o", "json") // which fails while the database is away
		var s status
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		p := s.Platforms
		if len(p) != 1 || p[0].State != "ready" || p[0].PID == old || p[0].PID == 0 {
			return fmt.Errorf("platforms: %+v", p)
		}
		pid = p[0].PID
		return nil
	})
	return pid
}

// settle waits until nothing waits any more, as long as it takes while it gets less.
func (c *crashes) settle() {
	c.Helper()
	for least, since := int64(1<<40), time.Now(); ; time.Sleep(200 * time.Millisecond) {
		b := c.hosts[0].status().Backlog
		in, _ := b.InboxPending.Int64()
		out, _ := b.OutboxPending.Int64()
		switch {
		case in+out == 0:
			return
		case in+out < least:
			least, since = in+out, time.Now()
		case time.Since(since) > time.Minute:
			c.Fatalf("nothing gets less for a minute: inbox %d, outbox %d", in, out)
		}
	}
}

// check compares what the people were told with what they said, and with what the store knows.
func (c *crashes) check(s store.Store) {
	c.Helper()
	states := map[store.DeliveryState]int{}
	for _, u := range c.users {
		got := c.got[u.id]
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

// TestCrashes kills the daemon at each place at which that hurts, the plugin around its requests, agents while
// they work, and daemon and plugin at random, all under traffic. Nothing that was acknowledged is lost, nothing
// is answered twice, each person gets the answers in order, and what was cut off while it was sent is settled or
// known to be unknown. AOFD_CRASHES is the number of kills, AOFD_CRASH_SEED repeats a run.
func TestCrashes(t *testing.T) {
	t.Parallel()
	c := newCrashes(t, 1, "")
	c.front = c.hosts[0].address
	c.run(10)
	s, err := sqlite.Open(t.Context(), filepath.Join(c.hosts[0].dir, "data", "aofd.db"), sqlite.Options{
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	c.check(s)
}

// TestCrashesOfHosts is the same with three hosts and the database that they share, which is killed, too.
func TestCrashesOfHosts(t *testing.T) {
	t.Parallel()
	database := pgtest.Own(t)
	c := newCrashes(t, 3, "\n  store: {url: \""+database.URL()+"\"}\n")
	c.database = database
	front := httptest.NewServer(http.HandlerFunc(c.balance))
	t.Cleanup(front.Close)
	c.front = strings.TrimPrefix(front.URL, "http://")
	c.run(10)
	s, err := postgres.Open(t.Context(), database.URL(), postgres.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	c.check(s)
}

// newCrashes makes n hosts with an emulator and agents. more is added to their configuration.
func newCrashes(t *testing.T, n int, more string) *crashes {
	t.Helper()
	bin(t)
	if err := failing(); err != nil {
		t.Fatal(err)
	}
	seed, err := strconv.ParseUint(os.Getenv("AOFD_CRASH_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("AOFD_CRASH_SEED=%d", seed)
	c := &crashes{TB: t, rand: rand.New(rand.NewPCG(seed, 0)), died: make(chan struct{}, 1), deaths: map[*bed]int{}, got: map[string][]string{}}
	graph := httptest.NewServer(http.HandlerFunc(c.graph))
	t.Cleanup(graph.Close)
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q request
		_ = json.NewDecoder(r.Body).Decode(&q)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		_ = json.NewEncoder(w).Encode(map[string]any{"text": q.Message.Text})
	}))
	t.Cleanup(agent.Close)
	for range n {
		h := newBed(t, map[string]string{
			"config.yaml":        strings.ReplaceAll(crashConfig, "GRAPH", graph.URL) + more,
			"agents/echo.yaml":   fmt.Sprintf("kind: Agent\nmetadata: {name: echo}\nspec:\n  http: {url: %q}\n", agent.URL),
			"agents/mortal.yaml": "kind: Agent\nmetadata: {name: mortal}\nspec:\n  exec: {command: [sh, -c, 'kill -9 $$']}\n",
		})
		if len(c.hosts) > 0 {
			h.emulator = c.hosts[0].emulator
		}
		c.hosts = append(c.hosts, h)
	}
	return c
}

// balance passes a webhook on to a host that takes it.
func (c *crashes) balance(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, n := range rand.Perm(len(c.hosts)) {
		code, answer, err := post(r.Context(), "http://"+c.hosts[n].address+r.URL.RequestURI(), string(body),
			"X-Hub-Signature-256", r.Header.Get("X-Hub-Signature-256"))
		if err == nil && code < 500 {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, answer)
			return
		}
	}
	w.WriteHeader(http.StatusServiceUnavailable)
}

// run kills under traffic, and waits until all work is done. most is the number of kills, unless another one is
// asked for.
func (c *crashes) run(most int) {
	c.Helper()
	if n, err := strconv.Atoi(os.Getenv("AOFD_CRASHES")); err == nil {
		most = n
	}
	at := *c.hosts[0]
	at.address = c.front
	at.emulate()
	for _, h := range c.hosts {
		c.begin(h, "", 0)
	}
	talking, hush := context.WithCancel(context.Background())
	defer hush()
	talkers := c.talk(talking, 12)
	for n := range most {
		c.Logf("%3d: %s", n+1, c.cycle(n))
	}
	hush()
	talkers.Wait()
	c.settle()
	for _, h := range c.hosts {
		h.daemon.stop(c)
	}
}
