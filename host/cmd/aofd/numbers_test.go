package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestSeveralNumbers: one app with several numbers. A message belongs to the number that got it, a trigger may take
// those of one number, and the answer leaves from there with that number's token. The emulator has one number, so it
// refuses the other one's calls; it says by its codes which token they had: 190 for one that it does not know, 100 for
// a number that it does not have.
func TestSeveralNumbers(t *testing.T) {
	t.Parallel()
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
      access_token: ` + accessToken + `
      api_base_url: GRAPH
      numbers:
        - {phone_number_id: "` + phoneNumberID + `"}
        - {phone_number_id: "200", access_token_env: SECOND_TOKEN, display_name: On call, messages_per_second: 20}
        - {phone_number_id: "201", access_token: nobody-knows-this-token}
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
	b.emulate()
	if code, answer, err := post(t.Context(), "http://"+b.emulator+"/_emulator/tokens", `{"token":"token-of-the-second"}`); err != nil || code != http.StatusOK {
		t.Fatal(code, answer, err)
	}
	b.serve()
	from := func(number, id string) {
		body := strings.ReplaceAll(textWebhook(id, "4915112345678", "hi"), phoneNumberID, number)
		if code, answer := b.webhook(body); code != http.StatusOK {
			t.Fatalf("%s: %d %s", number, code, answer)
		}
	}
	for number, id := range map[string]string{phoneNumberID: "wamid.a", "200": "wamid.b", "201": "wamid.c", "300": "wamid.d"} {
		from(number, id)
	}
	eventually(t, "a call of each number", func() error {
		codes, err := b.codes()
		for number, want := range map[string]int{phoneNumberID: 0, "200": 100, "201": 190} {
			if got := codes["/v26.0/"+number+"/messages"]; err == nil && !slices.Contains(got, want) {
				err = fmt.Errorf("%s: called with codes %v, want %d", number, got, want)
			}
		}
		return err
	})
	if codes, err := b.codes(); err != nil || len(codes) != 3 {
		t.Errorf("a number that nobody configured was answered: %v, %v", codes, err)
	}
	for id, want := range map[string]string{"wamid.a": "agent first", "wamid.b": "agent second", "wamid.c": "agent first"} {
		eventually(t, "the trace of "+id, func() error {
			if out, _ := b.cli("trace", id); !strings.Contains(out, want) {
				return errors.New(out)
			}
			return nil
		})
	}
	if out, code := b.cli("trace", "wamid.d"); code == 0 {
		t.Errorf("a message for a number that is not configured was kept:\n%s", out)
	}
	if metrics, err := get("http://" + b.address + "/metrics"); err != nil ||
		!strings.Contains(string(metrics), `aofd_issues_total{platform="whatsapp",reason="UNKNOWN_ACCOUNT"} 1`) {
		t.Errorf("nobody counts what is for a number that is not configured: %v", err)
	}
	if out, _ := b.cli("status"); !strings.Contains(out, phoneNumberID) || !strings.Contains(out, "200") {
		t.Errorf("%s", out)
	}
}

// codes are what the emulator answered to the calls that send messages or mark them as read, by path; 0 for those that
// it took.
func (b *bed) codes() (map[string][]int, error) {
	raw, err := get("http://" + b.emulator + "/_emulator/calls")
	if err != nil {
		return nil, err
	}
	var calls []struct {
		Path string `json:"path"`
		Code int    `json:"code"`
	}
	if err := json.Unmarshal(raw, &calls); err != nil {
		return nil, err
	}
	out := map[string][]int{}
	for _, c := range calls {
		if strings.HasSuffix(c.Path, "/messages") {
			out[c.Path] = append(out[c.Path], c.Code)
		}
	}
	return out, nil
}
