package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/host/internal/config"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the fenced examples of one language.
func blocks(doc, language string) (out []string) {
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(doc, -1) {
		out = append(out, m[1])
	}
	return out
}

// TestReadmeExample follows the README: its files, its commands, a message, and the answer that it promises.
func TestReadmeExample(t *testing.T) {
	t.Parallel()
	doc := readme(t)
	files := map[string]string{}
	for _, b := range blocks(doc, "yaml") {
		name, _, ok := strings.Cut(strings.TrimPrefix(b, "# "), "\n")
		if !ok || !strings.HasPrefix(b, "# ") {
			t.Fatalf("an example without a file name:\n%s", b)
		}
		files[name] = b
	}
	// The only change: calls go to the emulator.
	const secret = "      app_secret_env: WHATSAPP_APP_SECRET\n"
	cfg := files["config.yaml"]
	if !strings.Contains(cfg, secret) {
		t.Fatal("the README's configuration has changed: mend this test")
	}
	files["config.yaml"] = strings.Replace(cfg, secret, secret+"      api_base_url: GRAPH\n", 1)
	b := newBed(t, files)
	b.env = []string{
		"WHATSAPP_PHONE_NUMBER_ID=" + phoneNumberID, "WHATSAPP_ACCESS_TOKEN=" + accessToken,
		"WHATSAPP_VERIFY_TOKEN=" + verifyToken, "WHATSAPP_APP_SECRET=" + appSecret,
	}
	validate := exec.Command(filepath.Join(bin(t), "aofd"), "validate", "-c", "config.yaml")
	if !strings.Contains(doc, "bin/aofd validate -c config.yaml") {
		t.Error("the README does not validate its configuration")
	}
	validate.Dir, validate.Env = b.dir, append(os.Environ(), b.env...)
	if out, err := validate.CombinedOutput(); err != nil || strings.Contains(string(out), "warning") {
		t.Fatalf("aofd validate: %v\n%s", err, out)
	}
	b.emulate()
	b.serve()
	for i, text := range []string{"is a pod down?", "/pods"} {
		b.phone(map[string]any{"from": "14155550123", "type": "text", "text": text})
		got := string(b.answers("14155550123", i+1)[i].Body)
		for _, want := range []string{"Found CrashLoopBackOff", "view_logs", "View Logs"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q was answered without %q: %s", text, want, got)
			}
		}
	}
}

// TestReadmePlatform builds the second way's plugin as the README says and asks it what it is.
func TestReadmePlatform(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	found := false
	for _, b := range blocks(readme(t), "sh") {
		if !strings.Contains(b, "aof-platform-echo") {
			continue
		}
		found = true
		cmd := exec.Command("sh", "-ec", strings.ReplaceAll(b, "bin/", dir+"/"))
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), `"id": "echo"`) {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if !found {
		t.Error("the README builds no platform")
	}
}

func TestReadmeReferenceIsFresh(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	if err := config.WriteReference(&want); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(readme(t), "<!-- reference: written by `make generate` -->\n")
	if got, _, _ := strings.Cut(rest, "<!-- end of reference -->"); got != want.String() {
		t.Error("the configuration reference in the README is stale: make generate")
	}
}

// TestDocumentedAgents loads the agent files that the agents' README shows.
func TestDocumentedAgents(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join(root, "examples/agents/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := blocks(string(doc), "yaml")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "agents.yaml"), []byte(strings.Join(files, "---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := config.Load(config.Settings{
		WorkDir: dir, Overrides: config.Overrides{AgentsDir: dir},
		Env: func(string) (string, bool) { return "x", true },
	})
	for _, d := range diags {
		if d.Severity == config.SeverityError && !strings.Contains(d.Text, "none of them is the default") {
			t.Errorf("%s: %s", d.Pos, d.Text)
		}
	}
	if cfg == nil || len(cfg.Agents) != len(files) || len(files) < 3 {
		t.Errorf("%d files, loaded %+v", len(files), cfg)
	}
}
