package config

import (
	"slices"
	"strings"
	"testing"
)

// printed reads a text as c.yaml and returns what a user sees of its findings.
func printed(t *testing.T, text string, color bool) string {
	t.Helper()
	_, diags := load(t, Settings{}, map[string]string{"c.yaml": text})
	var b strings.Builder
	diags.Print(&b, color)
	return b.String()
}

func TestPrint(t *testing.T) {
	t.Parallel()
	const agents = "  agents: {directory: agents}\n  platforms: {chatter: {}}\n"
	long := strings.Repeat("x", 200)
	for name, test := range map[string][2]string{
		"caret and hint": {
			"spec:\n" + agents + "  server:\n    prot: 1\n",
			"c.yaml:5:5: warning: spec.server has no key prot\n        prot: ***\n        ^\n  hint: did you mean port?\n",
		},
		"tabs, wide letters": {
			"spec:\n" + agents + "  server: {host: 'é日',\tport: x}\n",
			"c.yaml:4:18: error: spec.server.host must be a host name or an IP address\n      server: {host: 'é日',\tport: x}\n                     ^\n" +
				"c.yaml:4:30: error: spec.server.port must be a whole number from 1 to 65535\n      server: {host: 'é日',\tport: x}\n                          \t      ^\n",
		},
		"a comment": {
			"spec:\n" + agents + "  server: {port: x} # the old one was 80\n",
			"c.yaml:4:18: error: spec.server.port must be a whole number from 1 to 65535\n      server: {port: x}\n                     ^\n",
		},
		"behind what may be a comment": {
			"spec:\n" + agents + "  server: {host: 'a # b', port: x}\n",
			"c.yaml:4:18: error: spec.server.host must be a host name or an IP address\n      server: {host: 'a\n                     ^\n" +
				"c.yaml:4:33: error: spec.server.port must be a whole number from 1 to 65535\n",
		},
		"a long line": {
			"spec:\n" + agents + "  server: {port: x, host: " + long + "/}\n",
			"c.yaml:4:18: error: spec.server.port must be a whole number from 1 to 65535\n      server: {port: x, host: " + long[:160-26] + "…\n                     ^\n" +
				"c.yaml:4:27: error: spec.server.host must be a host name or an IP address\n      server: {port: x, host: " + long[:160-26] + "…\n                              ^\n",
		},
		"far to the right": {
			"spec:\n" + agents + "  server: {host: " + long + ", port: x}\n",
			"c.yaml:4:226: error: spec.server.port must be a whole number from 1 to 65535\n",
		},
		"Windows": {
			"spec:\r\n" + strings.ReplaceAll(agents, "\n", "\r\n") + "  server: {port: x}\r\n",
			"c.yaml:4:18: error: spec.server.port must be a whole number from 1 to 65535\n      server: {port: x}\n                     ^\n",
		},
		"a secret line": {
			"spec:\n" + agents + "  triggers:\n    - {name: t, type: chatter, config: {token: abc, users: [], \"secret\": d}, agent: nobody}\n",
			"c.yaml:5:60: error: spec.triggers[0].config.users is empty, so that nothing passes\n" +
				"        - {name: ***, type: ***, config: {token: ***, users: [], \"secret\": ***, agent: ***\n" +
				"                                                             ^\n" +
				"  hint: remove the key to let everything pass\n" +
				"c.yaml:5:85: error: spec.triggers[0].agent: no agent nobody is loaded\n" +
				"        - {name: ***, type: ***, config: {token: ***, users: [], \"secret\": ***, agent: ***\n" +
				"                                                                                       ^\n" +
				"  hint: loaded are: echo\n",
		},
		"a broken file": {
			"spec:\n  platforms:\n    chatter:\n      token: abc: d\n",
			"c.yaml:4:17: error: this is not valid YAML: a second \": \" in one line, or a key indented deeper than its neighbours\n" +
				"          token: ***\n                 ^\n  hint: quote values that contain \": \"\n",
		},
		"no place": {"", "c.yaml: error: the file has no DaemonConfig\n  hint: begin it with kind: DaemonConfig\n"},
		"control characters": {
			"spec: \x1b[31m\n",
			"c.yaml:1:7: error: control characters are not allowed\n    spec: ***\n          ^\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := printed(t, test[0], false); got != test[1] {
				t.Errorf("\n%s\nwant\n%s", got, test[1])
			}
			colored := printed(t, test[0], true)
			for _, code := range []string{bold, dim, red, yellow, cyan, "0"} {
				colored = strings.ReplaceAll(colored, "\x1b["+code+"m", "")
			}
			if colored != test[1] {
				t.Errorf("with colors\n%q", colored)
			}
		})
	}
}

func TestPrintShowsNoControlCharacters(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	Diagnostics{{SeverityError, Pos{File: "a\x1b[1m\n"}, "b\x1b[2J\n", "c\u202e\r"}}.Print(&b, false)
	if got := b.String(); got != "a·[1m·: error: b·[2J·\n  hint: c··\n" {
		t.Errorf("%q", got)
	}
}

func TestSorted(t *testing.T) {
	t.Parallel()
	at := func(file string, line, col int) Pos { return Pos{File: file, Line: line, Col: col} }
	ds := Diagnostics{
		{SeverityWarning, at("b", 1, 1), "w", ""},
		{SeverityError, at("b", 1, 1), "e", ""},
		{SeverityError, at("a", 10, 1), "late", ""},
		{SeverityError, at("a", 9, 5), "second", ""},
		{SeverityError, at("a", 9, 5), "second", ""},
		{SeverityError, at("a", 9, 5), "third", ""},
		{SeverityError, at("a", 9, 2), "first", ""},
		{SeverityError, Pos{}, "nowhere", ""},
	}
	before := slices.Clone(ds)
	hasFindings(t, ds.Sorted(),
		"error: nowhere", "a:9:2: error: first", "a:9:5: error: second", "a:9:5: error: third", "a:10:1: error: late",
		"b:1:1: error: e", "b:1:1: warning: w")
	if !slices.Equal(lines(ds), lines(before)) {
		t.Error("the original is changed")
	}
}
