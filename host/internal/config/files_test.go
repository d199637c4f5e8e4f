package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// named is an agent of a name.
func named(name string) string { return strings.ReplaceAll(echo, "echo", name) }

func names(cfg *Config) string {
	var out []string
	for _, a := range cfg.Agents {
		out = append(out, a.Name)
	}
	return strings.Join(out, " ")
}

func TestWhichFilesAreRead(t *testing.T) {
	t.Parallel()
	all := map[string]string{
		"agents/b.yaml": named("b"), "agents/a.yml": named("A"), "agents/c.txt": named("c"), "agents/.d.yaml": named("d"),
		"agents/..data/e.yaml": named("e"), "agents/deep/f.yaml": named("f"), "agents/deep/er/g.yaml": named("g"),
		"other/h.yaml": named("h"), "agents/README.md": "x", "agents/k.YAML": named("k"),
	}
	for name, test := range map[string]struct{ agents, want string }{
		"directory":        {"{directory: agents}", "A b"},
		"with a dot":       {"{directory: ./agents/}", "A b"},
		"recursive":        {"{directory: agents, recursive: true}", "A b f g"},
		"absolute":         {"{directory: \"${DIR}/agents/deep\"}", "f"},
		"home":             {"{directory: ~/agents/deep}", "f"},
		"list":             {"[other/h.yaml, agents/b.yaml]", "b h"},
		"list of folders":  {"[other, agents/deep]", "f h"},
		"one twice":        {"[other/h.yaml, ./other/../other/h.yaml]", "h"},
		"flow of a folder": {"{directory: other, watch: false}", "h"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"c.yaml": "kind: DaemonConfig\nspec:\n  platforms: {chatter: }\n  agents: " + test.agents + "\n  triggers: [{name: t, type: chatter, agent: nobody}]\n"}
			for k, v := range all {
				files[k] = v
			}
			dir := folderOf(t, files)
			env := environment{"DIR": dir, "HOME": dir}
			cfg, diags := Load(Settings{Path: "c.yaml", WorkDir: dir, Env: env.lookup})
			if len(diags) != 1 || !strings.Contains(diags[0].Text, "no agent nobody is loaded") {
				t.Error(lines(diags))
			}
			if got := names(cfg); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestFindingsAboutFiles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ agents, want string }{
		"nothing":             {"", "c.yaml:3:3: error: no agent is loaded"},
		"no directory":        {"  agents: {}\n", "c.yaml:3:3: error: no agent is loaded\nc.yaml:4:11: error: spec.agents.directory is required"},
		"not there":           {"  agents: {directory: no}\n", "c.yaml:3:3: error: no agent is loaded\nc.yaml:4:23: error: spec.agents.directory: there is no directory $/no"},
		"a file":              {"  agents: {directory: c.yaml}\n", "c.yaml:3:3: error: no agent is loaded\nc.yaml:4:23: error: spec.agents.directory: $/c.yaml is no directory"},
		"a word":              {"  agents: some\n", "c.yaml:3:3: error: no agent is loaded\nc.yaml:4:11: error: spec.agents must be a mapping with directory, or a list"},
		"empty":               {"  agents: {directory: empty}\n", "c.yaml:3:3: error: no agent is loaded\nc.yaml:4:23: warning: empty has no *.yaml and no *.yml files"},
		"unknown key":         {"  agents: {directory: agents, dept: 1}\n", "c.yaml:4:31: warning: spec.agents has no key dept"},
		"list of nothing":     {"  agents: [agents, ]\n  triggers: [~]\n", "c.yaml:5:14: error: spec.triggers[0] is required"},
		"list of mappings":    {"  agents: [agents, {name: x}]\n", "c.yaml:4:20: error: spec.agents[1] must be a single value"},
		"list of lists":       {"  agents: [agents]\n  triggers: [[x]]\n", "c.yaml:5:14: error: spec.triggers[0] must be a single value"},
		"list, not there":     {"  agents: [agents, no.yaml]\n", "c.yaml:4:20: error: spec.agents[1]: there is no file $/no.yaml"},
		"list, not set":       {"  agents: [agents, \"${NO}/x\"]\n", "c.yaml:4:20: error: spec.agents[1] needs the environment variable NO, which is not set"},
		"zero byte in a path": {"  agents: [agents, \"a\\0b\"]\n", "c.yaml:4:20: error: spec.agents[1]: there is no file $/a\x00b"},
		"too large":           {"  agents: [agents, large.yaml]\n", "large.yaml: warning: the file is larger than 1024 KiB"},
		"a pipe":              {"  agents: [agents, pipe]\n", "pipe: warning: the file is no regular file"},
		"a broken link":       {"  agents: {directory: links}\n", "c.yaml:3:3: error: no agent is loaded\nc.yaml:4:23: error: links/x.yaml cannot be read: no such file or directory"},
		"links in a circle":   {"  agents: {directory: circle, recursive: true}\n", "c.yaml:3:3: error: no agent is loaded\nc.yaml:4:23: warning: circle has no *.yaml and no *.yml files"},
		"large trigger":       {"  agents: [agents]\n  triggers: [large.yaml]\n", "large.yaml: error: the file is larger than 1024 KiB"},
		"two that are meant":  {"  agents: {directory: agents}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folderOf(t, map[string]string{
				"agents/echo.yaml": echo, "empty/x.txt": "", "links/x.txt": "", "circle/x.txt": "",
				"large.yaml": "#" + strings.Repeat("x", maxFileSize), "exact.yaml": echo + "#" + strings.Repeat("x", maxFileSize-len(echo)-1),
				"c.yaml": "kind: DaemonConfig\nspec:\n  platforms: {chatter: {}}\n" + test.agents,
			})
			for i := range 8 {
				if err := os.Symlink(".", filepath.Join(dir, "circle", fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink("nowhere", filepath.Join(dir, "links", "x.yaml")); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, diags := Load(Settings{Path: "c.yaml", WorkDir: dir})
			hasFindings(t, within(diags, dir), wanted(test.want)...)
		})
	}
}

