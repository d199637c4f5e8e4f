package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// parsed reads a text as a file f and returns its documents as findings name them.
func parsed(text string) ([]document, Diagnostics) { return parse(newSource("f", "/f", []byte(text))) }

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	for name, test := range map[string]struct {
		text string
		docs int
		want []string
	}{
		"empty":              {"", 0, nil},
		"only comments":      {"# nothing\n", 0, nil},
		"empty documents":    {"---\n---\n\n---\n# c\n", 0, nil},
		"null":               {"~\n", 0, nil},
		"two documents":      {"a: 1\n---\nb: 2\n", 2, nil},
		"comment first":      {"# c\n---\na: 1\n--- # d\nb: 2\n", 2, nil},
		"document end":       {"a: 1\n...\n---\nb: 2\n...\n", 2, nil},
		"directives":         {"%TAG ! !\n---\na: 1\n...\n%TAG ! !\n---\nb: 2\n", 2, nil},
		"marker in a line":   {"a: x---y\nb: '--- z'\n", 1, nil},
		"---x is no marker":  {"---x: 1\n", 1, nil},
		"windows line ends":  {"a: 1\r\n---\r\nb: |\r\n  x\r\n  y\r\n", 2, nil},
		"byte order mark":    {"\ufeffa: 1\n", 1, nil},
		"a list":             {"- a\n", 0, []string{"f:1:1: error: a document must be a mapping of keys"}},
		"a word":             {"\n\nhello\n", 0, []string{"f:3:1: error: a document must be a mapping of keys"}},
		"not UTF-8":          {"a: 1\nb: \xff\n", 0, []string{"f:2:1: error: this is not UTF-8 text"}},
		"UTF-16":             {"a\x00:\x00", 0, []string{"f:1:2: error: control characters are not allowed"}},
		"zero byte":          {"a: é\x00\n", 0, []string{"f:1:5: error: control characters are not allowed"}},
		"escape character":   {"a: 1\nb: \"x\x1b[1m\"\n", 0, []string{"f:2:6: error: control characters are not allowed"}},
		"lone CR":            {"a: 1\rb: 2\n", 0, []string{"f:1:5: error: control characters are not allowed"}},
		"delete":             {"a: \x7f\n", 0, []string{"f:1:4: error: control characters are not allowed"}},
		"C1 control":         {"a: \u009b\n", 0, []string{"f:1:4: error: control characters are not allowed"}},
		"noncharacter":       {"a: 1\nb: \ufffe\n", 0, []string{"f:2:4: error: control characters are not allowed"}},
		"NEL":                {"# x\u0085a: 1\n", 0, []string{"f:1:4: error: the line break U+0085 is not allowed"}},
		"line separator":     {"a: 'x\u2028y'\n", 0, []string{"f:1:6: error: the line break U+2028 is not allowed"}},
		"paragraph":          {"a: x\u2029\n", 0, []string{"f:1:5: error: the line break U+2029 is not allowed"}},
		"tab first":          {"\ta: 1\n", 0, []string{"f:1:1: error: this is not valid YAML: a tab stands where spaces must indent"}},
		"tab below":          {"a:\n\tb: 1\n", 0, []string{"f:2:1: error: this is not valid YAML: a tab stands where spaces must indent"}},
		"tab between":        {"a:\t1\nb: 'x\ty'\n", 1, nil},
		"open quote":         {"a: 1\nb: 'x\nc: 1\n", 0, []string{"f:2:4: error: this is not valid YAML: a quote is opened here and never closed"}},
		"colon in a value":   {"a: b: c\n", 0, []string{"f:1:5: error: this is not valid YAML: a second \": \" in one line, or a key indented deeper than its neighbours"}},
		"no colon":           {"a: 1\nb\nc: 1\n", 0, []string{"f:3:1: error: this is not valid YAML: a key without \":\""}},
		"open list":          {"a: [1\nb: 2\n", 0, []string{"f:2:2: error: this is not valid YAML: a list in [ ] is not closed or lacks a comma"}},
		"open mapping":       {"a: {x: 1\nb: 2\n", 0, []string{"f:2:2: error: this is not valid YAML: a mapping in { } is not closed or lacks a comma"}},
		"at sign":            {"a: @x\n", 0, []string{"f:1:4: error: this is not valid YAML: a value cannot begin with this character"}},
		"indentation":        {"a:\n  - x\n y: 1\n", 0, []string{"f:3:2: error: this is not valid YAML: this line fits to none of those above"}},
		"list and mapping":   {"- a\nb: 1\n", 0, []string{"f:2:1: error: this is not valid YAML: a list goes on with something that is no \"- \" entry"}},
		"list in a line":     {"a: - b\n", 0, []string{"f:1:4: error: this is not valid YAML: a \"- \" entry cannot stand here"}},
		"escape sequence":    {"a: \"\\q\"\n", 0, []string{"f:1:5: error: this is not valid YAML: an unknown escape in double quotes"}},
		"version":            {"%YAML 9.0\n---\na: 1\n", 0, []string{"f:1:1: error: this is not valid YAML: a YAML version that is not supported"}},
		"directive":          {"%FOO\n---\na: 1\n", 0, []string{"f:1:5: error: this is not valid YAML: a directive that cannot be read"}},
		"no anchor":          {"a: *b\n", 0, []string{"f:1:4: error: this is not valid YAML: an alias without an anchor of that name"}},
		"anchor elsewhere":   {"a: &b 1\n---\nc: *b\n", 1, []string{"f:3:4: error: this is not valid YAML: an alias without an anchor of that name"}},
		"alias to itself":    {"a: &a [*a]\n", 0, []string{"f:1:8: error: an alias leads back to itself"}},
		"merge of itself":    {"a: &a {<<: *a}\n", 0, []string{"f:1:12: error: an alias leads back to itself"}},
		"alias of a parent":  {"a: &a\n  b: {c: *a}\n", 0, []string{"f:2:10: error: an alias leads back to itself"}},
		"key twice":          {"a: 1\nb:\n  c: 1\n  c: 2\na: 3\n", 0, []string{"f:4:3: error: the key c is given twice, first in line 3", "f:5:1: error: the key a is given twice, first in line 1"}},
		"quoted key twice":   {"a: 1\n\"a\": 2\n", 0, []string{"f:2:1: error: the key a is given twice, first in line 1"}},
		"key in two objects": {"a: {c: 1}\nb: {c: 2}\n", 1, nil},
		"list as key":        {"? [a]\n: b\n", 0, []string{"f:1:3: error: a key must be a single value"}},
		"mapping as key":     {"{a: 1}: b\n", 0, []string{"f:1:1: error: a key must be a single value"}},
		"tag":                {"a: !secret x\n", 0, []string{"f:1:4: error: this tag is not supported"}},
		"tag on a list":      {"a: !x [1]\n", 0, []string{"f:1:4: error: this tag is not supported"}},
		"tag on a mapping":   {"a: !!set {x}\n", 0, []string{"f:1:4: error: this tag is not supported"}},
		"tags on keys":       {"!x a: 1\n!x b: 1\n", 0, []string{"f:1:1: error: this tag is not supported", "f:2:1: error: this tag is not supported"}},
		"binary":             {"a: !!binary aGk=\n", 0, []string{"f:1:4: error: this tag is not supported"}},
		"plain tags":         {"a: !!str 1\nb: !!int 2\nc: !!map {}\nd: !!seq []\n", 1, nil},
		"deep":               {"a: " + deep + "\n", 0, []string{"f:1:68: error: nested too deeply"}},
		"very deep":          {strings.Repeat("[", 20_000), 0, []string{"f:1:10001: error: this is not valid YAML: nested too deeply"}},
		"very deep mapping":  {strings.Repeat("{a: ", 20_000), 0, []string{"f:1:40001: error: this is not valid YAML: nested too deeply"}},
		"merge of a word":    {"a: {<<: x}\n", 0, []string{"f:1:9: error: << takes a mapping or a list of mappings"}},
		"merge of words":     {"a: {<<: [x]}\n", 0, []string{"f:1:9: error: << takes a mapping or a list of mappings"}},
		"bad first": {
			"a: [\n---\nb: 1\n---\nc: @\n---\nd: 2\n", 2,
			[]string{"f:2:1: error: this is not valid YAML: a value is missing here", "f:5:4: error: this is not valid YAML: a value cannot begin with this character"},
		},
		"too many": {strings.Repeat("---\na: 1\n", maxDocuments+1), 0, []string{"f: error: has more than 200 documents"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			docs, diags := parsed(test.text)
			hasFindings(t, diags, test.want...)
			if len(docs) != test.docs {
				t.Errorf("%d documents, want %d", len(docs), test.docs)
			}
		})
	}
}

