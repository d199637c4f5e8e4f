package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestSeveralNumbers: one app with several numbers. A message belongs to the number that got it, a trigger may take
// those of one number, and the answer leaves from there with that number's token.
func TestSeveralNumbers(t *testing.T) {
	t.Parallel()
	type call struct{ path, token string }
	var mu sync.Mutex
	var calls []call
	meta := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, call{r.URL.Path, r.Header.Get("Authorization")})
		fmt.Fprintf(w, `{"messaging_product":"whatsapp","contacts":[{}],"messages":[{"id":"wamid.out%d"}]}`, len(calls))
	}))
	defer meta.Close()
	agent := func(name string) string {
		return "apiVersion: aof.dev/v1\nkind: Agent\nmetadata: {name: " + name + "}\nspec:\n  exec: {command: [sh, -c, \"cat >/dev/null; echo done\"]}\n"
	}
	b := newBed(t, map[string]string{
		"config.yaml": `apiVersion: aof.dev/v1
kind: DaemonConfig
metadata: {name: test}
spec:
  agents: {directory: agents}
  runtime: {default_agent: first}
  platforms:
    whatsapp:
      verify_token: ` + verifyToken + `
      app_secret_env: [NEW_SECRET, OLD_SECRET]
      access_token: token-for-all
      api_base_url: ` + meta.URL + `
      numbers:
        - {phone_number_id: "` + phoneNumberID + `"}
        - {phone_number_id: "200", access_token_env: SECOND_TOKEN, display_name: On call, messages_per_second: 20}
  triggers:
    - name: oncall
      type: whatsapp
      config: {phone_number_id: "200"}
      agent: second
    - name: all
      platform: whatsapp
`,
		"agents/first.yaml": agent("first"), "agents/second.yaml": agent("second"),
	})
	b.env = []string{"SECOND_TOKEN=token-of-the-second", "NEW_SECRET=new-app-secret", "OLD_SECRET=" + appSecret}
	b.serve()
	from := func(number, id string) {
		body := strings.ReplaceAll(textWebhook(id, "4915112345678", "hi"), phoneNumberID, number)
		if code, answer := b.webhook(body); code != http.StatusOK {
			t.Fatalf("%s: %d %s", number, code, answer)
		}
	}
	from(phoneNumberID, "wamid.a")
	from("200", "wamid.b")
	from("300", "wamid.c")
	eventually(t, "two answers", func() error {
		mu.Lock()
		defer mu.Unlock()
		sent := map[call]bool{}
		for _, c := range calls {
			if strings.HasSuffix(c.path, "/messages") {
				sent[c] = true
			}
		}
		if !sent[call{"/v26.0/" + phoneNumberID + "/messages", "Bearer token-for-all"}] || !sent[call{"/v26.0/200/messages", "Bearer token-of-the-second"}] {
			return fmt.Errorf("calls %v", calls)
		}
		for c := range sent {
			if strings.Contains(c.path, "300") {
				return errors.New("a number that nobody configured was answered")
			}
		}
		return nil
	})
	for id, want := range map[string]string{"wamid.a": "agent first", "wamid.b": "agent second"} {
		eventually(t, "the trace of "+id, func() error {
			if out, _ := b.cli("trace", id); !strings.Contains(out, want) {
				return errors.New(out)
			}
			return nil
		})
	}
	if out, code := b.cli("trace", "wamid.c"); code == 0 {
		t.Errorf("a message for a number that is not configured was kept:\n%s", out)
	}
	if metrics, err := get("http://" + b.address + "/metrics"); err != nil || !strings.Contains(string(metrics), "UNKNOWN_ACCOUNT") {
		if !strings.Contains(b.daemon.out.String(), "UNKNOWN_ACCOUNT") {
			t.Errorf("nobody tells of the number that is not configured: %v\n%s", err, metrics)
		}
	}
	if out, code := b.cli("status"); code != 0 || !strings.Contains(out, "200") {
		t.Errorf("%d %s", code, out)
	}
}
