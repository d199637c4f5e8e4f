package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// minimal is what a document of each kind needs beside the key that is tried.
func minimal(kind string) map[string]any {
	switch kind {
	case kindDaemon:
		return map[string]any{"kind": kind, "spec": map[string]any{
			"platforms": map[string]any{"chatter": map[string]any{}}, "agents": map[string]any{"directory": "agents"},
		}}
	case kindTrigger:
		return map[string]any{"kind": kind, "metadata": map[string]any{"name": "t"}, "spec": map[string]any{"type": "chatter"}}
	}
	return map[string]any{"kind": kind, "metadata": map[string]any{"name": "a"}, "spec": map[string]any{"model": "x"}}
}

// put sets a key of the reference in a tree, and returns how findings call it.
func put(tree map[string]any, key string, value any) string {
	free := strings.NewReplacer("<platform>", "chatter", "<name>", "thing", "<key>", "own")
	parts := strings.Split(free.Replace(key), ".")
	for i, part := range parts {
		name, list := strings.CutSuffix(part, "[]")
		if i == len(parts)-1 {
			if list {
				value = []any{value}
			}
			tree[name] = value
			break
		}
		inner, ok := tree[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			tree[name] = inner
			if list {
				tree[name] = []any{inner}
			}
		}
		tree = inner
	}
	return strings.ReplaceAll(strings.Join(parts, "."), "[]", "[0]")
}

// loadTree loads one document beside what the other kinds need.
func loadTree(t *testing.T, kind string, tree map[string]any) Diagnostics {
	t.Helper()
	text, err := yaml.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"agents/echo.yaml": echo, "c.yaml": "kind: DaemonConfig\nspec:\n" + quiet}
	if kind == kindDaemon {
		files["c.yaml"] = string(text)
	} else {
		files["agents/x.yaml"] = string(text)
	}
	_, diags := load(t, Settings{ValidateOnly: true, Strict: true}, files)
	return diags
}

// fitting is a value of a type; wrong is one that is of another.
func fitting(f Field) any {
	switch f.Type {
	case TypeInteger, TypeSeconds:
		return 2000
	case TypeBoolean:
		return true
	case TypeStrings, TypeTexts:
		return []any{"+49 170 1234567"}
	case TypeMap:
		return map[string]any{"a": "b"}
	case TypeMapping:
		return map[string]any{}
	}
	return "agents"
}

func wrong(f Field) (value any, finding string) {
	switch f.Type {
	case TypeStrings, TypeTexts:
		return map[string]any{"a": "b"}, "must be a list"
	case TypeMap, TypeMapping:
		return []any{"x"}, "must be a mapping of keys"
	case TypeAny:
		return "x", ""
	}
	return []any{"x"}, "must be a single value"
}

// A row without a reader would be a promise that nobody keeps, and a reader without a row panics.
func TestEveryRowHasAReader(t *testing.T) {
	t.Parallel()
	for _, f := range fields {
		if f.Key == "name" || f.Key == "kind" {
			continue // those decide on the reader
		}
		t.Run(f.Kind+"."+f.Key, func(t *testing.T) {
			t.Parallel()
			tree := minimal(f.Kind)
			name := put(tree, f.Key, fitting(f))
			for _, d := range loadTree(t, f.Kind, tree) {
				if strings.Contains(d.Text, "has no key") {
					t.Error(d.Text)
				}
			}

			tree = minimal(f.Kind)
			value, want := wrong(f)
			put(tree, f.Key, value)
			last := name[strings.LastIndexByte(name, '.')+1:]
			switch {
			case f.unenforced:
				want = "the filter " + last + " is not supported yet"
			case f.Unused && f.Kind == kindAgent && !strings.HasPrefix(f.Key, "spec.model."):
				put(tree, "spec.exec.command", []any{"x"})
				want = "not used yet: " + last
			case f.Unused && f.Kind != kindAgent:
				want = name + " is accepted, but not used yet"
			case want != "":
				want = name + " " + want
			}
			diags := loadTree(t, f.Kind, tree)
			for _, d := range diags {
				if strings.Contains(d.Text, want) {
					return
				}
			}
			if want != "" {
				t.Errorf("%v gives\n%s\nbut not: %s", tree, indent(lines(diags)), want)
			}
		})
	}
}

// All keys at once, as far as they do not exclude each other.
func TestADocumentWithEveryKey(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{kindDaemon, kindTrigger, kindAgent} {
		tree := minimal(kind)
		for _, f := range fields {
			if f.Kind == kind && f.Key != "kind" && f.Key != "name" && !strings.HasSuffix(f.Key, "[]") {
				value := fitting(f)
				if f.Type == TypeMapping {
					continue // made by the keys in it
				}
				put(tree, f.Key, value)
			}
		}
		for _, d := range loadTree(t, kind, tree) {
			if strings.Contains(d.Text, "has no key") {
				t.Error(d.Text)
			}
		}
	}
}

func TestDefaultsFitTheirTypes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range fields {
		at := f.Kind + "." + f.Key
		if seen[at] {
			t.Errorf("%s has two rows", at)
		}
		seen[at] = true
		if f.Meaning == "" && !f.Unused {
			t.Errorf("%s has no meaning", at)
		}
		ok := true
		switch f.Type {
		case TypeInteger:
			_, err := strconv.Atoi(f.Default)
			ok = err == nil
		case TypeSeconds:
			_, ok = parseSeconds(f.Default)
			ok = ok || f.Default == ""
		case TypeBoolean:
			_, ok = parseBool(f.Default)
			ok = ok || f.Default == ""
		case TypeString, TypeText, TypePath:
			ok = expand(f.Default, environment{}.lookup).ok()
		default:
			ok = f.Default == ""
		}
		if !ok {
			t.Errorf("%s has the default %q, which is no %s", at, f.Default, f.Type)
		}
	}
}

func TestWriteReference(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := WriteReference(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, f := range fields {
		if row := fmt.Sprintf("\n| `%s` | %s | ", f.Key, f.Type); !strings.Contains(text, row) {
			t.Errorf("no row for %s", f.Key)
		}
		if f.Default != "" && !strings.Contains(text, " | `"+f.Default+"` | ") {
			t.Errorf("no default of %s", f.Key)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 5 {
			t.Errorf("not four columns: %s", line)
		}
	}
	if got := strings.Count(text, "\n### kind: "); got != 3 {
		t.Errorf("%d kinds", got)
	}
	if err := WriteReference(full{}); err == nil {
		t.Error("a full disk is not noticed")
	}
}

// full is a disk that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }
