package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/host/internal/config"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
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
	for _, m := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```").FindAllStringSubmatch(doc, -1) {
		lines := strings.Split(m[2], "\n")
		for i := range lines {
			lines[i] = strings.TrimPrefix(lines[i], m[1])
		}
		out = append(out, strings.Join(lines, "\n"))
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

// TestReadmeTutorial follows the five minutes: the playground, an agent of one's own, and its answer on the phone.
func TestReadmeTutorial(t *testing.T) {
	t.Parallel()
	doc := readme(t)
	dir := filepath.Join(t.TempDir(), "my-bot")
	s := play(t, dir)
	const user = "4915112345678"
	s.say(user, "echo hello")
	if got := s.sees(user, 1); !strings.Contains(got, "hello") {
		t.Errorf("the echo is %s", got)
	}
	for _, b := range blocks(doc, "yaml") {
		if name, _, _ := strings.Cut(strings.TrimPrefix(b, "# "), "\n"); strings.HasPrefix(name, "my-bot/") {
			if err := os.WriteFile(filepath.Join(dir, strings.TrimPrefix(name, "my-bot/")), []byte(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "the reader's agent", func() error {
		l, err := s.host.ListAgents(t.Context(), &hostv1.ListAgentsRequest{})
		if err != nil || !strings.Contains(l.String(), `"hello"`) {
			return fmt.Errorf("%v, %w", l, err)
		}
		return nil
	})
	for i, c := range [][2]string{{"/agent hello", "hello"}, {"Ada", "Hello, Ada!"}} {
		s.say(user, c[0])
		if got := s.sees(user, i+2); !strings.Contains(got, c[1]) {
			t.Errorf("%s was answered with %s", c[0], got)
		}
	}
	ran := 0
	for _, b := range blocks(doc, "sh") {
		if !strings.Contains(b, "my-bot/data") {
			continue
		}
		ran++
		cmd := exec.Command("sh", "-ec", strings.NewReplacer("bin/aofd", filepath.Join(bin(t), "aofd"), "my-bot", dir).Replace(b))
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Hello, Ada!") || !strings.Contains(string(out), "webhook.received") {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if ran == 0 {
		t.Error("the tutorial shows no trace")
	}
}

// TestReadmeAPI runs the README's calls of the API.
func TestReadmeAPI(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	b := newBed(t, map[string]string{
		"config.yaml": daemonHead + "\n  agents: {directory: agents}\n  runtime: {default_agent: one}\n", "agents/one.yaml": says("one", "yes"),
	})
	b.emulate()
	b.serve()
	b.phone(map[string]any{"from": "14155550123", "type": "text", "text": "hello"})
	b.answers("14155550123", 1)
	found := false
	for _, block := range blocks(readme(t), "sh") {
		if !strings.Contains(block, "data/admin.sock") {
			continue
		}
		found = true
		cmd := exec.Command("sh", "-ec", block)
		cmd.Dir = b.dir
		out, err := cmd.CombinedOutput()
		for _, want := range []string{`"ready":true`, `"name":"webhook.received"`, `"deliveries":[`, `"state":"delivered"`} {
			if got := strings.ReplaceAll(string(out), " ", ""); err != nil || !strings.Contains(strings.ReplaceAll(got, `"state":"read"`, `"state":"delivered"`), want) {
				t.Errorf("%v, no %s in %s", err, want, out)
			}
		}
	}
	if !found {
		t.Error("the README calls no API")
	}
}
