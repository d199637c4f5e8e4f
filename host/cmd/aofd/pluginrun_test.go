package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRunPlugin: the daemon's program runs a command of a plugin, with the secrets of the configuration, and tells
// none of them.
func TestRunPlugin(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{"config.yaml": daemonHead + `
  agents: {directory: agents}
`, "agents/a.yaml": "name: a\nmodel: openai:gpt-4o\ninstructions: x\n"})
	b.emulate()
	b.serve()
	config := filepath.Join(b.dir, "config.yaml")
	hook := "http://" + b.address + "/webhook/whatsapp"
	run := func(args ...string) (string, int) {
		t.Helper()
		return b.cli(append([]string{"plugin", "run"}, args...)...)
	}
	out, code := run("whatsapp", "doctor", "-c", config, "--webhook", hook)
	for _, want := range []string{"✓ the token is valid", "✓ the handshake with verify_token works", "✓ a signed webhook is taken", "✓ a webhook with a wrong signature is refused", "All is well."} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("doctor: %d\n%s", code, out)
		}
	}
	wrong := strings.Replace(string(mustRead(t, config)), accessToken, "another-token", 1)
	if err := os.WriteFile(config, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := run("whatsapp", "doctor", "--config="+config); code != 1 || !strings.Contains(out, "✗ the token is not valid") || strings.Contains(out, "another-token") {
		t.Errorf("a wrong token: %d\n%s", code, out)
	}
	if out, code := run("whatsapp"); code != 0 || !strings.Contains(out, "doctor") {
		t.Errorf("help: %d\n%s", code, out)
	}
	if out, code := run("whatsapp", "doctor", "-o", "yaml", "-c", config); code != 2 || !strings.Contains(out, "text or json") {
		t.Errorf("usage: %d\n%s", code, out)
	}
	if out, code := run("nobody", "doctor", "-c", config); code == 0 || !strings.Contains(out, "no platform nobody") {
		t.Errorf("another plugin: %d\n%s", code, out)
	}
	if out, code := run(); code != 2 || !strings.Contains(out, "say which plugin") {
		t.Errorf("nothing: %d\n%s", code, out)
	}
	bad := strings.Replace(wrong, "app_secret: "+appSecret, "app_secret: \"\"", 1)
	if err := os.WriteFile(config, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := run("whatsapp", "doctor", "-c", config); code != 2 || !strings.Contains(out, "app_secret is empty") {
		t.Errorf("a bad configuration: %d\n%s", code, out)
	}
}
