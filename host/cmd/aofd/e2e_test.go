package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
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

	"github.com/google/go-cmp/cmp"
)

const daemonHead = `apiVersion: aof.dev/v1
kind: DaemonConfig
metadata: {name: test}
spec:
  platforms:
` + whatsappBlock

// agentFile is an agent that answers with a fixed reply, through a shell, as many agents do.
func agentFile(name, reply string) string {
	return fmt.Sprintf("apiVersion: aof.dev/v1\nkind: Agent\nmetadata: {name: %s}\nspec:\n  description: about %s\n  exec: {command: [cat, %s.json]}\n", name, name, reply)
}

// body is an outbound body without what differs from run to run.
func body(t testing.TB, e entry) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(e.Body, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "biz_opaque_callback_data")
	return m
}

func parsed(t testing.TB, s string) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestAnswersOfAllForms sends what an agent may answer, from the phone through all processes and back: the
// bodies are those that the platform documents.
func TestAnswersOfAllForms(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{
		"config.yaml": daemonHead + `
  agents: {directory: agents}
  triggers: {directory: triggers}
`,
		"triggers/seed.yaml": `apiVersion: aof.dev/v1
kind: Trigger
metadata: {name: words}
spec:
  platform: whatsapp
  webhook: {path: /hooks/wa}
  routing:
    rules:
      - match: {text_contains: ["button", "crash"]}
        agent: buttons
      - match: {text_contains: "LIST"}
        agent: lists
    default_agent: plain
`,
		"agents/plain.yaml":   agentFile("plain", "plain"),
		"agents/plain.json":   `{"text":"Deployment complete","status":"success"}`,
		"agents/buttons.yaml": agentFile("buttons", "buttons"),
		"agents/buttons.json": `{"text":"Found CrashLoopBackOff","status":"warning","actions":[{"id":"view_logs","label":"View Logs"},{"id":"restart","label":"Restart"}]}`,
		"agents/lists.yaml":   agentFile("lists", "lists"),
		"agents/lists.json":   `{"text":"Pick a pod","sections":[{"title":"shop","rows":[{"id":"web","label":"web","description":"running"},{"id":"db","label":"db"}]}],"list_label":"Pods","header":"Cluster"}`,
	})
	b.emulate()
	b.serve()

	const user = "4915112345678"
	b.phone(map[string]any{"from": user, "type": "text", "text": "hello"})
	got := b.answers(user, 1)
	text := parsed(t, `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"text",
		"text":{"body":"✅ Deployment complete","preview_url":false}}`)
	if d := cmp.Diff(text, body(t, got[0])); d != "" {
		t.Errorf("text (-want +got):\n%s", d)
	}

	b.phone(map[string]any{"from": user, "type": "text", "text": "a CRASH"})
	got = b.answers(user, 2)
	if d := cmp.Diff(parsed(t, `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"interactive",
		"interactive":{"type":"button","body":{"text":"⚠️ Found CrashLoopBackOff"},"action":{"buttons":[
			{"type":"reply","reply":{"id":"view_logs","title":"View Logs"}},{"type":"reply","reply":{"id":"restart","title":"Restart"}}]}}}`),
		body(t, got[1])); d != "" {
		t.Errorf("buttons (-want +got):\n%s", d)
	}

	b.phone(map[string]any{"from": user, "type": "text", "text": "list, please"})
	got = b.answers(user, 3)
	if d := cmp.Diff(parsed(t, `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"interactive",
		"interactive":{"type":"list","header":{"type":"text","text":"Cluster"},"body":{"text":"Pick a pod"},"action":{"button":"Pods","sections":[
			{"title":"shop","rows":[{"id":"web","title":"web","description":"running"},{"id":"db","title":"db"}]}]}}}`),
		body(t, got[2])); d != "" {
		t.Errorf("list (-want +got):\n%s", d)
	}

	// The extra path of the trigger is the platform's too, and the trace tells the whole way.
	hook := textWebhook("wamid.extra", user, "hi")
	code, answer, err := post(t.Context(), "http://"+b.address+"/hooks/wa", hook, "X-Hub-Signature-256", "sha256="+sign(hook, appSecret))
	if err != nil || code != http.StatusOK {
		t.Fatalf("the trigger's own path: %d %s %v", code, answer, err)
	}
	b.answers(user, 4)
	out, rc := b.cli("trace", "wamid.extra")
	for _, hop := range []string{"webhook.received", "route.chosen", "agent.end", "send.attempt", "receipt.read"} {
		if rc != 0 || !strings.Contains(out, hop) {
			t.Fatalf("the trace has no %s (exit code %d):\n%s", hop, rc, out)
		}
	}
}

