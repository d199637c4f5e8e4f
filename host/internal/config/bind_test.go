package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/sdk/chat"
)

// anySchema has a property of each type.
const anySchema = `{
	"type": "object",
	"required": ["id", "token"],
	"properties": {
		"id": {"type": "string"}, "token": {"type": "string"}, "note": {"type": ["null", "string"]},
		"people": {"type": ["null", "array"], "items": {"type": "string"}},
		"groups": {"type": "array", "items": {"type": "integer"}},
		"limit": {"type": "integer"}, "rate": {"type": "number"}, "on": {"type": "boolean"},
		"nested": {"type": "object", "properties": {"phone": {"type": "string"}, "deep": {"type": "object", "additionalProperties": {"type": "string"}}}},
		"any": true, "list": {"type": "array"}, "tuple": {"type": "array", "items": false}, "headers": {"additionalProperties": {"type": "string"}},
		"enabled_env": {"type": "string"}, "word": {"type": ["string", "array"], "items": {"type": "string"}},
		"lines": {"type": "array", "items": {
			"type": "object", "required": ["phone"], "additionalProperties": false,
			"properties": {"phone": {"type": "string"}, "token": {"type": "string"}, "rate": {"type": "integer"}}
		}}
	},
	"additionalProperties": false
}`

// bound binds a block of the platform chatter, which has an id and a token unless it has them itself.
func bound(t *testing.T, s Settings, block string) (string, Diagnostics, Platform) {
	t.Helper()
	if s.Env == nil {
		s.Env = environment{
			"TOKEN": "t-1", "SPACED": " t-2\n", "EMPTY": "", "NUMBER": "7", "PEOPLE": "a, b,,+49 170 1", "NOBODY": " , ", "GROUPS": "-100, 5", "WORDS": "1,x",
		}.lookup
	}
	cfg, diags := load(t, s, map[string]string{"c.yaml": "kind: DaemonConfig\nspec:\n  agents: {directory: agents}\n  platforms:\n    chatter:\n" + block})
	hasFindings(t, diags)
	p := cfg.Platforms[0]
	got, found := p.Bind(json.RawMessage(anySchema))
	return string(got), found, p
}

const needed = "      id: 5\n      token: x\n"