func TestAFileOfTheLargestSizeIsRead(t *testing.T) {
	t.Parallel()
	cfg, diags := load(t, Settings{}, map[string]string{
		"c.yaml": "kind: DaemonConfig\nspec:\n" + quiet, "agents/a.yaml": echo + "#" + strings.Repeat("x", maxFileSize-len(echo)-1),
	})
	hasFindings(t, diags)
	if names(cfg) != "echo" {
		t.Error(names(cfg))
	}
}

func TestTooManyFiles(t *testing.T) {
	t.Parallel()
	files := map[string]string{"c.yaml": "kind: DaemonConfig\nspec:\n" + quiet}
	for i := range maxFiles + 1 {
		files[fmt.Sprintf("agents/%d.yaml", i)] = ""
	}
	_, diags := load(t, Settings{}, files)
	hasFindings(t, diags,
		"c.yaml:3:3: error: no agent is loaded",
		"c.yaml:4:23: error: agents has more than 2000 files")
}

// A path is looked for beside the file that names it, then in the working directory.
func TestRelativePaths(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"etc/c.yaml":        "kind: DaemonConfig\nspec:\n  platforms: {chatter: }\n  agents: {directory: agents}\n  plugins: {directory: plug}\n  data_dir: data\n",
		"etc/agents/a.yaml": named("beside"), "agents/a.yaml": named("here"), "plug/x": "", "data/x": "",
	}
	dir := folderOf(t, files)
	cfg, diags := Load(Settings{Path: "etc/c.yaml", WorkDir: dir})
	hasFindings(t, within(diags, dir),
		"etc/c.yaml:4:23: warning: spec.agents.directory: $/etc/agents is taken; there is a $/agents too")
	if names(cfg) != "beside" || cfg.PluginDirs[0] != filepath.Join(dir, "plug") || cfg.DataDir != filepath.Join(dir, "data") {
		t.Errorf("%s %v %s", names(cfg), cfg.PluginDirs, cfg.DataDir)
	}
	_, diags = Load(Settings{Path: filepath.Join(dir, "etc/c.yaml"), WorkDir: "/"})
	for _, d := range diags {
		if d.Severity == SeverityError && !strings.Contains(d.Text, "there is no directory "+dir+"/etc/plug and no /plug") {
			t.Error(lines(diags))
		}
	}
}

