package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/sdk/chat"
)

// marker is the secret that must never be shown; no part of it may be, either.
const marker = "Zq7pXw3vKd9sJt5r"

// secretFiles are a configuration that has the marker wherever a secret may be.
var secretFiles = map[string]string{
	"c.yaml": `apiVersion: aof.dev/v1
kind: DaemonConfig
metadata: {name: c}
spec:
  server: {port: 3000, tls: {enabled: no}}
  admin: {listen: "127.0.0.1:1", token: MARK}
  platforms:
    chatter:
      token: MARK
      id: "MARK" # MARK
      note: 'a MARK'
      people: [MARK, "MARK"]
      nested: {phone: MARK, deep: {a: MARK}}
      any: |
        MARK
        b: MARK
      list:
        - MARK
        - {x: MARK, y: [MARK]}
      other: ${NO:-MARK}
    second: {token: MARK, id: MARK, people: [MARK]}
    third: {enabled: false, token: MARK}
  agents: {directory: a}
  triggers:
    - t.yaml
    - {name: i, type: chatter, config: {token: MARK, secret: MARK}, agent: one}
    - name: j
      platform:
        type: second
        config:
          secret: MARK
  approval: {token: MARK}
`,
	"t.yaml": `kind: Trigger
metadata: {name: t}
spec:
  type: chatter
  config:
    token: MARK
    more:
      - MARK
    events: [message]
  agent: one
---
kind: Trigger
metadata: {name: u}
spec: {enabled: false, platform: {type: second, config: {token: MARK}}}
---
{kind: Trigger, metadata: {name: v}, spec: {type: third, config: {token: MARK}}}
`,
	"a/one.yaml": `kind: Agent
metadata: {name: one}
spec:
  exec:
    command: [x, --token, MARK]
    env: {TOKEN: MARK}
  mcp_servers: [{name: x, env: {TOKEN: MARK}}]
---
name: two
http:
  url: https://x:MARK@example.org/?key=MARK
  headers:
    Authorization: Bearer MARK
`,
}

// shown is all that a user gets to see of a configuration: the findings of Load, Bind and Locate, printed.
func shown(t testing.TB, s Settings) string {
	t.Helper()
	cfg, diags := Load(s)
	if cfg != nil {
		for _, p := range cfg.Platforms {
			for _, schema := range []string{anySchema, `{"required": ["none"]}`, `{"properties": {"token": {"type": "integer"}, "id": {"type": "array"}, "people": {"type": "object"}}}`} {
				_, found := p.Bind(json.RawMessage(schema))
				diags = append(diags, found...)
			}
			diags = append(diags, p.Locate([]chat.Diagnostic{
				{Severity: SeverityError, Pointer: "/token", Summary: "token is too short"},
				{Severity: SeverityError, Pointer: "/people/0", Summary: "this is nobody"},
				{Severity: SeverityError, Pointer: "/list/1", Summary: "a wrong entry"},
				{Severity: SeverityError, Pointer: "/any", Summary: "a wrong text"},
			})...)
		}
	}
	var b strings.Builder
	diags.Print(&b, false)
	diags.Print(&b, true)
	fmt.Fprintf(&b, "%v %+v", lines(diags), lines(diags))
	return b.String()
}

// leaks returns a part of the marker that a text has, or nothing.
func leaks(text string) string {
	const part = 6
	for i := range len(marker) - part + 1 {
		if strings.Contains(text, marker[i:i+part]) {
			return marker[i : i+part]
		}
	}
	return ""
}

