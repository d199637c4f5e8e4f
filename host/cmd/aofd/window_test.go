package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAnswersOutsideTheWindow: agents that take longer than a platform's window lose nothing. A short answer goes out by
// a template, any other one waits until its person has written again, and goes out once.
func TestAnswersOutsideTheWindow(t *testing.T) {
	t.Parallel()
	asked, release := make(chan string), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q request
		_ = json.NewDecoder(r.Body).Decode(&q)
		answer := map[string]any{"text": "about " + q.Message.Text}
		if q.Message.Text != "later" { // what was held has gone out before
			asked <- q.Message.Text
			<-release
		}
		if q.Message.Text == "with buttons" {
			answer["actions"] = []map[string]string{{"id": "logs", "label": "Logs"}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(srv.Close)
	b := newBed(t, map[string]string{
		"config.yaml": daemonHead + `      outside_window:
        answer: {name: agent_answer, language: en, parameter: answer}
        notice: {name: answer_waits, language: en}
  agents: {directory: agents}
`,
		"agents/a.yaml": fmt.Sprintf("kind: Agent\nmetadata: {name: a}\nspec:\n  http: {url: %q}\n", srv.URL),
	})
	b.emulate()
	meta := func(method, path, body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.emulator+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+accessToken)
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v %v", path, res, err)
		}
		_ = res.Body.Close()
	}
	for _, template := range []string{
		`{"name":"answer_waits","language":"en","category":"UTILITY","components":[{"type":"BODY","text":"There is an answer for you."},
			{"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"Show me"}]}]}`,
		`{"name":"agent_answer","language":"en","category":"UTILITY","parameter_format":"NAMED","components":[{"type":"BODY",
			"text":"Your agent says: {{answer}}. Reply to go on.","example":{"body_text_named_params":[{"param_name":"answer","example":"ok"}]}}]}`,
	} {
		meta(http.MethodPost, "/v26.0/102290129340398/message_templates", template)
	}
	meta(http.MethodPatch, "/_emulator/settings", `{"window":"sync"}`)
	b.serve()
	const short, held = "4915112345670", "4915112345671"
	b.phone(map[string]any{"from": short, "type": "text", "text": "in short"})
	b.phone(map[string]any{"from": held, "type": "text", "text": "with buttons"})
	for range 2 {
		<-asked
	}
	meta(http.MethodPost, "/_emulator/clock", `{"advance":"25h"}`)
	close(release)

	got := body(t, b.answers(short, 1)[0])
	if template := fmt.Sprint(got["template"]); !strings.Contains(template, "agent_answer") || !strings.Contains(template, "about in short") {
		t.Errorf("the short answer went out as %v", got)
	}
	notice := b.answers(held, 1)[0]
	if template := fmt.Sprint(body(t, notice)["template"]); !strings.Contains(template, "answer_waits") {
		t.Errorf("the notice is %v", body(t, notice))
	}
	eventually(t, "a held answer", func() error {
		if out, _ := b.cli("status"); !strings.Contains(out, "1 held") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})

	b.phone(map[string]any{"from": held, "type": "tap", "title": "Show me", "context": notice.ID})
	got = body(t, b.answers(held, 2)[1])
	if text := fmt.Sprint(got["interactive"]); !strings.Contains(text, "about with buttons") || !strings.Contains(text, "Logs") {
		t.Errorf("after the tap came %v", got)
	}
	b.phone(map[string]any{"from": held, "type": "text", "text": "later"})
	if text := b.last(held, 3); text != "about later" {
		t.Errorf("then came %q", text)
	}
	if s := b.status().Backlog; s.OutboxPending != "0" || s.OutboxFailed != "0" {
		t.Errorf("left: %+v", s)
	}
}