func TestTheDaemonConfigItself(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"no kind":        {"spec: {}\n", "c.yaml:1:7: warning: no platform is enabled, so that no message can come in"},
		"no spec":        {"kind: DaemonConfig\n", "c.yaml:1:1: error: spec is required\nc.yaml:1:1: warning: no platform is enabled, so that no message can come in"},
		"spec is a list": {"kind: DaemonConfig\nspec: [a]\n", "c.yaml:2:7: error: spec must be a mapping of keys\nc.yaml:2:7: warning: no platform is enabled, so that no message can come in"},
		"empty":          {"", "c.yaml: error: the file has no DaemonConfig"},
		"another kind":   {"kind: DaemonConfg\nspec: {}\n", "c.yaml: error: the file has no DaemonConfig\nc.yaml:1:7: warning: kind DaemonConfg is not run"},
		"only agents":    {"kind: Agent\nmetadata: {name: x}\nspec: {exec: {}}\n", "c.yaml: error: the file has no DaemonConfig\nc.yaml:3:14: error: spec.exec.command is required"},
		"only triggers":  {"kind: Trigger\nmetadata: {name: x}\nspec: {type: []}\n", "c.yaml: error: the file has no DaemonConfig\nc.yaml:3:14: error: spec.type must be a single value"},
		"broken":         {"kind: DaemonConfig\nspec: [\n", "c.yaml:3:1: error: this is not valid YAML: a value is missing here"},
		"broken agent":   {"kind: DaemonConfig\nspec: {platforms: {a: }}\n---\nkind: [\n", "c.yaml:5:1: error: this is not valid YAML: a value is missing here"},
		"two":            {"kind: DaemonConfig\nspec: {platforms: {a: }}\n---\nspec: {}\n", "c.yaml:4:1: error: a second DaemonConfig in one file"},
		"apiVersion":     {"apiVersion: v1\nspec: {platforms: {a: }}\n", "c.yaml:1:13: warning: apiVersion is not one that this daemon knows"},
		"metadata":       {"metadata: {nam: x}\nspec: {platforms: {a: }}\n", "c.yaml:1:12: warning: metadata has no key nam"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folderOf(t, map[string]string{"c.yaml": test.text, "agents/a.yaml": echo})
			s := Settings{Path: "c.yaml", WorkDir: dir}
			if !strings.Contains(test.want, "has no DaemonConfig") && name != "broken" {
				s.Overrides.AgentsDir = "agents"
			}
			cfg, diags := Load(s)
			hasFindings(t, diags, wanted(test.want)...)
			if gone := strings.Contains(test.want, "has no DaemonConfig") || name == "broken"; gone != (cfg == nil) {
				t.Errorf("the configuration is %v", cfg)
			}
		})
	}
	dir := t.TempDir()
	cfg, diags := Load(Settings{Path: "no.yaml", WorkDir: dir})
	hasFindings(t, diags, "no.yaml: error: the file cannot be read: no such file or directory")
	if cfg != nil {
		t.Error(cfg)
	}
	_, diags = Load(Settings{Path: dir, WorkDir: "/"})
	if len(diags) != 1 || diags[0].Text != "the file is no regular file" {
		t.Error(lines(diags))
	}
}

