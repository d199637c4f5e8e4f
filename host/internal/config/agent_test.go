package config

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// agentFile reads one file of agents, c.yaml aside.
func agentFile(t *testing.T, s Settings, text string) (*Config, Diagnostics) {
	t.Helper()
	return load(t, s, map[string]string{
		"agents/a.yaml": text, "agents/bin/tool": "", "ca.pem": "", "cert.pem": "", "key.pem": "",
		"c.yaml": "kind: DaemonConfig\nspec:\n" + quiet,
	})
}

func TestExecAgent(t *testing.T) {
	t.Parallel()
	env := environment{"TOKEN": "t $HOME", "HOME": "/root"}
	cfg, diags := agentFile(t, Settings{Env: env.lookup}, `kind: Agent
metadata: {name: Dock-Hand}
spec:
  description: Costs "$5" and ${NOTHING}
  exec:
    command: [./tool, "", " x ", "${TOKEN}", 007, -1, true]
    dir: bin
    env: {A: "${TOKEN}", B: 0123, C: }
    timeout_secs: 90s
  vars: {place: "${PLACE:-pier}"}
  max_context_messages: 0
`)
	hasFindings(t, diags)
	a := cfg.Agents[0]
	agents := filepath.Join(filepath.Dir(cfg.DataDir), "agents")
	if a.Name != "Dock-Hand" || a.Description != `Costs "$5" and ${NOTHING}` || a.Runner() != "exec" || a.Dir != agents ||
		a.MaxContextMessages != 0 || a.Vars["place"] != "pier" || a.Pos.String() != "agents/a.yaml:2:18" {
		t.Errorf("%+v", a)
	}
	e := a.Exec
	if !slices.Equal(e.Command, []string{"./tool", "", " x ", "t $HOME", "007", "-1", "true"}) || e.Dir != filepath.Join(agents, "bin") ||
		!maps.Equal(e.Env, map[string]string{"A": "t $HOME", "B": "0123", "C": ""}) || e.Timeout != 90*time.Second {
		t.Errorf("%+v", e)
	}
	if cfg.Runtime.DefaultAgent != "Dock-Hand" {
		t.Error(cfg.Runtime.DefaultAgent)
	}
}

func TestHTTPAndGRPCAgents(t *testing.T) {
	t.Parallel()
	cfg, diags := agentFile(t, Settings{Overrides: Overrides{}}, `
name: web
http: {url: "https://${HOST:-example.org}/run", headers: {Authorization: "Bearer x", X-A: 1}, timeout_secs: 5}
---
name: near
http: {url: "http://[::1]:80/"}
---
name: far
grpc: {address: "example.org:443", tls: true, timeout_secs: 1m}
---
name: mutual
grpc:
  address: example.org:443
  tls: {ca_file: ../ca.pem, cert_file: ../cert.pem, key_file: ../key.pem, server_name: inner}
---
name: socket
grpc: {address: "unix:/run/agent.sock", tls: off}
---
name: local
grpc: {address: "localhost:1", tls: }
---
kind: Trigger
metadata: {name: t}
spec: {type: chatter, agent: web}
`)
	hasFindings(t, diags)
	by := map[string]Agent{}
	for _, a := range cfg.Agents {
		by[a.Name] = a
	}
	work := filepath.Dir(cfg.DataDir)
	if h := by["web"].HTTP; h.URL != "https://example.org/run" || h.Timeout != 5*time.Second || h.Headers["Authorization"] != "Bearer x" || h.Headers["X-A"] != "1" {
		t.Errorf("%+v", h)
	}
	if by["web"].Runner() != "http" || by["far"].Runner() != "grpc" || by["near"].HTTP.URL != "http://[::1]:80/" {
		t.Errorf("%+v", by)
	}
	if g := by["far"].GRPC; g.Address != "example.org:443" || *g.TLS != (GRPCTLS{}) || g.Timeout != time.Minute {
		t.Errorf("%+v", g)
	}
	want := GRPCTLS{filepath.Join(work, "ca.pem"), filepath.Join(work, "cert.pem"), filepath.Join(work, "key.pem"), "inner"}
	if g := by["mutual"].GRPC; *g.TLS != want {
		t.Errorf("%+v, want %+v", g.TLS, want)
	}
	if by["socket"].GRPC.TLS != nil || by["local"].GRPC.TLS != nil {
		t.Errorf("%+v", by)
	}
	if names := slices.Sorted(maps.Keys(by)); !slices.Equal(names, []string{"far", "local", "mutual", "near", "socket", "web"}) {
		t.Error(names)
	}
}

