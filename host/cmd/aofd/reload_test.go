package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// write replaces a file of the bed as an editor does: by a new one under the same name.
func (b *bed) write(name, text string) {
	b.Helper()
	path := filepath.Join(b.dir, name)
	text = strings.ReplaceAll(text, "GRAPH", "http://"+b.emulator)
	if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o600), os.Rename(path+".new", path)); err != nil {
		b.Fatal(err)
	}
}

// says is an agent that answers with one text.
func says(name, text string) string {
	return fmt.Sprintf("kind: Agent\nmetadata: {name: %s}\nspec:\n  exec: {command: [echo, %q]}\n", name, text)
}

// TestReload: a changed file is taken while the daemon runs, one with an error changes nothing and says why, and
// no message is lost on the way.
func TestReload(t *testing.T) {
	t.Parallel()
	config := daemonHead + `
  agents: {directory: agents, watch: true}
  triggers: {directory: triggers}
  runtime: {default_agent: one, max_tasks_per_user: 100}
`
	b := newBed(t, map[string]string{
		"config.yaml": config, "agents/one.yaml": says("one", "first"),
		"triggers/t.yaml": "kind: Trigger\nmetadata: {name: t}\nspec: {platform: whatsapp, default_agent: one}\n",
	})
	b.emulate()
	b.serve()
	const user = "4915112345678"
	n := 0
	ask := func(want string) {
		t.Helper()
		b.phone(map[string]any{"from": user, "type": "text", "text": "hello"})
		n++
		if got := string(b.answers(user, n)[n-1].Body); !strings.Contains(got, want) {
			t.Errorf("answered with %s, want %s", got, want)
		}
	}
	generation := func(g int, rejected string) {
		t.Helper()
		eventually(t, fmt.Sprintf("generation %d", g), func() error {
			out, _ := b.cli("status", "-o", "json")
			if !strings.Contains(out, fmt.Sprintf(`"generation": %d`, g)) || !strings.Contains(out, rejected) {
				return errors.New(out)
			}
			return nil
		})
	}
	ask("first")
	b.write("agents/one.yaml", says("one", "second"))
	generation(2, `"rejected": []`)
	ask("second")
	b.write("agents/one.yaml", "kind: Agent\nmetadata: {name: one}\nspec: {exec: {command: [echo], timout_secs: 1}}\n")
	generation(2, "has no key timout_secs")
	ask("second")
	if out, code := b.cli("reload"); code != exitUsage || !strings.Contains(out, "one.yaml:3:") || !strings.Contains(out, "did you mean timeout_secs?") ||
		!strings.Contains(out, "what was in force stays") {
		t.Errorf("a bad file: code %d, %s", code, out)
	}
	b.write("agents/one.yaml", says("one", "second"))
	eventually(t, "word that it is mended", func() error {
		if out := b.daemon.out.String(); !strings.Contains(out, "right again") {
			return errors.New(out)
		}
		return nil
	})
	// Renamed and routed anew, with the trigger's folder not watched.
	b.write("agents/one.yaml", says("two", "third"))
	b.write("triggers/t.yaml", "kind: Trigger\nmetadata: {name: t}\nspec: {platform: whatsapp, webhook: {path: /hooks/x}, default_agent: two}\n")
	b.write("config.yaml", strings.ReplaceAll(config, "default_agent: one, max_tasks_per_user: 100", "default_agent: two, max_tasks_per_user: 50"))
	out, code := b.cli("reload")
	for _, want := range []string{"agent two: added", "agent one: removed", "trigger t: changed", "spec.runtime.max_tasks_per_user: takes effect with the next start"} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("code %d, no %q in %s", code, want, out)
		}
	}
	ask("third")
	if status, _, err := post(t.Context(), "http://"+b.address+"/hooks/x", "{}"); err != nil || status != 401 {
		t.Errorf("the trigger's new path answers %d, %v", status, err)
	}
	if out, code := b.cli("reload"); code != exitOK || !strings.Contains(out, "nothing changed") {
		t.Errorf("again: code %d, %s", code, out)
	}
	// Another secret: the plugin goes on with it, in the same process.
	pid := b.status().Platforms[0].PID
	b.write("config.yaml", strings.ReplaceAll(strings.ReplaceAll(config, "default_agent: one", "default_agent: two"), "app_secret: "+appSecret, "app_secret: another-secret"))
	if err := b.daemon.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	body := textWebhook("wamid.reload", user, "hello")
	eventually(t, "the new secret", func() error {
		status, answer, err := post(t.Context(), "http://"+b.address+"/webhook/whatsapp", body, "X-Hub-Signature-256", "sha256="+sign(body, "another-secret"))
		if err != nil || status != 200 {
			return fmt.Errorf("%d %s %w", status, answer, err)
		}
		return nil
	})
	if got := b.status().Platforms[0].PID; got != pid {
		t.Errorf("the plugin was restarted: %d, was %d", got, pid)
	}
	if strings.Contains(b.daemon.out.String(), "another-secret") {
		t.Error("the log shows the secret")
	}
}
