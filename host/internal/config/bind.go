package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Bind reads the keys of the platform by the JSON Schema that its plugin publishes, with variables and X_env
// keys resolved, and returns them as a JSON object. What only the plugin can judge is left to it. No finding
// quotes a value.
func (p Platform) Bind(schema json.RawMessage) (json.RawMessage, Diagnostics) {
	b := binder{platform: p, out: map[string]json.RawMessage{}, failed: map[string]bool{}}
	if err := json.Unmarshal(schema, &b.schema); err != nil {
		b.errorf(p.Pos, "update the plugin", "the plugin of platform %s publishes a configuration schema that cannot be read", p.ID)
		return nil, b.diags
	}
	for _, q := range p.pairs {
		before := b.diags.Errors()
		b.pair(q)
		if b.diags.Errors() > before {
			b.failed[q.name], b.failed[q.property()] = true, true
		}
	}
	b.required()
	if b.diags.HasErrors() {
		return nil, b.diags.Sorted()
	}
	object, err := json.Marshal(b.out) // sorted keys: the same configuration is the same bytes
	if err != nil {
		b.errorf(p.Pos, "", "the block of platform %s cannot be written as JSON", p.ID)
	}
	return object, b.diags.Sorted()
}

// Locate gives findings of the plugin their place in the file.
func (p Platform) Locate(found []chat.Diagnostic) Diagnostics {
	var out Diagnostics
	for _, f := range found {
		d := Diagnostic{Severity: f.Severity, Pos: p.Pos, Text: p.name() + ": " + f.Summary, Hint: f.Hint}
		path := strings.Split(strings.TrimPrefix(f.Pointer, "/"), "/")
		if q, ok := p.find(unescape(path[0])); ok {
			d.Pos = q.src.pos(q.key)
			if n, err := strconv.Atoi(path[len(path)-1]); err == nil && len(path) > 1 {
				if entries := p.entries(q); n >= 0 && n < len(entries) {
					d.Pos = q.src.pos(entries[n])
				}
			}
		}
		out = append(out, d)
	}
	return out
}

// find returns what gives a property its value: X, or else X_env.
func (p Platform) find(property string) (pair, bool) {
	b := block{pairs: p.pairs}
	if i := b.find(property); i >= 0 {
		return p.pairs[i], true
	}
	i := slices.IndexFunc(p.pairs, func(q pair) bool { return q.property() == property })
	if i < 0 {
		return pair{}, false
	}
	return p.pairs[i], true
}

// entries returns what Bind takes of a list: all but entries whose variable is not set.
func (p Platform) entries(q pair) []*yaml.Node {
	var out []*yaml.Node
	for _, n := range q.value.Content {
		if q.value.Kind == yaml.SequenceNode && len(p.unset(n)) == 0 {
			out = append(out, n)
		}
	}
	return out
}

// unset returns the variables of a list's entry for whose sake the entry is left out.
func (p Platform) unset(n *yaml.Node) []unset {
	if n.Kind != yaml.ScalarNode {
		return nil
	}
	if e := expand(n.Value, p.env); e.bad == "" {
		return e.unset
	}
	return nil
}

func unescape(token string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
}

// name is how findings call the platform's block.
func (p Platform) name() string { return "platform " + p.ID }

// schema is what is used of a JSON Schema.
type schema struct {
	Type       any               `json:"type"` // a word or a list of words
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	AnyOf      []struct {
		Required []string `json:"required"`
	} `json:"anyOf"`
	Items  *schema `json:"items"`
	Others *schema `json:"additionalProperties"`
}

// UnmarshalJSON reads a schema. One that is just true or false says nothing of types.
func (s *schema) UnmarshalJSON(data []byte) error {
	if text := string(data); text == "true" || text == "false" {
		*s = schema{}
		return nil
	}
	type plain schema
	return json.Unmarshal(data, (*plain)(s))
}

// entry is the schema of the entries of a list.
func (s schema) entry() schema {
	if s.Items == nil {
		return schema{}
	}
	return *s.Items
}

// property is the schema of a key of a mapping.
func (s schema) property(key string) schema {
	if p, ok := s.Properties[key]; ok || s.Others == nil {
		return p
	}
	return *s.Others
}

// is reports whether the schema asks for values of this type.
func (s schema) is(name string) bool {
	if list, ok := s.Type.([]any); ok {
		return slices.Contains(list, any(name))
	}
	return s.Type == name
}

// binder is one call of Bind.
type binder struct {
	platform Platform
	schema   schema
	out      map[string]json.RawMessage
	diags    Diagnostics
	failed   map[string]bool // properties about which there is a finding already
}

func (b *binder) errorf(at Pos, hint, format string, args ...any) {
	b.diags = append(b.diags, Diagnostic{SeverityError, at, fmt.Sprintf(format, args...), hint})
}