func TestModelAgents(t *testing.T) {
	t.Parallel()
	const needs = "agents/a.yaml:2:18: warning: agent m needs a model runtime, which is not installed: it answers that it cannot run"
	for name, test := range map[string]struct{ spec, model, text string }{
		"qualified":     {"{model: maker:large-2, instructions: \" be brief \"}", "maker:large-2", "be brief"},
		"with a colon":  {"{model: \"llm:8b\"}", "llm:8b", ""},
		"provider":      {"{model: large, provider: maker, system: x}", "maker:large", "x"},
		"mapping":       {"{model: {provider: maker, name: large}, prompt: x}", "maker:large", "x"},
		"other mapping": {"{model: {provider: maker, model: large}, provider: no, system_prompt: x}", "maker:large", "x"},
		"two prompts":   {"{model: x, system: same, prompt: same}", "x", "same"},
		"never expands": {"{model: x, system: \"costs $5 and ${NO}\"}", "x", "costs $5 and ${NO}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, diags := agentFile(t, Settings{}, "kind: Agent\nmetadata: {name: m}\nspec: "+test.spec+"\n")
			hasFindings(t, diags, needs)
			if a := cfg.Agents[0]; a.Model != test.model || a.Instructions != test.text || a.Runner() != "model" || a.MaxContextMessages != 10 {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	for memory, want := range map[string]int{
		"":                             10,
		"InMemory":                     10,
		"\"File:./x.json:60\"":         10,
		"{type: conversation}":         10,
		"{enabled: true, ttl: 1}":      10,
		"{enabled: false}":             0,
		"{enabled: \"no\"}":            0,
		"{enabled: perhaps}":           10,
		"[what, ever]":                 10,
		"{enabled: {}, persistence: }": 10,
	} {
		cfg, diags := agentFile(t, Settings{}, "name: m\nexec: {command: [x]}\nmemory: "+memory+"\n")
		hasFindings(t, diags)
		if got := cfg.Agents[0].MaxContextMessages; got != want {
			t.Errorf("%s gives %d messages, want %d", memory, got, want)
		}
	}
}

func TestAgentFindings(t *testing.T) {
	t.Parallel()
	const head = "kind: Agent\nmetadata: {name: a}\nspec:\n"
	for name, test := range map[string]struct{ text, want string }{
		"nothing runs it":    {head + "  description: x\n", "agents/a.yaml:2:18: error: agent a has nothing that runs it"},
		"no name":            {"kind: Agent\nmetadata: {}\nspec: {exec: {command: [x]}}\n", "agents/a.yaml:2:11: error: metadata.name is required\nc.yaml:3:3: error: no agent is loaded"},
		"no metadata":        {"kind: Agent\nspec: {exec: {command: [x]}}\n", "agents/a.yaml:1:1: error: metadata.name is required\nc.yaml:3:3: error: no agent is loaded"},
		"metadata is a word": {"kind: Agent\nmetadata: a\nspec: {exec: {command: [x]}}\n", "agents/a.yaml:2:11: error: metadata must be a mapping of keys\nagents/a.yaml:2:11: error: metadata.name is required\nc.yaml:3:3: error: no agent is loaded"},
		"name at the top":    {"kind: Agent\nname: a\nspec: {exec: {command: [x]}}\n", "agents/a.yaml:1:1: error: metadata.name is required\nagents/a.yaml:2:1: warning: the document has no key name\nc.yaml:3:3: error: no agent is loaded"},
		"no spec":            {"kind: Agent\nmetadata: {name: a}\n", "agents/a.yaml:1:1: error: spec is required"},
		"spec is a list":     {"kind: Agent\nmetadata: {name: a}\nspec: [exec]\n", "agents/a.yaml:3:7: error: spec must be a mapping of keys"},
		"its name":           {"kind: Agent\nmetadata: {name: BuiltIn}\nspec: {exec: {command: [x]}}\n", "agents/a.yaml:2:18: error: an agent cannot have this name"},
		"its name has lines": {"kind: Agent\nmetadata: {name: \"a\\nb\"}\nspec: {exec: {command: [x]}}\n", "agents/a.yaml:2:18: error: an agent cannot have this name"},
		"apiVersion":         {"apiVersion: aof.dev/v2\n" + head + "  exec: {command: [x]}\n", "agents/a.yaml:1:13: warning: apiVersion is not one that this daemon knows"},
		"unknown keys":       {head + "  exec: {command: [x]}\n  tool: [a]\nstatus: {}\n", "agents/a.yaml:5:3: warning: spec has no key tool\nagents/a.yaml:6:1: warning: the document has no key status"},
		"not used":           {head + "  exec: {command: [x]}\n  tools: [a]\n  guardrails: {a: b}\n", "agents/a.yaml:2:18: warning: agent a: not used yet: tools, guardrails"},
		"two runners":        {head + "  exec: {command: [x]}\n  http: {url: \"https://a\"}\n  grpc:\n", "agents/a.yaml:5:3: error: agent a has exec and http\nagents/a.yaml:6:3: error: agent a has exec and grpc"},
		"empty runner":       {head + "  exec:\n", "agents/a.yaml:4:3: error: spec.exec is empty"},
		"runner is a word":   {head + "  http: https://a\n", "agents/a.yaml:4:9: error: spec.http must be a mapping of keys"},
		"two prompts":        {head + "  model: x\n  system: one\n  prompt: two\n", "agents/a.yaml:6:11: error: spec.prompt differs from spec.system in line 5"},
		"two models":         {head + "  model: {name: x, model: y}\n", "agents/a.yaml:4:10: error: spec.model has a name and another model"},
		"model is a list":    {head + "  model: [x]\n", "agents/a.yaml:2:18: error: agent a has nothing that runs it\nagents/a.yaml:4:10: error: spec.model must be a single value"},
		"key of a model":     {head + "  model: {name: x, nmae: y}\n", "agents/a.yaml:2:18: warning: agent a needs a model runtime, which is not installed: it answers that it cannot run\nagents/a.yaml:4:20: warning: spec.model has no key nmae"},
		"too much history":   {head + "  exec: {command: [x]}\n  max_context_messages: 5000\n", "agents/a.yaml:5:25: error: spec.max_context_messages must be a whole number from 0 to 1000"},
		"vars":               {head + "  exec: {command: [x]}\n  vars: {a: \"${NO}\", b: [x]}\n", "agents/a.yaml:5:13: error: spec.vars.a needs the environment variable NO, which is not set\nagents/a.yaml:5:25: error: spec.vars.b must be a single value"},

		"no command":        {head + "  exec: {}\n", "agents/a.yaml:4:9: error: spec.exec.command is required"},
		"empty command":     {head + "  exec: {command: []}\n", "agents/a.yaml:4:19: error: spec.exec.command has no program"},
		"empty program":     {head + "  exec: {command: [\"\", x]}\n", "agents/a.yaml:4:19: error: spec.exec.command has no program"},
		"shell line":        {head + "  exec: {command: ls -l}\n", "agents/a.yaml:4:19: error: spec.exec.command must be a list: no shell reads it"},
		"command mapping":   {head + "  exec: {command: {a: b}}\n", "agents/a.yaml:4:19: error: spec.exec.command must be a list"},
		"empty argument":    {head + "  exec:\n    command:\n      - x\n      -\n", "agents/a.yaml:7:8: error: spec.exec.command[1] is empty"},
		"list as argument":  {head + "  exec: {command: [x, [y]]}\n", "agents/a.yaml:4:23: error: spec.exec.command[1] must be a single value"},
		"zero byte":         {head + "  exec: {command: [x, \"\\0\"]}\n", "agents/a.yaml:4:23: error: spec.exec.command[1] must not hold a zero byte"},
		"unset argument":    {head + "  exec: {command: [x, \"${NO}\"]}\n", "agents/a.yaml:4:23: error: spec.exec.command[1] needs the environment variable NO, which is not set"},
		"env":               {head + "  exec: {command: [x], env: {A-B: 1}}\n", "agents/a.yaml:4:29: error: spec.exec.env has a name that is no name of a variable, or a value with a zero byte"},
		"env is a list":     {head + "  exec: {command: [x], env: [A=B]}\n", "agents/a.yaml:4:29: error: spec.exec.env must be a mapping of keys"},
		"unset env":         {head + "  exec: {command: [x], env: {A: \"${NO}\"}}\n", "agents/a.yaml:4:33: error: spec.exec.env.A needs the environment variable NO, which is not set"},
		"working directory": {head + "  exec: {command: [x], dir: a.yaml}\n", "agents/a.yaml:4:29: error: spec.exec.dir: $/agents/a.yaml is no directory"},
		"timeout":           {head + "  exec: {command: [x], timeout_secs: 0}\n", "agents/a.yaml:4:38: error: spec.exec.timeout_secs must be seconds or a duration such as 90s or 5m, 1 or more, at most a year"},
		"key of exec":       {head + "  exec: {comand: [x]}\n", "agents/a.yaml:4:9: error: spec.exec.command is required\nagents/a.yaml:4:10: error: spec.exec has no key comand"},

		"no URL":           {head + "  http: {}\n", "agents/a.yaml:4:9: error: spec.http.url is required"},
		"empty URL":        {head + "  http: {url: \"\"}\n", "agents/a.yaml:4:15: error: spec.http.url is required, and empty"},
		"not a URL":        {head + "  http: {url: example.org}\n", "agents/a.yaml:4:15: error: spec.http.url must be a URL that begins with https:// or http://"},
		"URL of a file":    {head + "  http: {url: \"file:///etc\"}\n", "agents/a.yaml:4:15: error: spec.http.url must be a URL that begins with https:// or http://"},
		"URL without host": {head + "  http: {url: \"https://:80/\"}\n", "agents/a.yaml:4:15: error: spec.http.url must be a URL that begins with https:// or http://"},
		"broken URL":       {head + "  http: {url: \"http://a b\"}\n", "agents/a.yaml:4:15: error: spec.http.url must be a URL that begins with https:// or http://"},
		"plain text":       {head + "  http: {url: \"http://example.org\"}\n", "agents/a.yaml:4:15: error: spec.http.url: http is for this machine only"},
		"header":           {head + "  http: {url: \"https://a\", headers: {\"a b\": x}}\n", "agents/a.yaml:4:37: error: spec.http.headers has a name or a value that no HTTP header can have"},
		"header value":     {head + "  http: {url: \"https://a\", headers: {a: \"x\\r\\ny: z\"}}\n", "agents/a.yaml:4:37: error: spec.http.headers has a name or a value that no HTTP header can have"},
		"unset header":     {head + "  http: {url: \"https://a\", headers: {a: \"${NO}\"}}\n", "agents/a.yaml:4:41: error: spec.http.headers.a needs the environment variable NO, which is not set"},
		"key of http":      {head + "  http: {url: \"https://a\", header: {}}\n", "agents/a.yaml:4:28: error: spec.http has no key header"},

		"no address":      {head + "  grpc: {tls: true}\n", "agents/a.yaml:4:9: error: spec.grpc.address is required"},
		"no port":         {head + "  grpc: {address: localhost}\n", "agents/a.yaml:4:19: error: spec.grpc.address must be host:port or unix:/path"},
		"port 0":          {head + "  grpc: {address: \"localhost:0\"}\n", "agents/a.yaml:4:19: error: spec.grpc.address must be host:port or unix:/path"},
		"port is a name":  {head + "  grpc: {address: \"localhost:http\"}\n", "agents/a.yaml:4:19: error: spec.grpc.address must be host:port or unix:/path"},
		"no host":         {head + "  grpc: {address: \":1\"}\n", "agents/a.yaml:4:19: error: spec.grpc.address must be host:port or unix:/path"},
		"relative socket": {head + "  grpc: {address: \"unix:a.sock\"}\n", "agents/a.yaml:4:19: error: spec.grpc.address must have an absolute path"},
		"far, no TLS":     {head + "  grpc: {address: \"a.org:1\"}\n", "agents/a.yaml:4:19: error: spec.grpc.address: without tls only this machine can be called"},
		"TLS is a list":   {head + "  grpc: {address: \"a.org:1\", tls: [a]}\n", "agents/a.yaml:4:35: error: spec.grpc.tls must be a mapping of keys"},
		"TLS key":         {head + "  grpc: {address: \"a.org:1\", tls: {ca: x}}\n", "agents/a.yaml:4:36: error: spec.grpc.tls has no key ca"},
		"TLS files":       {head + "  grpc: {address: \"a.org:1\", tls: {cert_file: a.yaml}}\n", "agents/a.yaml:4:35: error: spec.grpc.tls.key_file is required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, diags := agentFile(t, Settings{}, test.text)
			hasFindings(t, within(diags, filepath.Dir(cfg.DataDir)), wanted(test.want)...)
		})
	}
}

// What only an agent has wrong stops the daemon when somebody is routed to it, and always when validating.
func TestABrokenAgentStopsOnlyThoseWhoNeedIt(t *testing.T) {
	t.Parallel()
	const bad = "kind: Agent\nmetadata: {name: bad}\nspec: {exec: {}}\n"
	const unreadable = "kind: Agent\nmetadata: {name: lost\n"
	files := func(spec, trigger string) map[string]string {
		return map[string]string{
			"agents/echo.yaml": echo, "agents/bad.yaml": bad, "agents/lost.yaml": unreadable,
			"c.yaml": "kind: DaemonConfig\nspec:\n" + quiet + "  triggers: [{name: t, type: chatter" + trigger + "}]\n" + spec,
		}
	}
	asked := func(severity string) []string {
		return []string{
			"agents/bad.yaml:3:14: " + severity + ": spec.exec.command is required",
			"agents/lost.yaml:3:1: " + severity + ": this is not valid YAML: a mapping in { } is not closed or lacks a comma",
		}
	}
	leftOut := slices.Insert(asked("warning"), 0, "agents/bad.yaml:2:18: warning: the agent bad is left out")
	const isDefault = "  runtime: {default_agent: echo}\n"

	_, diags := load(t, Settings{}, files(isDefault, ""))
	hasFindings(t, diags, leftOut...)
	_, diags = load(t, Settings{ValidateOnly: true}, files(isDefault, ""))
	hasFindings(t, diags, asked("error")...)
	_, diags = load(t, Settings{Strict: true}, files(isDefault, ""))
	hasFindings(t, diags, asked("error")...)

	needed := asked("warning")
	needed[0] = "agents/bad.yaml:3:14: error: spec.exec.command is required"
	for _, trigger := range []string{
		", agent: BAD", ", commands: {x: {agent: bad}}", ", routing: {rules: [{match: {text_contains: a}, agent: bad}]}",
	} {
		_, diags = load(t, Settings{}, files(isDefault, trigger))
		hasFindings(t, diags, needed...)
	}
	_, diags = load(t, Settings{}, files("  runtime: {default_agent: bad}\n", ""))
	hasFindings(t, diags, needed...)

	// The one that is missing may be in the file that cannot be read.
	_, diags = load(t, Settings{}, files("  runtime: {default_agent: lost}\n", ""))
	want := slices.Concat(leftOut[:2], asked("error")[1:], []string{"c.yaml:6:28: error: spec.runtime.default_agent: no agent lost is loaded"})
	hasFindings(t, diags, want...)
}
