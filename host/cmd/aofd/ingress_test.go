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
	"strings"
	"testing"
	"time"
)

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

// TestHugeWebhooks: whatever is signed is stored whole or dropped with a reason, and never asked for again.
func TestHugeWebhooks(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{
		"config.yaml":   strings.Replace(daemonHead, "enabled: true", "enabled: true\n      allowed_numbers: [4915112345678]", 1) + "\n  agents: {directory: agents}\n",
		"agents/a.yaml": agentFile("a", "a"),
		"agents/a.json": `{"text":"x"}`,
	})
	b.emulate()
	b.serve()
	const most = 4 << 20 // bytes of a body, by default
	one := textWebhook("wamid.one", "4915112345678", "hi")
	open := strings.Index(one, `"messages":[`) + len(`"messages":[`)
	around := func(elements string) string { return one[:open] + elements + one[open:] }
	var messages strings.Builder
	for n := range 12_000 {
		fmt.Fprintf(&messages, `{"from":"4917012%05d","id":"wamid.many-%d","timestamp":"%d","type":"text","text":{"body":"hi"}},`,
			n%100, n, time.Now().Unix())
	}
	rubbish := func(part string) string { return strings.Repeat(part, (most-len(one))/len(part)) }
	for name, body := range map[string]string{
		"12,000 messages": around(messages.String()),
		"one long text":   textWebhook("wamid.long", "4917012345678", rubbish("x")),
		"a long id":       textWebhook("wamid."+rubbish("x"), "4917012345678", "hi"),
		"no JSON":         rubbish("x"),
		"deep JSON":       rubbish("["),
		"empty objects":   around(rubbish("{},")),
		"numbers":         around(rubbish("1,")),
		"empty entries":   `{"object":"whatsapp_business_account","entry":[` + rubbish("{},") + `{}]}`,
	} {
		for range 2 {
			if code, answer := b.webhook(body); code != 200 {
				t.Errorf("%s, %d bytes: %d %s", name, len(body), code, answer)
			}
		}
	}
	if got, want := b.metric(`aofd_messages_total{platform="whatsapp",result="new"}`), 12_000.+2; got != want {
		t.Errorf("%v messages were stored, want %v", got, want)
	}
	if !strings.Contains(b.daemon.out.String(), "ID_TOO_LONG") {
		t.Error("the log tells nothing of the long id")
	}
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
