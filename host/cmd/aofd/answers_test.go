package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

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

// TestFullOutbox: while as many answers wait as may, messages wait, an operator's own are refused, and nothing of it
// is lost.
func TestFullOutbox(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{
		"config.yaml": daemonHead + `
  agents: {directory: agents}
  runtime: {max_concurrent_tasks: 1}
  store: {max_pending_deliveries: 4}
`,
		"agents/plain.yaml": agentFile("plain", "plain"),
		"agents/plain.json": `{"text":"done"}`,
	})
	b.emulate()
	b.serve()
	if out, code := b.cli("pause", "whatsapp"); code != exitOK {
		t.Fatal(out)
	}
	const most = 4
	var users []string
	for n := range 2 * most {
		users = append(users, fmt.Sprint("491511234560", n))
		b.phone(map[string]any{"from": users[n], "type": "text", "text": "hello"})
	}
	eventually(t, "as many answers as may wait", func() error {
		if s := b.status().Backlog; s.OutboxPending != "4" || s.InboxPending != "4" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if out, code := b.cli("send", "--platform", "whatsapp", "--channel", users[0], "news"); code != exitRefused || !strings.Contains(out, "4 wait, and 4 may") {
		t.Errorf("an operator's message: %d %s", code, out)
	}
	if out, code := b.cli("resume", "whatsapp"); code != exitOK {
		t.Fatal(out)
	}
	for _, user := range users {
		b.answers(user, 1)
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