func (b *binder) warnf(at Pos, hint, format string, args ...any) {
	b.diags = append(b.diags, Diagnostic{SeverityWarning, at, fmt.Sprintf(format, args...), hint})
}

// pair reads one key.
func (b *binder) pair(q pair) {
	at := q.src.pos(q.key)
	if s, known := b.schema.Properties[q.name]; known {
		if b.has(q.name) && b.has(q.name+suffix) {
			b.warnf(at, "keep one", "%s: %s and %s%s are given; %s counts", b.platform.name(), q.name, q.name, suffix, q.name)
		}
		if v := b.value(q, q.value, s, q.name); v != nil {
			b.out[q.name] = v
		}
		return
	}
	s, known := b.schema.Properties[q.property()]
	if !known {
		b.unknown(q, at)
		return
	}
	v := b.fromEnv(q, s)
	if !b.has(q.property()) && v != nil {
		b.out[q.property()] = v
	}
}

// has reports whether a key is given. One with nothing behind it is not, unless it is a list: that is empty.
func (b *binder) has(name string) bool {
	return slices.ContainsFunc(b.platform.pairs, func(q pair) bool {
		return q.name == name && (!isNull(q.value) || b.schema.Properties[name].is("array"))
	})
}

func (b *binder) unknown(q pair, at Pos) {
	var names []string
	for n := range b.schema.Properties {
		names = append(names, n)
		if strings.HasSuffix(q.name, suffix) {
			names = append(names, n+suffix)
		}
	}
	name, hint := q.src.nameOf(q.key)
	meant := didYouMean(q.name, names)
	d := Diagnostic{
		SeverityWarning, at, fmt.Sprintf("%s has no key %s", b.platform.name(), name), cmp.Or(hint, meant),
	}
	// A key that is nearly right was meant, and it may be the one that says who may write.
	if b.platform.strict || meant != "" {
		d.Severity = SeverityError
	}
	b.diags = append(b.diags, d)
}

