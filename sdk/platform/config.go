package platform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Factory makes a configured platform from JSON. Configured returns one.
type Factory interface {
	// Schema returns the JSON Schema of the configuration.
	Schema() (*jsonschema.Schema, error)
	// Validate says what is wrong with a configuration that fits the schema.
	Validate(config []byte) []chat.Diagnostic
	// New makes the platform.
	New(config []byte) (Platform, error)
}

// Configured makes a Factory from a function that takes the configuration as a struct. The struct's json
// tags name the keys; a key without omitempty or omitzero is required. A jsonschema tag describes a key, and
// an aof tag says more, comma-separated:
//
//	secret         never shown, comes from the environment
//	or=other       required, unless the key "other" is given
//	minItems=1     a list may not be empty
//	minLength=1    a text may not be empty
//	pattern=^v     a regular expression that a text must match; last in the tag
//
// If C or *C is a Validator its findings are part of the validation.
func Configured[C any](make func(C) (Platform, error)) Factory { return factory[C]{make} }

type factory[C any] struct {
	make func(C) (Platform, error)
}

func (f factory[C]) Schema() (*jsonschema.Schema, error) {
	s, err := jsonschema.For[C](nil)
	if err != nil {
		return nil, fmt.Errorf("the configuration type has no schema: %w", err)
	}
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.AdditionalProperties = &jsonschema.Schema{Not: &jsonschema.Schema{}}
	for i := range reflect.TypeFor[C]().NumField() {
		field := reflect.TypeFor[C]().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if p := s.Properties[name]; p != nil {
			tag, other := alternative(field.Tag.Get("aof"))
			if err := refine(p, tag); err != nil {
				return nil, fmt.Errorf("aof tag of %s: %w", field.Name, err)
			}
			if other != "" {
				s.AnyOf = append(s.AnyOf, &jsonschema.Schema{Required: []string{name}}, &jsonschema.Schema{Required: []string{other}})
			}
		}
	}
	return s, nil
}

// alternative takes the word or= out of an aof tag.
func alternative(tag string) (rest, other string) {
	var words []string
	for word := range strings.SplitSeq(tag, ",") {
		if name, ok := strings.CutPrefix(word, "or="); ok {
			other = name
			continue
		}
		words = append(words, word)
	}
	return strings.Join(words, ","), other
}

// refine applies an aof tag. Lists lose the null that a nil slice would be: a key is there or it is not.
func refine(p *jsonschema.Schema, tag string) error {
	if len(p.Types) == 2 && p.Types[0] == "null" {
		p.Type, p.Types = p.Types[1], nil
	}
	for tag != "" {
		word := tag
		if !strings.HasPrefix(tag, "pattern=") {
			word, tag, _ = strings.Cut(tag, ",")
		} else {
			tag = ""
		}
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "secret":
			p.WriteOnly = true
		case "pattern":
			p.Pattern = value
		case "minItems", "minLength":
			n, err := strconv.Atoi(value)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if key == "minItems" {
				p.MinItems = &n
			} else {
				p.MinLength = &n
			}
		default:
			return fmt.Errorf("unknown word %q", key)
		}
	}
	return nil
}

func (f factory[C]) Validate(config []byte) []chat.Diagnostic {
	c, found := f.decode(config)
	if len(found) > 0 {
		return found
	}
	for _, v := range []any{c, &c} {
		if v, ok := v.(Validator); ok {
			return v.Validate()
		}
	}
	return nil
}

func (f factory[C]) New(config []byte) (Platform, error) {
	c, found := f.decode(config)
	if len(found) > 0 {
		return nil, fmt.Errorf("%s: %s", found[0].Pointer, found[0].Summary)
	}
	return f.make(c)
}

// decode checks a configuration against the schema and reads it. Its findings name the key and never the
// value, which may be a secret.
func (f factory[C]) decode(config []byte) (c C, found []chat.Diagnostic) {
	fail := func(pointer, summary string) (C, []chat.Diagnostic) {
		var zero C
		return zero, append(found, chat.Diagnostic{Severity: chat.SeverityError, Pointer: pointer, Summary: summary})
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(config, &object); err != nil || object == nil {
		return fail("", "the configuration is not a JSON object")
	}
	schema, err := f.Schema()
	if err != nil {
		return fail("", err.Error())
	}
	for key, raw := range object {
		p := schema.Properties[key]
		if p == nil {
			return fail("/"+escape(key), "unknown key")
		}
		if problem := fits(p, raw); problem != "" {
			return fail("/"+escape(key), problem)
		}
	}
	for _, key := range schema.Required {
		if object[key] == nil {
			return fail("/"+escape(key), "required, but not given")
		}
	}
	dec := json.NewDecoder(bytes.NewReader(config))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return fail("", "the configuration does not fit its type")
	}
	return c, nil
}

// fits checks one value against its schema and says what is wrong, without the value.
func fits(p *jsonschema.Schema, raw json.RawMessage) string {
	resolved, err := p.Resolve(nil)
	if err != nil {
		return "its schema is broken"
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return "not JSON"
	}
	if resolved.Validate(v) == nil {
		return ""
	}
	s, isText := v.(string)
	list, isList := v.([]any)
	switch {
	case p.Pattern != "" && isText:
		return "must match " + p.Pattern
	case p.MinLength != nil && isText && len(s) < *p.MinLength:
		if *p.MinLength == 1 {
			return "must not be empty"
		}
		return fmt.Sprintf("must have at least %d characters", *p.MinLength)
	case p.MinItems != nil && isList && len(list) < *p.MinItems:
		return "the list must not be empty"
	case p.Type != "":
		return "must be of type " + p.Type
	}
	return "does not fit the schema"
}

// escape makes a key a reference token of a JSON Pointer.
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}