func TestBind(t *testing.T) {
	t.Parallel()
	for name, test := range map[string][2]string{
		"strings":             {"      id: 14155551234\n      token: 0123\n", `{"id":"14155551234","token":"0123"}`},
		"of all shapes":       {"      id: +1 415\n      token: yes\n      note: 1e3\n", `{"id":"+1 415","note":"1e3","token":"yes"}`},
		"large numbers":       {"      id: 123456789012345678901234567890\n      token: 0x1F\n", `{"id":"123456789012345678901234567890","token":"0x1F"}`},
		"texts":               {"      id: \"\"\n      token: |\n        a\n        b\n", `{"id":"","token":"a\nb\n"}`},
		"dates":               {"      id: 2024-01-02\n      token: 12:30:00\n", `{"id":"2024-01-02","token":"12:30:00"}`},
		"markup":              {"      id: <a&b>\n      token: \"é\\u2028\"\n", `{"id":"\u003ca\u0026b\u003e","token":"é\u2028"}`},
		"variables":           {"      id: ${NUMBER}\n      token: a${TOKEN}$b$${c}${NO:-d}\n", `{"id":"7","token":"at-1$b${c}d"}`},
		"by name":             {"      id_env: NUMBER\n      token_env: TOKEN\n", `{"id":"7","token":"t-1"}`},
		"as it is":            {"      id: 1\n      token_env: SPACED\n", `{"id":"1","token":" t-2\n"}`},
		"numbers":             {needed + "      limit: 010\n      rate: 1.5\n      on: yes\n", `{"id":"5","limit":10,"on":true,"rate":1.5,"token":"x"}`},
		"numbers by name":     {needed + "      limit_env: NUMBER\n      rate_env: NUMBER\n", `{"id":"5","limit":7,"rate":7,"token":"x"}`},
		"negative":            {needed + "      limit: -3\n      rate: -1e-3\n      on: \"OFF\"\n", `{"id":"5","limit":-3,"on":false,"rate":-0.001,"token":"x"}`},
		"lists":               {needed + "      people: [+49 170, \"1\", 0123, \"${NUMBER}\"]\n      groups: [-100123, \"5\"]\n", `{"groups":[-100123,5],"id":"5","people":["+49 170","1","0123","7"],"token":"x"}`},
		"lists by name":       {needed + "      people_env: PEOPLE\n      groups_env: GROUPS\n      list_env: PEOPLE\n", `{"groups":[-100,5],"id":"5","list":["a","b","+49 170 1"],"people":["a","b","+49 170 1"],"token":"x"}`},
		"an empty list":       {needed + "      people: []\n", `{"id":"5","people":[],"token":"x"}`},
		"a null list":         {needed + "      people:\n      groups: ~\n", `{"groups":[],"id":"5","people":[],"token":"x"}`},
		"empty by name":       {needed + "      people_env: NOBODY\n", `{"id":"5","people":[],"token":"x"}`},
		"null":                {needed + "      note:\n      limit: null\n      nested:\n      any:\n", `{"id":"5","token":"x"}`},
		"null beside a name":  {"      id: 5\n      token:\n      token_env: TOKEN\n", `{"id":"5","token":"t-1"}`},
		"mappings":            {needed + "      nested: {phone: 0170, deep: {a: 0170, b: 1e5, c: }, other: 5}\n", `{"id":"5","nested":{"deep":{"a":"0170","b":"1e5"},"other":5,"phone":"0170"},"token":"x"}`},
		"untyped":             {needed + "      any: {a: [1, 1.50, true, yes, x, \"1\", 0123, -0, \"${NUMBER}\"], b: {c: null}}\n", `{"any":{"a":[1,1.50,true,"yes","x","1","0123",-0,"7"],"b":{}},"id":"5","token":"x"}`},
		"list of anything":    {needed + "      list: [1, a]\n      tuple: [[x]]\n      headers: {a: 14155551234}\n", `{"headers":{"a":"14155551234"},"id":"5","list":[1,"a"],"token":"x","tuple":[["x"]]}`},
		"a name that is one":  {needed + "      enabled_env: x\n", `{"enabled_env":"x","id":"5","token":"x"}`},
		"one or many":         {needed + "      word: a,b\n", `{"id":"5","token":"x","word":"a,b"}`},
		"many":                {needed + "      word: [a, \"${NUMBER}\"]\n", `{"id":"5","token":"x","word":["a","7"]}`},
		"one by name":         {needed + "      word_env: PEOPLE\n", `{"id":"5","token":"x","word":"a, b,,+49 170 1"}`},
		"many by name":        {needed + "      word_env: [TOKEN, NUMBER]\n      groups_env: [NUMBER, NUMBER]\n", `{"groups":[7,7],"id":"5","token":"x","word":["t-1","7"]}`},
		"one that is null":    {needed + "      word:\n", `{"id":"5","token":"x"}`},
		"lists of mappings":   {needed + "      lines:\n        - {phone: 1, token_env: TOKEN}\n        - {phone_env: NUMBER, rate: 20}\n", `{"id":"5","lines":[{"phone":"1","token":"t-1"},{"phone":"7","rate":20}],"token":"x"}`},
		"aliases, merge keys": {"      <<: {id: 6, token: z}\n      id: 7\n      people: [&p a, *p]\n", `{"id":"7","people":["a","a"],"token":"z"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, diags, _ := bound(t, Settings{}, test[0])
			hasFindings(t, diags)
			if got != test[1] {
				t.Errorf("%s\nwant\n%s", got, test[1])
			}
		})
	}
}

func TestBindFindings(t *testing.T) {
	t.Parallel()
	at := func(line, col int, severity, text string) string {
		return fmt.Sprintf("c.yaml:%d:%d: %s: platform chatter%s", line, col, severity, text)
	}
	for name, test := range map[string]struct {
		block string
		want  []string
	}{
		"nothing":                   {"      {}\n", []string{at(5, 5, "error", ": id is required"), at(5, 5, "error", ": token is required")}},
		"nothing behind a key":      {"      id: 5\n      token:\n", []string{at(7, 7, "error", ": token is required")}},
		"unknown keys":              {needed + "      tokne: x\n      people_evn: X\n", []string{at(8, 7, "error", " has no key tokne"), at(9, 7, "warning", " has no key people_evn")}},
		"unknown by name":           {needed + "      tokn_env: x\n", []string{at(8, 7, "error", " has no key tokn_env")}},
		"both":                      {needed + "      token_env: TOKEN\n", []string{at(7, 7, "warning", ": token and token_env are given; token counts")}},
		"both, one not set":         {needed + "      token_env: NO\n", []string{at(7, 7, "warning", ": token and token_env are given; token counts")}},
		"all that are missing":      {"      id_env: NO\n      token_env: EMPTY\n", []string{at(6, 15, "error", ": id_env needs the environment variable NO, which is not set"), at(7, 18, "error", ": token_env needs the environment variable EMPTY, which is not set")}},
		"one of them":               {"      id_env: NO\n", []string{at(5, 5, "error", ": token is required"), at(6, 15, "error", ": id_env needs the environment variable NO, which is not set")}},
		"no name":                   {"      id: 5\n      token_env: ${TOKEN}\n", []string{at(7, 18, "error", ": token_env takes the name of an environment variable")}},
		"no name either":            {"      id: 5\n      token_env: $TOKEN\n", []string{at(7, 18, "error", ": token_env takes the name of an environment variable")}},
		"list as a name":            {"      id: 5\n      token_env: [TOKEN]\n", []string{at(7, 18, "error", ": token_env takes the name of an environment variable")}},
		"null as a name":            {"      id: 5\n      token_env:\n", []string{at(7, 17, "error", ": token_env takes the name of an environment variable")}},
		"the secret as a name":      {"      id: 5\n      token_env: EAAGm0PX4ZCpsBAKZC\n", []string{at(7, 18, "error", ": token_env names an environment variable that is not set")}},
		"variables":                 {"      id: ${NO}${OFF:?ask the harbour master}\n      token: ${A:-${B}}\n", []string{at(6, 11, "error", ": id needs the environment variable NO, which is not set"), at(6, 11, "error", ": id needs the environment variable OFF, which is not set: ask the harbour master"), at(7, 14, "error", ": token has ${ inside of ${…}, which is not supported")}},
		"types":                     {needed + "      limit: 1.0\n      rate: fast\n      on: 1\n      note: [a]\n      people: a\n", []string{at(8, 14, "error", ": limit must be a whole number"), at(9, 13, "error", ": rate must be a number"), at(10, 11, "error", ": on must be true or false"), at(11, 13, "error", ": note must be a single value"), at(12, 15, "error", ": people must be a list")}},
		"more types":                {"      id: {a: b}\n      token: x\n      people: {a: b}\n      nested: x\n", []string{at(6, 11, "error", ": id must not be a mapping"), at(8, 15, "error", ": people must be a list"), at(9, 15, "error", ": nested must not be a single value")}},
		"numbers that JSON has not": {needed + "      rate: NaN\n", []string{at(5, 5, "error", " has a value that cannot be written as JSON")}},
		"entries":                   {needed + "      people: [a, \"${NO}\", ~, [b]]\n      groups: [x, 9223372036854775808]\n", []string{at(8, 19, "warning", ": people[1] is left out: the environment variable NO is not set"), at(8, 28, "error", ": people[2] is empty"), at(8, 31, "error", ": people[3] must be a single value"), at(9, 16, "error", ": groups[0] must be a whole number"), at(9, 19, "error", ": groups[1] must be a whole number")}},
		"all entries left out":      {needed + "      people: [\"${NO}\", \"${OFF}\"]\n", []string{at(8, 15, "error", ": people has no entry left"), at(8, 16, "warning", ": people[0] is left out: the environment variable NO is not set"), at(8, 25, "warning", ": people[1] is left out: the environment variable OFF is not set")}},
		"entries by name":           {needed + "      groups_env: WORDS\n", []string{at(8, 19, "error", ": groups_env[1] must be a whole number")}},
		"inside of a mapping":       {needed + "      nested: {phone: [a], deep: {a: \"${NO}\"}}\n", []string{at(8, 23, "error", ": nested.phone must be a single value"), at(8, 38, "error", ": nested.deep.a needs the environment variable NO, which is not set")}},
		"lists of mappings":         {needed + "      lines: [{tokn: a}, {phone: [1], token_env: NO}, {}, 5]\n", []string{at(8, 16, "error", ": lines[0] has no key tokn"), at(8, 34, "error", ": lines[1].phone must be a single value"), at(8, 50, "error", ": lines[1].token_env needs the environment variable NO, which is not set"), at(8, 55, "error", ": lines[2].phone is required"), at(8, 59, "error", ": lines[3] must not be a single value")}},
		"many by name":              {needed + "      word_env: [TOKEN, NO]\n", []string{at(8, 25, "error", ": word_env[1] needs the environment variable NO, which is not set")}},
		"no space":                  {"      {id: 1, token:t-1}\n", []string{at(5, 5, "error", ": token is required"), at(6, 15, "warning", " has no key token:***")}},
		"a value as a key":          {"      {id: 1, t-1}\n", []string{at(5, 5, "error", ": token is required"), at(6, 15, "warning", " has no key ***")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, diags, _ := bound(t, Settings{}, test.block)
			hasFindings(t, diags, test.want...)
			if (got == "") != diags.HasErrors() {
				t.Errorf("%q with %d errors", got, diags.Errors())
			}
		})
	}
}

func TestBindIsStrict(t *testing.T) {
	t.Parallel()
	_, diags, _ := bound(t, Settings{Strict: true}, needed+"      tokne: x\n")
	hasFindings(t, diags, "c.yaml:8:7: error: platform chatter has no key tokne")
	if diags[0].Hint != "did you mean token?" {
		t.Error(diags[0].Hint)
	}
}

func TestBindHints(t *testing.T) {
	t.Parallel()
	_, diags, _ := bound(t, Settings{}, "      id_env: NO\n      tokn_env: TOKEN\n")
	var got []string
	for _, d := range diags {
		got = append(got, d.Hint)
	}
	want := []string{"give token, or token_env with the name of an environment variable", "set NO", "did you mean token_env?"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Of each group of alternatives one key must be there; the first one is what is asked for.
func TestBindAlternatives(t *testing.T) {
	t.Parallel()
	schema := json.RawMessage(`{"properties": {"id": {}, "token": {}, "note": {}, "lines": {}}, "allOf": [
		{"anyOf": [{"required": ["note"]}, {"required": ["lines"]}]}, {"anyOf": [{"required": ["any"]}, {"required": ["id"]}]}
	], "anyOf": [{"required": ["list"]}, {"required": ["on"]}]}`)
	_, _, p := bound(t, Settings{}, needed)
	_, diags := p.Bind(schema)
	hasFindings(t, diags, "c.yaml:5:5: error: platform chatter: list is required", "c.yaml:5:5: error: platform chatter: note is required")
}

func TestBindWithASchemaThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, _, p := bound(t, Settings{}, needed)
	for _, bad := range []string{"", "{", `[]`, `{"properties": 5}`, `{"properties": {"a": 5}}`, `{"required": "x"}`} {
		got, diags := p.Bind(json.RawMessage(bad))
		hasFindings(t, diags, "c.yaml:5:5: error: the plugin of platform chatter publishes a configuration schema that cannot be read")
		if got != nil {
			t.Errorf("%s", got)
		}
	}
	for _, good := range []string{`{}`, `true`, `{"properties": {"id": {}, "token": {}}}`} {
		if _, diags := p.Bind(json.RawMessage(good)); diags.HasErrors() {
			t.Error(good, lines(diags))
		}
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	_, _, p := bound(t, Settings{}, needed+"      people: [a, \"${NO}\", c]\n      note_env: TOKEN\n      a/b~c: 1\n      limit:\n      limit_env: NUMBER\n      lines: [{phone: 1, token_env: TOKEN}]\n")
	pointers := []string{
		"/lines/0/token", "/lines/0/rate", "/lines/1/phone",
		"", "/id", "/people", "/people/0", "/people/1", "/people/2", "/people/-1", "/people/x", "/note", "/absent", "/a~1b~0c", "/note/0", "/limit", "/0", "id",
	}
	var found []chat.Diagnostic
	for _, pointer := range pointers {
		found = append(found, chat.Diagnostic{Severity: chat.SeverityWarning, Pointer: pointer, Summary: "at " + pointer, Hint: "h"})
	}
	var got []string
	for _, d := range p.Locate(found) {
		got = append(got, fmt.Sprintf("%d:%d", d.Pos.Line, d.Pos.Col))
		if d.Hint != "h" || d.Severity != SeverityWarning || !strings.HasPrefix(d.Text, "platform chatter: at ") {
			t.Errorf("%+v", d)
		}
	}
	want := []string{"13:26", "13:15", "13:7", "5:5", "6:7", "8:7", "8:16", "8:28", "8:7", "8:7", "8:7", "9:7", "5:5", "10:7", "9:7", "12:7", "5:5", "6:7"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