// conventional is how variables are called. A secret that somebody gave in the place of the name looks otherwise.
var conventional = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,63}$`)

// fromEnv reads the variable that a key X_env names.
func (b *binder) fromEnv(q pair, s schema) json.RawMessage {
	at := q.src.pos(q.value)
	variable := strings.TrimSpace(q.value.Value)
	if q.value.Kind != yaml.ScalarNode || !variableName.MatchString(variable) {
		b.errorf(at, "write "+q.name+": NAME, without ${ }", "%s: %s takes the name of an environment variable", b.platform.name(), q.name)
		return nil
	}
	v, ok := b.platform.env(variable)
	if !ok || v == "" {
		switch {
		case b.has(q.property()):
		case conventional.MatchString(variable):
			b.errorf(at, "set "+variable, "%s: %s needs the environment variable %s, which is not set", b.platform.name(), q.name, variable)
		default: // it may be the secret itself
			b.errorf(at, q.name+" takes the name of a variable, not the value", "%s: %s names an environment variable that is not set", b.platform.name(), q.name)
		}
		return nil
	}
	if s.is("array") {
		items := strings.FieldsFunc(v, func(r rune) bool { return r == ',' })
		out := []json.RawMessage{}
		for i, item := range items {
			entry := fmt.Sprintf("%s[%d]", q.name, i)
			switch item = strings.TrimSpace(item); {
			case item == "":
			case s.entry().Type == nil:
				out = append(out, b.encode(item))
			default:
				out = append(out, b.scalar(at, item, s.entry(), entry))
			}
		}
		return b.encode(out)
	}
	return b.scalar(at, v, s, q.name)
}

// value reads a value of the file. Nil means that there is none, or that a finding was made.
func (b *binder) value(q pair, n *yaml.Node, s schema, name string) json.RawMessage {
	at := q.src.pos(n)
	switch {
	case isNull(n) && s.is("array"):
		return json.RawMessage("[]") // an empty list is the plugin's to judge; it never means everybody
	case isNull(n):
		return nil
	case s.is("array") && n.Kind != yaml.SequenceNode:
		b.errorf(at, "write "+name+": [a, b]", "%s: %s must be a list", b.platform.name(), name)
		return nil
	case n.Kind == yaml.SequenceNode && !s.is("array") && s.Type != nil:
		b.errorf(at, "", "%s: %s must be a single value", b.platform.name(), name)
		return nil
	case n.Kind == yaml.SequenceNode:
		return b.list(q, n, s, name)
	case n.Kind == yaml.MappingNode && !s.is("object") && s.Type != nil:
		b.errorf(at, "", "%s: %s must not be a mapping", b.platform.name(), name)
		return nil
	case n.Kind == yaml.MappingNode:
		return b.mapping(q, n, s, name)
	}
	e := expand(n.Value, b.platform.env)
	if e.bad != "" {
		b.errorf(at, "write $${ for a literal ${", "%s: %s %s", b.platform.name(), name, e.bad)
	}
	for _, u := range e.unset {
		text := fmt.Sprintf("%s: %s needs the environment variable %s, which is not set", b.platform.name(), name, u.name)
		if u.message != "" {
			text += ": " + u.message
		}
		b.errorf(at, fmt.Sprintf("set %s, or write ${%s:-default}", u.name, u.name), "%s", text)
	}
	if !e.ok() {
		return nil
	}
	if s.Type == nil {
		return b.untyped(n, e.text)
	}
	return b.scalar(at, e.text, s, name)
}

// list reads a list. An entry whose variable is not set is left out, but never the last one: an empty list
// of people must not come to mean everybody.
func (b *binder) list(q pair, n *yaml.Node, s schema, name string) json.RawMessage {
	out := []json.RawMessage{}
	dropped := 0
	for i, c := range n.Content {
		entry := fmt.Sprintf("%s[%d]", name, i)
		if missing := b.platform.unset(c); len(missing) > 0 {
			dropped++
			b.warnf(q.src.pos(c), "set "+missing[0].name+", or remove the entry",
				"%s: %s is left out: the environment variable %s is not set", b.platform.name(), entry, missing[0].name)
			continue
		}
		if isNull(c) {
			b.errorf(q.src.pos(c), "", "%s: %s is empty", b.platform.name(), entry)
			continue
		}
		if v := b.value(q, c, s.entry(), entry); v != nil {
			out = append(out, v)
		}
	}
	if len(out) == 0 && dropped > 0 {
		b.errorf(q.src.pos(n), "", "%s: %s has no entry left", b.platform.name(), name)
	}
	return b.encode(out)
}

func (b *binder) mapping(q pair, n *yaml.Node, s schema, name string) json.RawMessage {
	out := map[string]json.RawMessage{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if v := b.value(q, n.Content[i+1], s.property(key), name+"."+key); v != nil {
			out[key] = v
		}
	}
	return b.encode(out)
}

// scalar writes a text as the type that the schema asks for. Texts are taken as they stand in the file, so
// that an id of digits is never a float.
func (b *binder) scalar(at Pos, text string, s schema, name string) json.RawMessage {
	trimmed := strings.TrimSpace(text)
	switch {
	case s.is("string"):
		return b.encode(text)
	case s.is("boolean"):
		if v, ok := parseBool(trimmed); ok {
			return b.encode(v)
		}
		b.errorf(at, "", "%s: %s must be true or false", b.platform.name(), name)
	case s.is("integer"):
		if v, err := strconv.ParseInt(trimmed, 10, 64); err == nil {
			return b.encode(v)
		}
		b.errorf(at, "", "%s: %s must be a whole number", b.platform.name(), name)
	case s.is("number"):
		if v, err := strconv.ParseFloat(trimmed, 64); err == nil {
			return b.encode(v)
		}
		b.errorf(at, "", "%s: %s must be a number", b.platform.name(), name)
	default:
		b.errorf(at, "", "%s: %s must not be a single value", b.platform.name(), name)
	}
	return nil
}

// untyped writes a value of which the schema says nothing.
func (b *binder) untyped(n *yaml.Node, text string) json.RawMessage {
	if raw := json.RawMessage(text); n.Style == 0 && n.Value == text && n.Tag != "!!str" && json.Valid(bytes.TrimSpace(raw)) {
		return raw
	}
	return b.encode(text)
}

func (b *binder) encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil { // a number that JSON cannot hold
		b.errorf(b.platform.Pos, "", "%s has a value that cannot be written as JSON", b.platform.name())
		return nil
	}
	return raw
}

// required reports what the schema demands and nobody gave.
func (b *binder) required() {
	given := func(name string) bool {
		_, ok := b.out[name]
		return ok || b.failed[name]
	}
	missing := slices.Clone(b.schema.Required)
	one := ""
	for _, alternative := range b.schema.AnyOf { // keys of which one is enough
		if len(alternative.Required) != 1 || given(alternative.Required[0]) {
			one = ""
			break
		}
		one = cmp.Or(one, alternative.Required[0])
	}
	if one != "" {
		missing = append(missing, one)
	}
	for _, name := range missing {
		if given(name) {
			continue
		}
		at := b.platform.Pos
		if q, ok := b.platform.find(name); ok {
			at = q.src.pos(q.key) // with nothing behind it
		}
		b.errorf(at, fmt.Sprintf("give %s, or %s%s with the name of an environment variable", name, name, suffix),
			"%s: %s is required", b.platform.name(), name)
	}
}
