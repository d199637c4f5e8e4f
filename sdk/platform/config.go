package platform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
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
//	or=a|b         required, unless one of the keys a and b is given
//	many           a text may be a list of texts instead; the type of the key has to read both
//	minItems=1     a list may not be empty
//	minLength=1    a text may not be empty
//	pattern=^v     a regular expression that a text must match; last in the tag
//
// Tags also hold in structs of which a key is a list. If C or *C is a Validator its findings are part of the
// validation.
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
	if err := refineAll(s, reflect.TypeFor[C]()); err != nil {
		return nil, err
	}
	return s, nil
}

// refineAll applies the aof tags of a struct.
func refineAll(s *jsonschema.Schema, t reflect.Type) error {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		p := s.Properties[name]
		if p == nil {
			continue
		}
		tag, others := alternatives(field.Tag.Get("aof"))
		if err := refine(p, tag); err != nil {
			return fmt.Errorf("aof tag of %s: %w", field.Name, err)
		}
		if others != nil {
			one := &jsonschema.Schema{}
			for _, key := range append([]string{name}, others...) {
				one.AnyOf = append(one.AnyOf, &jsonschema.Schema{Required: []string{key}})
			}
			s.AllOf = append(s.AllOf, one)
		}
		if field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct {
			if err := refineAll(p.Items, field.Type.Elem()); err != nil {
				return err
			}
		}
	}
	return nil
}

// alternatives takes the word or= out of an aof tag.
func alternatives(tag string) (rest string, others []string) {
	var words []string
	for word := range strings.SplitSeq(tag, ",") {
		if names, ok := strings.CutPrefix(word, "or="); ok {
			others = strings.Split(names, "|")
			continue
		}
		words = append(words, word)
	}
	return strings.Join(words, ","), others
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
		case "many":
			p.Type, p.Types, p.Items = "", []string{"string", "array"}, &jsonschema.Schema{Type: "string"}
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
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return fail("/"+escape(key), "not JSON")
		}
		if at, problem := misfit(p, v); problem != "" {
			return fail("/"+escape(key)+at, problem)
		}
	}
	for _, key := range schema.Required {
		if object[key] == nil {
			return fail("/"+escape(key), missing)
		}
	}
	dec := json.NewDecoder(bytes.NewReader(config))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return fail("", "the configuration does not fit its type")
	}
	return c, nil
}

const missing = "required, but not given"

// misfit checks one value against its schema and says what is wrong and where below the value, as a JSON Pointer,
// without the value.
func misfit(p *jsonschema.Schema, v any) (at, problem string) {
	resolved, err := p.Resolve(nil)
	if err != nil {
		return "", "its schema is broken"
	}
	if resolved.Validate(v) == nil {
		return "", ""
	}
	s, isText := v.(string)
	list, isList := v.([]any)
	object, isObject := v.(map[string]any)
	switch {
	case p.Pattern != "" && isText:
		return "", "must match " + p.Pattern
	case p.MinLength != nil && isText && len(s) < *p.MinLength:
		if *p.MinLength == 1 {
			return "", "must not be empty"
		}
		return "", fmt.Sprintf("must have at least %d characters", *p.MinLength)
	case p.MinItems != nil && isList && len(list) < *p.MinItems:
		return "", "the list must not be empty"
	case p.Items != nil && isList:
		for i, item := range list {
			if at, problem := misfit(p.Items, item); problem != "" {
				return "/" + strconv.Itoa(i) + at, problem
			}
		}
	case p.Properties != nil && isObject:
		return misfitInside(p, object)
	case p.Type != "":
		return "", "must be of type " + p.Type
	case len(p.Types) > 0:
		return "", "must be of type " + strings.Join(p.Types, " or ")
	}
	return "", "does not fit the schema"
}

// misfitInside finds what is wrong in an object.
func misfitInside(p *jsonschema.Schema, object map[string]any) (at, problem string) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		known := p.Properties[key]
		if known == nil {
			return "/" + escape(key), "unknown key"
		}
		if at, problem := misfit(known, object[key]); problem != "" {
			return "/" + escape(key) + at, problem
		}
	}
	for _, key := range p.Required {
		if _, given := object[key]; !given {
			return "/" + escape(key), missing
		}
	}
	return "", "does not fit the schema"
}

// escape makes a key a reference token of a JSON Pointer.
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}