// mutations break a text in many ways: one at each place. Only each step-th is made.
func mutations(text string, step int, do func(what, text string)) {
	n := 0
	offer := func(what string, make func() string) {
		if n++; n%step == 0 {
			do(what, make())
		}
	}
	for i := range text {
		offer(fmt.Sprintf("without byte %d", i), func() string { return text[:i] + text[i+1:] })
		offer(fmt.Sprintf("cut at %d", i), func() string { return text[:i] })
		for _, c := range []string{" ", "\n", "\n  ", ":", ": ", ", ", "'", "\"", "[", "}", "{", "*", "&", "!", "#", "|\n ", "? ", "- ", "$", "${", "<<: ", "\t", "\n---\n", "%"} {
			offer(fmt.Sprintf("%q at %d", c, i), func() string { return text[:i] + c + text[i:] })
		}
	}
	all := strings.SplitAfter(text, "\n")
	join := func(parts ...[]string) string { return strings.Join(slices.Concat(parts...), "") }
	for i, line := range all {
		offer(fmt.Sprintf("without line %d", i+1), func() string { return join(all[:i], all[i+1:]) })
		offer(fmt.Sprintf("line %d twice", i+1), func() string { return join(all[:i+1], all[i:]) })
		offer(fmt.Sprintf("line %d first", i+1), func() string { return join(all[i:i+1], all[:i], all[i+1:]) })
		for n := range 12 {
			offer(fmt.Sprintf("line %d by %d", i+1, n), func() string {
				return join(all[:i], []string{strings.Repeat(" ", n) + strings.TrimLeft(line, " ")}, all[i+1:])
			})
		}
	}
	for _, r := range [][2]string{
		{": ", ":"},
		{": ", " "},
		{": ", ": {"},
		{"\n", " "},
		{"\n", "\r\n"},
		{"\n", "\n\n"},
		{"kind: ", "knid: "},
		{"spec:", "spce:"},
		{"config", "cfg"},
		{"platforms", "platform"},
		{": MARK", ":\n    MARK"},
		{": MARK", "_env: MARK"},
		{": MARK", ": {MARK}"},
		{": MARK", ": [MARK]"},
		{": MARK", ": MARK: 1"},
		{" ", "\t"},
		{" ", "\u00a0"},
		{"MARK", "MARK\u2028"},
		{"MARK", "é MARK"},
		{"MARK", "MARK #"},
		{"MARK", "\"MARK\\q\""},
		{"MARK", "!x MARK"},
		{"MARK", "${MARK"},
		{"MARK", "${MARK:-${X}}"},
		{"MARK", "$MARK"},
		{"MARK", "\x00MARK"},
		{"MARK", "\xffMARK"},
		{"MARK", "|\n MARK"},
		{"MARK", "'MARK"},
		{"MARK", "@MARK"},
		{"MARK", "MARK: MARK"},
		{"MARK", "MARK, MARK"},
		{"MARK", "? MARK"},
	} {
		old, with := strings.ReplaceAll(r[0], "MARK", marker), strings.ReplaceAll(r[1], "MARK", marker)
		do(fmt.Sprintf("%q for all %q", with, old), strings.ReplaceAll(text, old, with))
		for i := range strings.Count(text, old) {
			offer(fmt.Sprintf("%q for %q number %d", with, old, i), func() string { return replaceNth(text, old, with, i) })
		}
	}
}

func replaceNth(text, old, with string, n int) string {
	at := 0
	for range n {
		at += strings.Index(text[at:], old) + len(old)
	}
	return text[:at] + strings.Replace(text[at:], old, with, 1)
}

// Whatever is wrong with the files, no finding shows a secret.
func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	const step = 53 // with 1, which takes a minute, nothing else was found
	for _, broken := range slices.Sorted(maps.Keys(secretFiles)) {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			for name, text := range secretFiles {
				files[name] = strings.ReplaceAll(text, "MARK", marker)
			}
			dir := folderOf(t, files)
			tried, failed := 0, 0
			for _, strict := range []bool{false, true} {
				s := Settings{Path: "c.yaml", WorkDir: dir, Strict: strict, ValidateOnly: strict}
				if got := leaks(shown(t, s)); got != "" {
					t.Fatalf("%s is shown of the whole file:\n%s", got, shown(t, s))
				}
				mutations(files[broken], step, func(what, text string) {
					if tried++; failed > 4 {
						return
					}
					if err := os.WriteFile(filepath.Join(dir, broken), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
					out := shown(t, s)
					if got := leaks(out); got != "" {
						failed++
						at := strings.Index(out, got)
						t.Errorf("%s: %s is shown in …%s…", what, got, out[max(0, at-400):min(len(out), at+100)])
					}
				})
			}
			t.Logf("%d ways", tried)
		})
	}
}