// Agents and triggers may stand in the file of the DaemonConfig, before it or behind it.
func TestEverythingInOneFile(t *testing.T) {
	t.Parallel()
	cfg, diags := load(t, Settings{}, map[string]string{"c.yaml": `name: helper
system: helps
---
kind: Trigger
metadata: {name: t}
spec: {platform: chatter, agent: helper}
---
kind: DaemonConfig
spec:
  platforms: {chatter: {}}
  runtime: {default_model: maker:large}
---
kind: TriggerConfig
metadata: {name: u}
spec: {platform: chatter}
`})
	hasFindings(t, diags, "c.yaml:1:7: warning: agent helper needs a model runtime, which is not installed: it answers that it cannot run")
	if names(cfg) != "helper" || len(cfg.Triggers) != 2 || cfg.Triggers[0].Name != "t" {
		t.Errorf("%+v", cfg)
	}
}

func TestOtherKinds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"kind: AgentFleet\nspec: x":                    "agents/z.yaml:1:7: warning: kind AgentFleet is not run",
		"kind: ConfigMap\ndata: {a: b}":                "agents/z.yaml:1:7: warning: kind ConfigMap is not run",
		"kind: Agnet\nmetadata: {name: x}":             "agents/z.yaml:1:7: warning: kind Agnet is not run",
		"kind: trigger\nmetadata: {name: x}":           "agents/z.yaml:1:7: warning: kind trigger is not run",
		"kind: DaemonConfig\nspec: {}":                 "agents/z.yaml:1:1: warning: a DaemonConfig among agents and triggers is ignored",
		"metadata: {name: x}\nspec: {}":                "agents/z.yaml:1:1: warning: a document without kind is ignored",
		"name: x\ndescription: y":                      "agents/z.yaml:1:1: warning: a document without kind is ignored",
		"kind: [Agent]":                                "agents/z.yaml:1:1: warning: a document without kind is ignored",
		"kind:\nname: x":                               "agents/z.yaml:1:1: warning: a document without kind is ignored",
		"just words":                                   "agents/z.yaml:1:1: warning: a document must be a mapping of keys",
		"kind: AgentFlow\n---\nkind: Memory\nspec: {}": "agents/z.yaml:1:7: warning: kind AgentFlow is not run\nagents/z.yaml:3:7: warning: kind Memory is not run",
	} {
		_, diags := load(t, Settings{}, map[string]string{
			"c.yaml": "kind: DaemonConfig\nspec:\n" + quiet, "agents/echo.yaml": echo, "agents/z.yaml": text + "\n",
		})
		hasFindings(t, diags, wanted(want)...)
	}
}

func TestStrict(t *testing.T) {
	t.Parallel()
	_, diags := load(t, Settings{Strict: true}, map[string]string{
		"c.yaml":        "kind: DaemonConfig\nextra: 1\nspec:\n" + quiet + "  server: {prot: 1}\n  approval: {}\n",
		"agents/a.yaml": "kind: Agent\nname: x\nmetadata: {name: a, nam: b}\nspec: {exec: {command: [x]}, tool: 1}\n",
		"agents/b.yaml": "kind: Agnet\n---\nkind: AgentFleet\n",
	})
	hasFindings(t, diags,
		"agents/a.yaml:2:1: error: the document has no key name",
		"agents/a.yaml:3:21: error: metadata has no key nam",
		"agents/a.yaml:4:30: error: spec has no key tool",
		"agents/b.yaml:1:7: error: kind Agnet is not run",
		"agents/b.yaml:3:7: warning: kind AgentFleet is not run",
		"c.yaml:2:1: error: the document has no key extra",
		"c.yaml:6:12: error: spec.server has no key prot",
		"c.yaml:7:3: warning: spec.approval is accepted, but not used yet",
	)
}

