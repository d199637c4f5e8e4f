package webhook_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/webhook"
	"github.com/aof-dev/aofd/sdk/chat"
)

func bodies(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/webhooks/*.json")
	if err != nil || len(files) == 0 {
		tb.Fatal(len(files), err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		out[filepath.Base(f)] = body
	}
	return out
}

// FuzzParse: no body makes the parser fall over, leave something silently away, or answer differently the
// second time.
func FuzzParse(f *testing.F) {
	for _, body := range bodies(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := parse(body)
		check(t, body, b)
		if d := cmp.Diff(b, parse(body)); d != "" {
			t.Errorf("not the same twice: %s", d)
		}
	})
}

// FuzzSignature: what is accepted has exactly the right signature.
func FuzzSignature(f *testing.F) {
	body := []byte(`{"a":1}`)
	f.Add("sha256="+sign(secret, body), body)
	f.Add("sha256="+sign(nil, body), body)
	f.Add("", body)
	f.Add("sha1=00", []byte{})
	f.Fuzz(func(t *testing.T, value string, body []byte) {
		refused := webhook.Signature([]string{string(secret)}, []chat.Header{{Name: webhook.SignatureHeader, Value: value}}, body)
		right := bytes.EqualFold([]byte(value), []byte("sha256="+sign(secret, body))) && len(value) > 6 && value[:7] == "sha256="
		if (refused == "") != right {
			t.Errorf("%q: refused %q, right %v", value, refused, right)
		}
	})
}

// A broken entry at the end of the list costs nothing of what stands before it, in any webhook.
func TestBrokenNeighbour(t *testing.T) {
	t.Parallel()
	for name, body := range bodies(t) {
		var top map[string]json.RawMessage
		var entries []json.RawMessage
		if json.Unmarshal(body, &top) != nil || json.Unmarshal(top["entry"], &entries) != nil || len(entries) == 0 {
			continue
		}
		list, err := json.Marshal(append(entries, json.RawMessage("7")))
		if err != nil {
			t.Fatal(err)
		}
		top["entry"] = list
		with, err := json.Marshal(top)
		if err != nil {
			t.Fatal(err)
		}
		var plain bytes.Buffer
		if err := json.Compact(&plain, body); err != nil {
			t.Fatal(err)
		}
		want, got := parse(plain.Bytes()), parse(with)
		if d := cmp.Diff(outcome{want.Messages, want.Receipts, nil, nil}, outcome{got.Messages, got.Receipts, nil, nil}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if len(got.Notices) != len(want.Notices) || len(got.Issues) < len(want.Issues) {
			t.Errorf("%s: %d notices, %d issues", name, len(got.Notices), len(got.Issues))
		}
	}
}