// recorder is an agent over HTTP that keeps what it was asked.
type recorder struct {
	mu    sync.Mutex
	asked []request
}

type request struct {
	RunID   string `json:"run_id"`
	Agent   string `json:"agent"`
	Message struct {
		ID, Text string
		Content  struct {
			Interaction *struct{ Kind, ID, Title string }
		}
	}
	Command *struct{ Name string }
	History []struct{ Role, Text string }
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var q request
	if err := json.NewDecoder(req.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.asked = append(r.asked, q)
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"text": "re: " + q.Message.Text, "actions": []any{map[string]any{"id": "again", "label": "Again"}}})
}

func (r *recorder) last(t testing.TB) request {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.asked) == 0 {
		t.Fatal("the agent was not asked")
	}
	return r.asked[len(r.asked)-1]
}

// TestTapsCommandsAndChoice uses the second trigger dialect: credentials in the trigger, commands, and what
// the daemon answers itself.
func TestTapsCommandsAndChoice(t *testing.T) {
	t.Parallel()
	agent := &recorder{}
	srv := httptest.NewServer(agent)
	t.Cleanup(srv.Close)
	httpAgent := func(name string) string {
		return fmt.Sprintf("kind: Agent\nmetadata: {name: %s}\nspec:\n  description: agent %s\n  http: {url: %q}\n", name, name, srv.URL)
	}
	b := newBed(t, map[string]string{
		"config.yaml": `kind: DaemonConfig
spec:
  agents: {directory: agents}
  triggers: {directory: triggers}
`,
		"triggers/r.yaml": `apiVersion: aof.sh/v1
kind: Trigger
metadata: {name: line}
spec:
  type: WhatsApp
  config:
    phone_number_id: "` + phoneNumberID + `"
    access_token: ${TEST_TOKEN}
    verify_token: ` + verifyToken + `
    app_secret_env: TEST_SECRET
    api_base_url: GRAPH
    events: [message, interactive]
    allowed_numbers: ["+49 151 12345678", 491701234567]
  commands:
    /pods: {agent: cluster, description: "Pods"}
    drill: {flow: fire-drill}
  defaultAgent: general
`,
		"agents/general.yaml": httpAgent("general"),
		"agents/cluster.yaml": httpAgent("cluster"),
	})
	b.env = []string{"TEST_TOKEN=" + accessToken, "TEST_SECRET=" + appSecret}
	b.emulate()
	b.serve()
	const user = "4915112345678"
	say := func(n int, text string) string {
		t.Helper()
		b.phone(map[string]any{"from": user, "type": "text", "text": text})
		return string(b.answers(user, n)[n-1].Body)
	}
	want := func(answer, part string) {
		t.Helper()
		if !strings.Contains(answer, part) {
			t.Fatalf("want %q in %s", part, answer)
		}
	}

	want(say(1, "/pods production"), "re: /pods production")
	if q := agent.last(t); q.Agent != "cluster" || q.Command == nil || q.Command.Name != "pods" {
		t.Fatalf("the command went to %+v", q)
	}
	// A tap goes to the agent that offered it.
	offered := b.answers(user, 1)[0]
	b.phone(map[string]any{"from": user, "type": "button_reply", "id": "again", "title": "Again", "context": offered.ID})
	want(string(b.answers(user, 2)[1].Body), "re: button:again")
	if q := agent.last(t); q.Agent != "cluster" || q.Message.Content.Interaction == nil || q.Message.Content.Interaction.ID != "again" {
		t.Fatalf("the tap went to %+v", q)
	}
	// Typed words that look like a tap are words.
	want(say(3, "button:again"), "re: button:again")
	if q := agent.last(t); q.Agent != "general" || q.Message.Content.Interaction != nil {
		t.Fatalf("the typed tap went to %+v", q)
	}
	b.phone(map[string]any{"from": user, "type": "list_reply", "id": "row1", "title": "Row"})
	want(string(b.answers(user, 4)[3].Body), "re: list:row1")

	want(say(5, "/help"), "/pods")
	want(say(6, "/drill"), "flow fire-drill")
	want(say(7, "/agent clustr"), "Did you mean cluster")
	want(say(8, "/agent CLUSTER"), "You talk to cluster now")
	want(say(9, "hello"), "re: hello")
	if q := agent.last(t); q.Agent != "cluster" || len(q.History) == 0 {
		t.Fatalf("after the choice: %+v", q)
	}
	want(say(10, "/agents"), "ag:general")
	b.phone(map[string]any{"from": user, "type": "button_reply", "id": "ag:general", "title": "general"})
	want(string(b.answers(user, 11)[10].Body), "You talk to general now")
	want(say(12, "/statsu"), "Did you mean /status")
	want(say(13, "/status"), "general")
	want(say(14, "/agent auto"), "rules decide")

	// Who is not on the list gets nothing, and the trace says why.
	id := b.phone(map[string]any{"from": "12025550123", "type": "text", "text": "let me in"})
	eventually(t, "the refusal", func() error {
		out, _ := b.cli("trace", id)
		if !strings.Contains(out, "no trigger of the platform takes this message") {
			return errors.New(out)
		}
		return nil
	})
	if got := b.chat("12025550123"); len(got) != 1 {
		t.Fatalf("the stranger sees %d messages", len(got))
	}
	if strings.Contains(b.daemon.out.String(), appSecret) || strings.Contains(b.daemon.out.String(), accessToken) {
		t.Fatal("the log has a secret")
	}
}

