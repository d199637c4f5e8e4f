package webhook

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// raw is the JSON of one value: a part of the body's text, which is JSON as a whole. So it is cheap to look at and
// must not be kept; word and bytes make copies.
type raw string

// absent reports whether a member is missing or null.
func (r raw) absent() bool { return r == "" || r[0] == 'n' }

// bytes is the JSON itself.
func (r raw) bytes() json.RawMessage {
	if r == "" {
		return nil
	}
	return json.RawMessage(r)
}

// word is a scalar as text. Meta is not of one mind on whether an id, a code or a time is a string or a number, so
// nothing here depends on it. Anything else, null too, is the empty text.
func (r raw) word() string {
	if r == "" {
		return ""
	}
	switch r[0] {
	case '{', '[', 'n':
		return ""
	case '"':
		return keep(gjson.Parse(string(r)).Str)
	}
	return strings.Clone(string(r))
}

// list splits an array. Absent and null are the empty list; ok is false for anything else that is none.
func (r raw) list() (elements []raw, ok bool) {
	if r.absent() {
		return nil, true
	}
	if r[0] != '[' {
		return nil, false
	}
	gjson.Parse(string(r)).ForEach(func(_, v gjson.Result) bool {
		elements = append(elements, raw(v.Raw))
		return true
	})
	return elements, true
}

// object splits an object; ok is false for anything else.
func (r raw) object() (m members, ok bool) {
	if r == "" || r[0] != '{' {
		return nil, false
	}
	m = make(members, 0, 8)
	gjson.Parse(string(r)).ForEach(func(k, v gjson.Result) bool {
		m = append(m, member{k.Str, raw(v.Raw), v.Str})
		return true
	})
	return m, true
}

// member is one member of an object.
type member struct {
	name  string
	value raw
	text  string // of a string; may be a part of the body
}

// members are those of an object. They are few, so that looking through them is faster than a map.
type members []member

// find returns a member; of two with one name the last, as others read JSON.
func (m members) find(name string) (found member) {
	for i := len(m) - 1; i >= 0; i-- {
		if m[i].name == name {
			return m[i]
		}
	}
	return found
}

// get returns a member, and nothing when there is none.
func (m members) get(name string) raw { return m.find(name).value }

// word is a member as text; see raw.word.
func (m members) word(name string) string {
	found := m.find(name)
	if found.text != "" {
		return keep(found.text)
	}
	return found.value.word()
}

// keep copies a part of the body, and makes it right UTF-8.
func keep(s string) string { return strings.ToValidUTF8(strings.Clone(s), "\uFFFD") }

// in returns the members of a member that is an object, and none of anything else.
func (m members) in(name string) members {
	out, _ := m.get(name).object()
	return out
}

// first returns the first of some members that has a text.
func (m members) first(names ...string) string {
	for _, name := range names {
		if s := m.word(name); s != "" {
			return s
		}
	}
	return ""
}