func TestWhoIsTheDefault(t *testing.T) {
	t.Parallel()
	two := named("a") + "---\n" + named("b")
	for name, test := range map[string]struct{ agents, spec, want, def string }{
		"the only one":            {named("a"), "", "", "a"},
		"an empty name":           {named("a"), "  runtime: {default_agent: \"\"}\n", "", "a"},
		"one of two":              {two, "  runtime: {default_agent: B}\n", "", "b"},
		"nobody":                  {two, "", "c.yaml:3:3: error: 2 agents are loaded, and none of them is the default", ""},
		"nobody, by a variable":   {two, "  runtime: {default_agent: \"${WHO:-}\"}\n", "c.yaml:5:28: error: 2 agents are loaded, and none of them is the default", ""},
		"a variable is not set":   {two, "  runtime: {default_agent: \"${WHO}\"}\n", "c.yaml:5:28: error: spec.runtime.default_agent needs the environment variable WHO, which is not set", ""},
		"a trigger has one":       {two, "  triggers: [{name: t, type: chatter, agent: b}]\n", "", ""},
		"only an inactive one":    {two, "  triggers: [{name: t, type: other, agent: b}]\n", "c.yaml:3:3: error: 2 agents are loaded, and none of them is the default\nc.yaml:5:21: warning: the trigger t is inactive: platform other is not configured", ""},
		"somebody else":           {two, "  runtime: {default_agent: c}\n", "c.yaml:5:28: error: spec.runtime.default_agent: no agent c is loaded", "c"},
		"two of one name":         {named("a") + "---\n" + named("A"), "", "agents/a.yaml:6:18: error: the agent A is there already, in agents/a.yaml:2:18\nc.yaml:3:3: error: 2 agents are loaded, and none of them is the default", ""},
		"two of one, with dashes": {named("a-b") + "---\n" + named("a_b"), "  runtime: {default_agent: a_b}\n", "", "a_b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, diags := load(t, Settings{}, map[string]string{
				"agents/a.yaml": test.agents, "c.yaml": "kind: DaemonConfig\nspec:\n" + quiet + test.spec,
			})
			hasFindings(t, diags, wanted(test.want)...)
			if cfg.Runtime.DefaultAgent != test.def {
				t.Errorf("the default is %q, want %q", cfg.Runtime.DefaultAgent, test.def)
			}
		})
	}
}

func TestTheHintNamesWhoIsLoaded(t *testing.T) {
	t.Parallel()
	files := map[string]string{"c.yaml": "kind: DaemonConfig\nspec:\n" + quiet + "  runtime: {default_agent: nobody}\n"}
	for i := range 10 {
		name := fmt.Sprintf("agent-%d", i)
		files["agents/"+name+".yaml"] = named(name)
	}
	_, diags := load(t, Settings{}, files)
	want := "loaded are: agent-0, agent-1, agent-2, agent-3, agent-4, agent-5, agent-6, agent-7, …"
	if len(diags) != 1 || diags[0].Hint != want {
		t.Error(diags)
	}
	if !slices.IsSorted(lines(diags)) {
		t.Error(lines(diags))
	}
}

// What a daemon watches and where it reads: folders with their folders, and files.
func TestFoldersAndFilesAreTold(t *testing.T) {
	t.Parallel()
	cfg, diags := load(t, Settings{}, map[string]string{
		"agents/echo.yaml": echo, "agents/deep/x.txt": "", "triggers/t.yaml": "kind: Trigger\nmetadata: {name: t}\nspec: {platform: chatter, agent: echo}\n",
		"c.yaml": `kind: DaemonConfig
spec:
  agents: {directory: agents, recursive: true, watch: true}
  triggers: {directory: triggers}
  platforms: {chatter: {}}
`,
	})
	hasFindings(t, diags)
	dir := filepath.Dir(cfg.DataDir)
	want := []Folder{{filepath.Join(dir, "triggers"), false}, {filepath.Join(dir, "agents"), true}, {filepath.Join(dir, "agents/deep"), true}}
	if !slices.Equal(cfg.Folders, want) {
		t.Errorf("folders %v, want %v", cfg.Folders, want)
	}
	files := []string{filepath.Join(dir, "c.yaml"), filepath.Join(dir, "triggers/t.yaml"), filepath.Join(dir, "agents/echo.yaml")}
	if !slices.Equal(cfg.Files, files) {
		t.Errorf("files %v, want %v", cfg.Files, files)
	}
}
