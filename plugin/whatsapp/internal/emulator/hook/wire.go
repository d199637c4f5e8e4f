package hook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// Style writes JSON as Meta does: all but ASCII as \uXXXX in small letters, and a slash with a backslash
// before it. A receiver that checks the signature over anything but the raw bytes fails on it, as it would
// in production. In must be compact JSON.
func Style(in []byte) []byte {
	out := make([]byte, 0, len(in)+len(in)/4)
	for escaped := false; len(in) > 0; {
		r, size := utf8.DecodeRune(in)
		in = in[size:]
		switch {
		case escaped || r == '\\':
			escaped = !escaped
			out = utf8.AppendRune(out, r)
		case r == '/':
			out = append(out, `\/`...) // outside of strings there is none
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// Sign returns the header that proves a body to be Meta's.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Change is one element of an entry.
type Change struct {
	Value json.RawMessage `json:"value"`
	Field string          `json:"field"`
}

type entry struct {
	ID      string   `json:"id"`
	Time    int64    `json:"time,omitempty"`
	Changes []Change `json:"changes"`
}

type envelope struct {
	Object string  `json:"object"`
	Entry  []entry `json:"entry"`
}

// The shapes of a batch.
const (
	shapeValue  = "value"
	shapeChange = "change"
	shapeEntry  = "entry"
)

// wrap puts updates into one body.
func wrap(account, shape string, updates []*Update) []byte {
	e := envelope{Object: "whatsapp_business_account"}
	for _, u := range updates {
		c := Change{Value: u.Value, Field: u.Field}
		last := len(e.Entry) - 1
		switch {
		case last < 0 || shape == shapeEntry:
			e.Entry = append(e.Entry, entry{ID: account, Time: u.Time, Changes: []Change{c}})
		case shape == shapeChange:
			e.Entry[last].Changes = append(e.Entry[last].Changes, c)
		default:
			changes := e.Entry[last].Changes
			if merged, ok := merge(changes[len(changes)-1], c); ok {
				changes[len(changes)-1] = merged
				continue
			}
			e.Entry[last].Changes = append(changes, c)
		}
	}
	return plain(e)
}

// merge puts the messages, statuses and contacts of b behind those of a.
func merge(a, b Change) (Change, bool) {
	if a.Field != "messages" || b.Field != "messages" {
		return a, false
	}
	type value struct {
		Product  json.RawMessage   `json:"messaging_product"`
		Metadata json.RawMessage   `json:"metadata"`
		Contacts []json.RawMessage `json:"contacts,omitempty"`
		Messages []json.RawMessage `json:"messages,omitempty"`
		Statuses []json.RawMessage `json:"statuses,omitempty"`
	}
	var x, y value
	if json.Unmarshal(a.Value, &x) != nil || json.Unmarshal(b.Value, &y) != nil {
		return a, false
	}
	for _, c := range y.Contacts {
		if !containsRaw(x.Contacts, c) {
			x.Contacts = append(x.Contacts, c)
		}
	}
	x.Messages, x.Statuses = append(x.Messages, y.Messages...), append(x.Statuses, y.Statuses...)
	return Change{plain(x), a.Field}, true
}

func containsRaw(all []json.RawMessage, one json.RawMessage) bool {
	for _, r := range all {
		if bytes.Equal(r, one) {
			return true
		}
	}
	return false
}

func plain(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("the emulator's own types are not JSON: %v", err))
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// hugeSize is the most that a webhook may have.
const hugeSize = 3 << 20

// grow makes a body as large as a webhook may be, by a member that nobody knows.
func grow(body []byte) []byte {
	const open, end = `,"padding":"`, `"}`
	n := hugeSize - len(body) - len(open) - len(end) + 1
	if n <= 0 {
		return body
	}
	out := append(bytes.Clone(body[:len(body)-1]), open...)
	return append(append(out, bytes.Repeat([]byte("x"), n)...), end...)
}

// future adds to a body what Meta may send one day: members, a field, a type of message and a status.
func future(account string, u *Update, body []byte) []byte {
	var e map[string]json.RawMessage
	if json.Unmarshal(body, &e) != nil {
		return body
	}
	var entries []json.RawMessage
	if json.Unmarshal(e["entry"], &entries) != nil {
		return body
	}
	var v struct {
		Product  json.RawMessage `json:"messaging_product"`
		Metadata json.RawMessage `json:"metadata"`
	}
	_ = json.Unmarshal(u.Value, &v) // of another field there is no metadata
	tomorrow := map[string]any{
		"messaging_product": "whatsapp", "metadata": v.Metadata,
		"holograms": []any{map[string]any{"id": "holo.1"}},
		"statuses":  []any{map[string]any{"id": "wamid.future", "status": "savoured", "timestamp": "1900000000"}},
	}
	entries = append(entries, plain(entry{ID: account, Changes: []Change{
		{plain(map[string]any{"weather": "fair"}), "telepathy"}, {plain(tomorrow), "messages"},
	}}))
	e["entry"], e["priority"] = plain(entries), []byte(`7`)
	return plain(e)
}