// loadConfig has room for one user's burst.
const loadConfig = daemonHead + `
  agents: {directory: agents}
  runtime: {max_concurrent_tasks: 16, max_tasks_per_user: 1000}
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

// TestAllMissingKeysAtOnce: whoever begins sees everything that is missing, not one thing after the other.
func TestAllMissingKeysAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{
		"config.yaml":   "kind: DaemonConfig\nspec:\n  platforms:\n    whatsapp: {phone_number_id: \"1\"}\n  agents: {directory: agents}\n",
		"agents/a.yaml": "name: a\nexec: {command: [cat]}\n",
	})
	out, rc := b.cli("validate", "-c", filepath.Join(b.dir, "config.yaml"))
	for _, key := range []string{"access_token", "verify_token", "app_secret"} {
		if rc != 2 || !strings.Contains(out, "platform whatsapp: "+key+" is required") {
			t.Errorf("exit code %d, nothing on %s:\n%s", rc, key, out)
		}
	}
}

// TestNumberedMenu: what is too long for a list is shown as numbers, and the number that is written back goes to
// the agent that offered it, as a tap would.
func TestNumberedMenu(t *testing.T) {
	t.Parallel()
	agent := &recorder{}
	srv := httptest.NewServer(agent)
	t.Cleanup(srv.Close)
	var rows []string
	for n := range 12 {
		rows = append(rows, fmt.Sprintf(`{"id":"pod-%d","title":"Pod %d"}`, n+1, n+1))
	}
	b := newBed(t, map[string]string{
		"config.yaml": daemonHead + `
  agents: {directory: agents}
  runtime: {default_agent: other}
  triggers:
    - {name: t, platform: whatsapp, routing: {rules: [{match: {text_contains: menu}, agent: menu}]}}
`,
		"agents/menu.yaml": "name: menu\nexec: {command: [sh, menu.sh]}\n",
		"agents/menu.sh": `case $(cat) in
  *'"text":"list:pod-3"'*'"kind":"list"'*) echo 'third' ;;
  *) cat menu.json ;;
esac`,
		"agents/menu.json":  `{"text":"Which one?","actions":[` + strings.Join(rows, ",") + `]}`,
		"agents/other.yaml": fmt.Sprintf("name: other\nhttp: {url: %q}\n", srv.URL),
	})
	b.emulate()
	b.serve()
	const user = "4915112345678"
	b.phone(map[string]any{"from": user, "type": "text", "text": "menu"})
	if got := string(b.answers(user, 1)[0].Body); !strings.Contains(got, "12. Pod 12") {
		t.Errorf("the menu: %s", got)
	}
	b.phone(map[string]any{"from": user, "type": "text", "text": " 3 "})
	if got := string(b.answers(user, 2)[1].Body); !strings.Contains(got, "third") {
		t.Errorf("the choice: %s", got)
	}
	b.phone(map[string]any{"from": user, "type": "text", "text": "3"}) // the menu is not the last answer any more
	if got := string(b.answers(user, 3)[2].Body); !strings.Contains(got, "re: 3") {
		t.Errorf("a number without a menu: %s", got)
	}
}

// TestBadWebhooks: what is not signed, not whole or not sane is refused or accounted for, and the daemon goes
// on.
func TestBadWebhooks(t *testing.T) {
	t.Parallel()
	agent := &counter{runs: map[string]int{}}
	b := newBed(t, map[string]string{"config.yaml": loadConfig, "agents/echo.yaml": agent.agentFile(t)})
	b.emulate()
	b.serve()
	url := "http://" + b.address + "/webhook/whatsapp"
	good := textWebhook("wamid.good", "4915112345678", "hi")
	random := make([]byte, 10_000)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(random) // never fails
	deep := strings.Repeat(`{"entry":[`, 100_000)
	for name, c := range map[string]struct {
		body, header string
		want         int
	}{
		"unsigned":          {good, "", 401},
		"wrong secret":      {good, "sha256=" + sign(good, "other"), 401},
		"other algorithm":   {good, "sha1=" + sign(good, appSecret), 401},
		"signature cut":     {good, "sha256=" + sign(good, appSecret)[:60], 401},
		"another's body":    {strings.Replace(good, "hi", "ho", 1), "sha256=" + sign(good, appSecret), 401},
		"truncated":         {good[:len(good)/2], "sha256=" + sign(good, appSecret), 401},
		"truncated, signed": {good[:len(good)/2], "sha256=" + sign(good[:len(good)/2], appSecret), 200},
		"deep, signed":      {deep, "sha256=" + sign(deep, appSecret), 200},
		"random, signed":    {string(random), "sha256=" + sign(string(random), appSecret), 200},
		"random":            {string(random), "", 401},
		"empty, signed":     {"", "sha256=" + sign("", appSecret), 200},
		"5 MiB":             {strings.Repeat(" ", 5<<20), "", 413},
	} {
		code, answer, err := post(t.Context(), url, c.body, "X-Hub-Signature-256", c.header)
		if c.want == 413 && err != nil {
			continue // the daemon closed the connection before all of it was sent, which is as good
		}
		if err != nil || code != c.want {
			t.Errorf("%s: got %d %q %v, want %d", name, code, answer, err, c.want)
		}
	}
	for path, want := range map[string]int{
		"?hub.mode=subscribe&hub.verify_token=" + verifyToken + "&hub.challenge=42": 200,
		"?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=42":               403,
		"": 403,
	} {
		res, err := http.Get(url + path)
		if err != nil || res.StatusCode != want {
			t.Errorf("GET %s: %v %v", path, res, err)
		}
		_ = res.Body.Close()
	}
	for path, want := range map[string]int{"/webhook/telegram": 404, "/nothing": 404, "/health": 200, "/metrics": 200, "/": 200, "/platforms": 200} {
		res, err := http.Get("http://" + b.address + path)
		if err != nil || res.StatusCode != want {
			t.Errorf("GET %s: %v %v", path, res, err)
		}
		_ = res.Body.Close()
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodDelete, url, nil)
	if res, err := http.DefaultClient.Do(req); err != nil || res.StatusCode != 405 {
		t.Errorf("DELETE: %v %v", res, err)
	}
	if code, _, err := post(t.Context(), url, good, "Content-Type", "text/xml", "X-Hub-Signature-256", "sha256="+sign(good, appSecret)); err != nil || code != 415 {
		t.Errorf("XML: %d %v", code, err)
	}
	if len(agent.runs) != 0 {
		t.Errorf("the agent was asked: %v", agent.runs)
	}
	if code, _ := b.webhook(good); code != 200 {
		t.Errorf("a good webhook after all that: %d", code)
	}
	b.answers("4915112345678", 1)
}

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

// TestEchoPlatform: a platform that knows only the SDK is loaded, verified, parsed and answered through.
func TestEchoPlatform(t *testing.T) {
	t.Parallel()
	got := make(chan map[string]string, 10)
	callback := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m map[string]string
		_ = json.NewDecoder(r.Body).Decode(&m)
		got <- m
	}))
	t.Cleanup(callback.Close)
	b := newBed(t, map[string]string{
		"config.yaml": fmt.Sprintf(`kind: DaemonConfig
spec:
  platforms:
    echo: {secret_env: ECHO_SECRET, callback_url: %q}
  agents: {directory: agents}
`, callback.URL),
		"agents/echo.yaml":   "kind: Agent\nmetadata: {name: echo}\nspec:\n  exec: {command: [cat, answer.json]}\n",
		"agents/answer.json": `{"text":"hello from an agent"}`,
	})
	b.env = []string{"ECHO_SECRET=long-enough"}
	b.serve()
	hook := `{"id":"1","from":"ada","text":"hello"}`
	url := "http://" + b.address + "/webhook/echo"
	if code, _, err := post(t.Context(), url, hook, "X-Echo-Signature", sign(hook, "wrong-one")); err != nil || code != 401 {
		t.Fatalf("wrongly signed: %d %v", code, err)
	}
	for range 3 {
		if code, answer, err := post(t.Context(), url, hook, "X-Echo-Signature", sign(hook, "long-enough")); err != nil || code != 200 {
			t.Fatalf("signed: %d %s %v", code, answer, err)
		}
	}
	select {
	case m := <-got:
		if m["to"] != "ada" || m["text"] != "hello from an agent" {
			t.Fatalf("got %v", m)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no answer")
	}
	if out, rc := b.cli("plugin", "list"); rc != 0 || !strings.Contains(out, "echo") || !strings.Contains(out, "ready") {
		t.Fatalf("plugin list: %d %s", rc, out)
	}
	settled(b)
	if len(got) != 0 {
		t.Fatalf("answered %d times more", len(got))
	}
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

// TestBrokenPlugin: a platform that is configured and does not run is visible everywhere.
func TestBrokenPlugin(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{
		"config.yaml":                  daemonHead + "\n  agents: {directory: agents}\n  plugins: {directory: broken}\n",
		"agents/a.yaml":                agentFile("a", "a"),
		"agents/a.json":                `{"text":"x"}`,
		"broken/aof-platform-whatsapp": "#!/bin/sh\necho this plugin is broken >&2\nexit 1\n",
	})
	_, port, _ := strings.Cut(b.address, ":")
	b.daemon = start(t, nil, "aofd", "serve", "-c", filepath.Join(b.dir, "config.yaml"), "--port", port, "--data-dir", filepath.Join(b.dir, "data"))
	eventually(t, "the daemon", func() error { _, err := get("http://" + b.address + "/health"); return err })
	if _, err := get("http://" + b.address + "/ready"); err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "broken") {
		t.Errorf("/ready: %v", err)
	}
	if out, rc := b.cli("status"); rc != 1 || !strings.Contains(out, "this plugin is broken") {
		t.Errorf("status: %d %s", rc, out)
	}
	if code, _ := b.webhook(textWebhook("wamid.1", "4915112345678", "hi")); code != 503 {
		t.Errorf("a webhook: %d", code)
	}
}

// TestSecondDaemon: a data directory has one daemon; the second one says so and leaves the first alone.
func TestSecondDaemon(t *testing.T) {
	t.Parallel()
	agent := &counter{runs: map[string]int{}}
	b := newBed(t, map[string]string{"config.yaml": loadConfig, "agents/echo.yaml": agent.agentFile(t)})
	b.emulate()
	b.serve()
	_, port, _ := strings.Cut(freeAddress(t), ":")
	out, rc := b.cli("serve", "-c", filepath.Join(b.dir, "config.yaml"), "--port", port)
	if rc != 1 || !strings.Contains(out, "is used by another aofd") || strings.Contains(out, "panic") {
		t.Errorf("the second daemon: %d %s", rc, out)
	}
	b.phone(map[string]any{"from": "4915112345678", "type": "text", "text": "still there?"})
	b.answers("4915112345678", 1)
	if out, rc := b.cli("status", "-c", filepath.Join(b.dir, "config.yaml")); rc != 0 {
		t.Errorf("status: %d %s", rc, out)
	}
}

// TestRejectedToken: what a plugin has against its platform is visible, and the answer waits for the token.
func TestRejectedToken(t *testing.T) {
	t.Parallel()
	agent := &counter{runs: map[string]int{}}
	b := newBed(t, map[string]string{
		"config.yaml":      strings.Replace(loadConfig, accessToken, "an-old-token", 1),
		"agents/echo.yaml": agent.agentFile(t),
	})
	b.emulate()
	b.serve()
	id := b.phone(map[string]any{"from": "4915112345678", "type": "text", "text": "hello"})
	eventually(t, "the trouble in status", func() error {
		if out, _ := b.cli("status"); !strings.Contains(out, "! platform whatsapp: failed: CREDENTIALS_REJECTED") {
			return errors.New(out)
		}
		return nil
	})
	if out, _ := b.cli("trace", id); !strings.Contains(out, "CREDENTIALS_REJECTED") || strings.Contains(out, "an-old-token") {
		t.Errorf("trace:\n%s", out)
	}
	b.daemon.stop(t)
	path := filepath.Join(b.dir, "config.yaml")
	cfg, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(cfg), "an-old-token", accessToken, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	b.serve()
	b.answers("4915112345678", 1)
}