// written returns a tree in one line, so that tests can compare it.
func written(d document) string { return flatten(d.root) }

func TestAliasesAndMergeKeys(t *testing.T) {
	t.Parallel()
	for name, test := range map[string][2]string{
		"alias":            {"a: &x {p: 1}\nb: *x\n", "a: {p: 1}\nb: {p: 1}\n"},
		"alias of a word":  {"a: &x y\nb: [*x, *x]\n", "a: y\nb: [y, y]\n"},
		"alias as a key":   {"a: &x y\n*x : 1\n", "a: y\ny: 1\n"},
		"merge":            {"a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n", "a: {p: 1, q: 2}\nb: {q: 3, p: 1}\n"},
		"merge after":      {"a: &x {p: 1}\nb: {p: 2, <<: *x}\n", "a: {p: 1}\nb: {p: 2}\n"},
		"merge of a list":  {"a: {<<: [{p: 1}, {p: 2, q: 2}]}\n", "a: {p: 1, q: 2}\n"},
		"merge in a merge": {"a: &x {p: 1}\nb: &y {<<: *x, q: 2}\nc: {<<: *y}\n", "a: {p: 1}\nb: {q: 2, p: 1}\nc: {q: 2, p: 1}\n"},
		"a quoted <<":      {"a: {\"<<\": {p: 1}}\n", "a: {'<<': {p: 1}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, diags := parsed(test[0])
			hasFindings(t, diags)
			want, _ := parsed(test[1])
			if len(got) != 1 || written(got[0]) != written(want[0]) {
				t.Errorf("%v, want %v", written(got[0]), written(want[0]))
			}
		})
	}
}

