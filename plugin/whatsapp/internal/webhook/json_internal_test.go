package webhook

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzJSON: whatever is JSON is taken apart as the standard library takes it apart.
func FuzzJSON(f *testing.F) {
	files, err := filepath.Glob("testdata/webhooks/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(len(files), err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, s := range []string{
		`{"a":1,"a":2}`, `{"a":"\u00e4\ud83d\ude00\/\"\\"}`, `{"\u0061":[1,"]",{"}":"{"}]}`, ` { } `, `["a" , null,-1e5,true ]`, `{"a.b":{"*":1},"":"x"}`, `"x"`, `null`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if json.Valid(body) && utf8.Valid(body) {
			same(t, raw(bytes.TrimSpace(body)), 0)
		}
	})
}

// same compares a value, and all in it, with what the standard library finds.
func same(t *testing.T, r raw, depth int) {
	t.Helper()
	if depth > 20 {
		return
	}
	var theirs map[string]json.RawMessage
	ours, ok := r.object()
	if theyCan := json.Unmarshal([]byte(r), &theirs) == nil && theirs != nil; ok != theyCan {
		t.Fatalf("object %.100q: %v, theirs %v", r, ok, theyCan)
	}
	for name, value := range theirs {
		if strings.ContainsRune(name, utf8.RuneError) { // half of a pair, which each makes its own thing of
			continue
		}
		got := ours.get(name)
		if string(got) != string(value) {
			t.Fatalf("member %q of %.100q: %.100q, theirs %.100q", name, r, got, value)
		}
		var text string
		if got[0] == '"' && json.Unmarshal(value, &text) == nil && !strings.ContainsRune(text, utf8.RuneError) && ours.word(name) != text {
			t.Fatalf("text %.100q: %q, theirs %q", value, ours.word(name), text)
		}
		same(t, got, depth+1)
	}
	var elements []json.RawMessage
	list, ok := r.list()
	if theyCan := json.Unmarshal([]byte(r), &elements) == nil; ok != theyCan || len(list) != len(elements) {
		t.Fatalf("list %.100q: %v with %d, theirs %v with %d", r, ok, len(list), theyCan, len(elements))
	}
	for i := range list {
		if string(list[i]) != string(elements[i]) {
			t.Fatalf("element %d of %.100q: %q", i, r, list[i])
		}
		same(t, list[i], depth+1)
	}
}
