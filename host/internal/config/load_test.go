package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folderOf makes a folder with files of the given contents, and returns it. A name may have folders in it.
func folderOf(t testing.TB, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// environment is a fixed set of variables.
type environment map[string]string

func (e environment) lookup(name string) (string, bool) {
	v, ok := e[name]
	return v, ok
}

// lines are findings as the tests write them: file:line:col: severity: text.
func lines(ds Diagnostics) []string {
	out := []string{}
	for _, d := range ds {
		at := d.Pos.String()
		if at != "" {
			at += ": "
		}
		out = append(out, fmt.Sprintf("%s%s: %s", at, d.Severity, d.Text))
	}
	return out
}

// hasFindings compares findings with those that are wanted, in order.
func hasFindings(t *testing.T, got Diagnostics, want ...string) {
	t.Helper()
	have := lines(got)
	if g, w := strings.Join(have, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("findings\n%s\nwant\n%s", indent(have), indent(want))
	}
}

func indent(lines []string) string { return "  " + strings.Join(lines, "\n  ") }

// echo is an agent that is good for most tests.
const echo = "kind: Agent\nmetadata: {name: echo}\nspec: {exec: {command: [cat]}}\n"

// quiet is the rest of a DaemonConfig that has nothing to say: a platform and the folder of agents.
const quiet = "  platforms: {chatter: {}}\n  agents: {directory: agents}\n"

// load reads c.yaml in a folder with these files. When there are no agents, echo is the only one.
func load(t testing.TB, s Settings, contents map[string]string) (*Config, Diagnostics) {
	t.Helper()
	all := map[string]string{}
	agents := false
	for name, text := range contents {
		all[name] = text
		agents = agents || strings.HasPrefix(name, "agents/")
	}
	if !agents {
		all["agents/echo.yaml"] = echo
	}
	s.WorkDir = folderOf(t, all)
	if _, ok := all["c.yaml"]; ok && s.Path == "" {
		s.Path = "c.yaml"
	}
	return Load(s)
}

// one reads a DaemonConfig whose spec has these lines, indented by two spaces, after those of quiet.
func one(t testing.TB, s Settings, spec string) (*Config, Diagnostics) {
	t.Helper()
	return load(t, s, map[string]string{"c.yaml": "kind: DaemonConfig\nspec:\n" + quiet + spec})
}