func TestAliasesCannotMakeAFileHuge(t *testing.T) {
	t.Parallel()
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	wide := "a: &a [" + strings.Repeat("x, ", 100_000) + "x]\nb: [" + strings.Repeat("*a, ", 100_000) + "x]\n"
	for name, text := range map[string]string{"laughs": laughs.String(), "wide": wide} {
		start := time.Now()
		docs, diags := parsed(text)
		if len(docs) != 0 || len(diags) != 1 || diags[0].Text != "aliases make this document too large" {
			t.Errorf("%s: %d documents, %v", name, len(docs), lines(diags[:min(len(diags), 3)]))
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s took %v", name, d)
		}
	}
}

func TestPlacesAreThoseOfTheText(t *testing.T) {
	t.Parallel()
	docs, diags := parsed("\ufeff# é\r\né: {😀: x}\r\n---\r\n\r\nb: y\r\n")
	hasFindings(t, diags)
	if len(docs) != 2 {
		t.Fatal(len(docs))
	}
	inner := docs[0].root.Content[1].Content[1]
	if got := docs[0].src.pos(inner).String(); got != "f:2:8" {
		t.Error(got)
	}
	if got := docs[1].src.pos(docs[1].root.Content[1]).String(); got != "f:5:4" {
		t.Error(got)
	}
}

func TestLargeFilesAreReadInTime(t *testing.T) {
	t.Parallel()
	var keys, flow strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
		fmt.Fprintf(&flow, "k%d: 1, ", i)
	}
	for name, text := range map[string]string{
		"keys":       "kind: DaemonConfig\nspec: {}\n" + keys.String(),
		"one line":   "{kind: DaemonConfig, spec: {}, " + flow.String() + "}\n" + strings.Repeat("#\n", 100_000),
		"long key":   "kind: DaemonConfig\nspec: {}\n? " + strings.Repeat("x", 1_000_000) + "\n: 1\n",
		"long value": "kind: DaemonConfig\nspec: {server: {port: " + strings.Repeat("x", 1_000_000) + "}}\n",
		"brackets":   strings.Repeat("- [", 300_000),
		"dashes":     strings.Repeat("- ", 9_000),
		"questions":  strings.Repeat("? ", 9_000),
		"dollars":    "kind: DaemonConfig\nspec: {server: {host: \"" + strings.Repeat("${", 400_000) + "\"}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, diags := load(t, Settings{}, map[string]string{"c.yaml": text})
			var b strings.Builder
			diags.Print(&b, false)
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("took %v for %d findings", d, len(diags))
			} else {
				t.Logf("took %v for %d findings", d, len(diags))
			}
		})
	}
}
