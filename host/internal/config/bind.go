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
			d.Pos = q.src.pos(p.inside(q, path[1:]))
		}
		out = append(out, d)
	}
	return out
}

// inside returns the node to which a path leads within the value of a pair, as far as the file has it.
func (p Platform) inside(q pair, path []string) *yaml.Node {
	at, value := q.key, q.value
	for _, token := range path {
		switch value.Kind {
		case yaml.SequenceNode:
			entries := p.entries(value)
			n, err := strconv.Atoi(token)
			if err != nil || n < 0 || n >= len(entries) {
				return at
			}
			at, value = entries[n], entries[n]
		case yaml.MappingNode:
			k, v := lookup(value, unescape(token))
			if k == nil {
				k, v = lookup(value, unescape(token)+suffix)
			}
			if k == nil {
				return at
			}
			at, value = k, v
		default:
			return at
		}
	}
	return at
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
func (p Platform) entries(list *yaml.Node) []*yaml.Node {
	var out []*yaml.Node
	for _, n := range list.Content {
		if len(p.unset(n)) == 0 {
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
	AnyOf      []schema          `json:"anyOf"`
	AllOf      []schema          `json:"allOf"`
	Items      *schema           `json:"items"`
	Others     *schema           `json:"additionalProperties"`
	Not        *schema           `json:"not"`

	never bool // it is false: nothing fits
}

// UnmarshalJSON reads a schema. One that is just true or false says nothing of types.
func (s *schema) UnmarshalJSON(data []byte) error {
	if text := string(data); text == "true" || text == "false" {
		*s = schema{never: text == "false"}
		return nil
	}
	type plain schema
	return json.Unmarshal(data, (*plain)(s))
}

// closed reports whether a mapping has no keys but those of the schema.
func (s schema) closed() bool {
	return s.Others != nil && (s.Others.never || s.Others.Not != nil)
}

// list reports whether only a list fits, be it an empty one.
func (s schema) list() bool { return s.is("array") && !s.is("string") }

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
		b.unknown(q, at, b.schema, "")
		return
	}
	given := b.has(q.property())
	if v := b.fromEnv(q, s, q.name, given); !given && v != nil {
		b.out[q.property()] = v
	}
}

// has reports whether a key is given. One with nothing behind it is not, unless it is a list: that is empty.
func (b *binder) has(name string) bool {
	return slices.ContainsFunc(b.platform.pairs, func(q pair) bool {
		return q.name == name && (!isNull(q.value) || b.schema.Properties[name].list())
	})
}

// unknown reports a key that the schema of a mapping does not have. in names the mapping; empty: the block.
func (b *binder) unknown(q pair, at Pos, s schema, in string) {
	var names []string
	for n := range s.Properties {
		names = append(names, n)
		if strings.HasSuffix(q.name, suffix) {
			names = append(names, n+suffix)
		}
	}
	name, hint := q.src.nameOf(q.key)
	meant := didYouMean(q.name, names)
	d := Diagnostic{
		SeverityWarning, at, fmt.Sprintf("%s has no key %s", strings.TrimSuffix(b.platform.name()+": "+in, ": "), name),
		cmp.Or(hint, meant),
	}
	// A key that is nearly right was meant, and it may be the one that says who may write.
	if b.platform.strict || meant != "" {
		d.Severity = SeverityError
	}
	b.diags = append(b.diags, d)
}

// conventional is how variables are called. A secret that somebody gave in the place of the name looks otherwise.
var conventional = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,63}$`)

// fromEnv reads the variable that a key X_env names; for a list, or for a text that may be one, it may be a list
// of them. name is how findings call the key; given means that there is an X, which counts more.
func (b *binder) fromEnv(q pair, s schema, name string, given bool) json.RawMessage {
	if s.is("array") && q.value.Kind == yaml.SequenceNode && len(q.value.Content) > 0 {
		out := []json.RawMessage{}
		for i, n := range q.value.Content {
			one := pair{q.name, q.key, n, q.src}
			if v := b.fromEnv(one, s.entry(), fmt.Sprintf("%s[%d]", name, i), given); v != nil {
				out = append(out, v)
			}
		}
		return b.encode(out)
	}
	at := q.src.pos(q.value)
	variable := strings.TrimSpace(q.value.Value)
	if q.value.Kind != yaml.ScalarNode || !variableName.MatchString(variable) {
		b.errorf(at, "write "+q.name+": NAME, without ${ }", "%s: %s takes the name of an environment variable", b.platform.name(), name)
		return nil
	}
	v, ok := b.platform.env(variable)
	if !ok || v == "" {
		switch {
		case given:
		case conventional.MatchString(variable):
			b.errorf(at, "set "+variable, "%s: %s needs the environment variable %s, which is not set", b.platform.name(), name, variable)
		default: // it may be the secret itself
			b.errorf(at, q.name+" takes the name of a variable, not the value", "%s: %s names an environment variable that is not set", b.platform.name(), name)
		}
		return nil
	}
	if s.list() {
		items := strings.FieldsFunc(v, func(r rune) bool { return r == ',' })
		out := []json.RawMessage{}
		for i, item := range items {
			entry := fmt.Sprintf("%s[%d]", name, i)
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
	return b.scalar(at, v, s, name)
}

// value reads a value of the file. Nil means that there is none, or that a finding was made.
func (b *binder) value(q pair, n *yaml.Node, s schema, name string) json.RawMessage {
	at := q.src.pos(n)
	switch {
	case isNull(n) && s.list():
		return json.RawMessage("[]") // an empty list is the plugin's to judge; it never means everybody
	case isNull(n):
		return nil
	case s.list() && n.Kind != yaml.SequenceNode:
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

// mapping reads a mapping. Where the schema names its keys, they too may be given by X_env, and all must be known
// and there as far as the schema says so.
func (b *binder) mapping(q pair, n *yaml.Node, s schema, name string) json.RawMessage {
	out := map[string]json.RawMessage{}
	before := b.diags.Errors()
	for i := 0; i+1 < len(n.Content); i += 2 {
		one := pair{n.Content[i].Value, n.Content[i], n.Content[i+1], q.src}
		property, given := one.property(), false
		p, known := s.Properties[one.name]
		base, named := s.Properties[property]
		switch {
		case !known && named:
			_, direct := lookup(n, property)
			given = direct != nil && !isNull(direct)
			if v := b.fromEnv(one, base, name+"."+one.name, given); v != nil && !given {
				out[property] = v
			}
		case !known && s.closed():
			b.unknown(one, q.src.pos(one.key), s, name)
		default:
			if !known {
				p = s.property(one.name)
			}
			if v := b.value(q, one.value, p, name+"."+one.name); v != nil {
				out[one.name] = v
			}
		}
	}
	for _, key := range s.Required {
		if _, ok := out[key]; !ok && b.diags.Errors() == before {
			b.missing(q.src.pos(n), name+"."+key, key)
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
	for _, group := range append([]schema{b.schema}, b.schema.AllOf...) {
		one := ""
		for _, alternative := range group.AnyOf { // keys of which one is enough
			if len(alternative.Required) != 1 || given(alternative.Required[0]) {
				one = ""
				break
			}
			one = cmp.Or(one, alternative.Required[0])
		}
		if one != "" {
			missing = append(missing, one)
		}
	}
	for _, name := range missing {
		if given(name) {
			continue
		}
		at := b.platform.Pos
		if q, ok := b.platform.find(name); ok {
			at = q.src.pos(q.key) // with nothing behind it
		}
		b.missing(at, name, name)
	}
}

// missing reports a key that must be there; name is how findings call it.
func (b *binder) missing(at Pos, name, key string) {
	b.errorf(at, fmt.Sprintf("give %s, or %s%s with the name of an environment variable", key, key, suffix),
		"%s: %s is required", b.platform.name(), name)
}
