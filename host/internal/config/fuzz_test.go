package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

// FuzzLoad reads arbitrary bytes as a DaemonConfig, as an agent and as a trigger. It must end soon, and what
// it finds must have a place that can be shown.
func FuzzLoad(f *testing.F) {
	for _, text := range secretFiles {
		f.Add([]byte(strings.ReplaceAll(text, "MARK", marker)))
	}
	f.Add([]byte("a: &a {<<: *a, b: [*a, ${X:-y}]}\n---\n? [x]\n: !!set {y}\n...\n%YAML 1.2\n---\n- \"\\u2028\"\n"))
	f.Add([]byte("kind: DaemonConfig\r\nspec: {agents: [c.yaml], triggers: [{name: t, platform: {type: p, config: {path: /x}}}]}\r\n"))
	f.Add([]byte("\ufeff{kind: Agent, metadata: {name: a}, spec: {grpc: {address: 'unix:/a', tls: {}}}}"))
	f.Add([]byte("name: x\nmodel: {name: y}\n\tz: |\n  \x00"))
	dir := f.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		for _, name := range []string{"c.yaml", "d/x.yaml"} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		env := environment{"X": "1", "NAME": "a\nb: c"}
		s := Settings{Path: "c.yaml", WorkDir: dir, Env: env.lookup}
		check(t, s)
		s.Overrides = Overrides{AgentsDir: "d", TriggersDir: "d"}
		s.Strict, s.ValidateOnly = true, true
		check(t, s)
		LogSettings(s)
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

func check(t *testing.T, s Settings) {
	cfg, diags := Load(s)
	if cfg == nil && !diags.HasErrors() {
		t.Error("there is neither a configuration nor an error")
	}
	if cfg != nil {
		for _, p := range cfg.Platforms {
			object, found := p.Bind(json.RawMessage(anySchema))
			if (object == nil) != found.HasErrors() || object != nil && !json.Valid(object) {
				t.Errorf("%s %v", object, lines(found))
			}
			diags = append(diags, found...)
			diags = append(diags, p.Locate([]chat.Diagnostic{{Pointer: "/people/0"}, {Pointer: "/token"}})...)
		}
	}
	for _, d := range diags {
		if src := d.Pos.src; src != nil && d.Pos.Line > len(src.lines)+1 {
			t.Errorf("%s is behind the end of the file", d.Pos)
		}
		if d.Text == "" && d.Pos.File == "" {
			t.Error("an empty finding")
		}
	}
	if !diags.HasErrors() && cfg != nil {
		sound(t, cfg)
	}
	var b strings.Builder
	diags.Print(&b, true)
}

// sound checks what the rest of the daemon relies on when there are no errors.
func sound(t *testing.T, cfg *Config) {
	known := map[string]bool{"": true, builtin: true}
	for _, a := range cfg.Agents {
		if a.Name == "" || known[a.Name] {
			t.Errorf("the agent %q", a.Name)
		}
		known[a.Name] = true
		if a.Exec != nil && (len(a.Exec.Command) == 0 || a.Exec.Command[0] == "" || !filepath.IsAbs(a.Exec.Dir)) {
			t.Errorf("%+v", a.Exec)
		}
	}
	for _, tr := range cfg.Triggers {
		if tr.Name == "" || !platformID.MatchString(tr.Platform) || !known[tr.DefaultAgent] {
			t.Errorf("%+v", tr)
		}
		for _, r := range tr.Rules {
			if r.Agent == "" || !known[r.Agent] || len(r.TextContains) == 0 {
				t.Errorf("%+v", r)
			}
			for _, w := range r.TextContains {
				if strings.TrimSpace(w) == "" {
					t.Errorf("the word %q", w)
				}
			}
		}
		for _, c := range tr.Commands {
			if c.Name == "" || !known[c.Agent] || (c.Agent == "") == (c.NotRun == "") {
				t.Errorf("%+v", c)
			}
		}
	}
	if r := cfg.Runtime; !known[r.DefaultAgent] || r.MaxConcurrentTasks < 1 || r.MaxTasksPerUser < 1 || r.TaskTimeout < time.Second {
		t.Errorf("%+v", r)
	}
	if cfg.Server.Port < 1 || cfg.Server.Host == "" {
		t.Errorf("%+v", cfg.Server)
	}
}
