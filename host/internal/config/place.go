package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// place is one value of a file: where it stands, how it is called, and its row in the reference.
type place struct {
	l    *loader
	out  *Diagnostics
	src  *source
	node *yaml.Node // nil when it is not given or null
	at   *yaml.Node // its key, or the closest thing there is; nil: the file as a whole
	key  string     // as findings call it: spec.server.port
	ref  string     // its row: DaemonConfig.spec.server.port
	own  bool       // it stands in a mapping that is closed
	// named is true when its key is there, be it with nothing behind it.
	named bool
}

func (p place) given() bool { return p.node != nil }

func (p place) pos() Pos {
	if p.node != nil {
		return p.src.pos(p.node)
	}
	return p.src.pos(p.at)
}

func (p place) row() Field { return rows[p.ref] }

// errorf reports an error at the value, or where it should be.
func (p place) errorf(hint, format string, args ...any) {
	p.report(SeverityError, p.pos(), hint, format, args...)
}

func (p place) warnf(hint, format string, args ...any) {
	p.report(SeverityWarning, p.pos(), hint, format, args...)
}

func (p place) report(s Severity, at Pos, hint, format string, args ...any) {
	*p.out = append(*p.out, Diagnostic{s, at, fmt.Sprintf(format, args...), hint})
}

// child returns the value of a key.
func (p place) child(name string) place {
	c := p
	c.node, c.key, c.ref, c.named = nil, p.name(name), p.ref+"."+name, false
	if f, known := rows[c.ref]; known {
		c.own = p.own || f.closed
	} else if _, list := rows[c.ref+"[]"]; !list && children[c.ref] == nil && children[c.ref+"[]"] == nil {
		panic("config: " + c.ref + " has no row in the reference")
	}
	if p.node != nil {
		c.at = p.node
	}
	if k, v := lookup(p.node, name); k != nil {
		c.at, c.named = k, true
		if !isNull(v) {
			c.node = v
		}
	}
	return c
}

func (p place) name(key string) string {
	if p.key == "" {
		return key
	}
	return p.key + "." + key
}

// hide keeps the value and the line of its key out of what is shown under findings. It is for secrets, and for
// what is not where it should be: nobody knows what that holds.
func (p place) hide() {
	if p.named && p.at.Kind == yaml.ScalarNode {
		p.src.conceal(p.at)
	}
	p.src.conceal(p.node)
}

// isMapping reports whether there is a mapping here; anything else that is given is an error.
func (p place) isMapping() bool {
	if p.node != nil && p.node.Kind != yaml.MappingNode {
		p.hide()
		p.errorf("", "%s must be a mapping of keys", p.key)
		return false
	}
	return p.node != nil
}

// knownKeys reports the keys of a mapping that do not exist, and conceals them: nobody knows what they hold.
// It returns those that exist and are not used yet.
func (p place) knownKeys(more ...string) (unused []place) {
	if p.node == nil || p.node.Kind != yaml.MappingNode {
		return nil
	}
	known := slices.Concat(children[p.ref], more)
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		key, value := p.node.Content[i], p.node.Content[i+1]
		switch {
		case !slices.Contains(known, key.Value):
			p.src.conceal(key, value)
			p.unknown(key, known)
		case rows[p.ref+"."+key.Value].Unused:
			p.src.conceal(key, value)
			unused = append(unused, p.child(key.Value))
		}
	}
	return unused
}

// unknown reports a key that does not exist.
func (p place) unknown(key *yaml.Node, known []string) {
	severity := SeverityWarning
	if p.own || p.row().closed || p.l.settings.Strict {
		severity = SeverityError
	}
	what := "the document"
	if p.key != "" {
		what = p.key
	}
	name, hint := p.src.nameOf(key)
	if hint == "" {
		hint = didYouMean(key.Value, known)
	}
	p.report(severity, p.src.pos(key), hint, "%s has no key %s", what, name)
}

// warnUnused reports each of the keys that have no effect yet.
func warnUnused(unused []place) {
	for _, u := range unused {
		hint := u.row().Meaning
		u.report(SeverityWarning, u.src.pos(u.at), hint, "%s is accepted, but not used yet", u.key)
	}
}

// items returns the entries of a list. A single value is not one, and what is given must be a list.
func (p place) items() []place {
	if p.node == nil {
		return nil
	}
	if p.node.Kind != yaml.SequenceNode {
		p.hide()
		p.errorf("write "+p.at.Value+": [a, b]", "%s must be a list", p.key)
		return nil
	}
	var out []place
	for i, n := range p.node.Content {
		c := p
		c.node, c.at, c.key, c.ref = n, n, fmt.Sprintf("%s[%d]", p.key, i), p.ref+"[]"
		if isNull(n) {
			c.node = nil
		}
		out = append(out, c)
	}
	return out
}

// entry is one pair of a mapping with free keys.
type entry struct {
	name string
	place
}

// entries returns the pairs of a mapping whose keys are free; free is their name in the reference.
func (p place) entries(free string) []entry {
	if !p.isMapping() {
		return nil
	}
	var out []entry
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		k, v := p.node.Content[i], p.node.Content[i+1]
		c := p
		c.node, c.at, c.key, c.ref = v, k, p.name(k.Value), p.ref+"."+free
		if isNull(v) {
			c.node = nil
		}
		out = append(out, entry{k.Value, c})
	}
	return out
}

// literal reports whether the value is never expanded.
func (p place) literal() bool { t := p.row().Type; return t == TypeText || t == TypeTexts }

// expanded returns the text of a single value. ok is false when there is none, and then a finding says why,
// unless nothing was given.
func (p place) expanded() (text string, ok bool) {
	if p.node == nil {
		return "", false
	}
	if p.node.Kind != yaml.ScalarNode {
		p.hide()
		p.errorf("", "%s must be a single value", p.key)
		return "", false
	}
	if p.literal() {
		return p.node.Value, true
	}
	e := expand(p.node.Value, p.l.settings.env)
	e.report(p, p.key)
	return e.text, e.ok()
}

// unreadable reports whether there is a value without a text; a finding says why.
func (p place) unreadable() bool {
	return p.node != nil && (p.node.Kind != yaml.ScalarNode || !expand(p.node.Value, p.l.settings.env).ok())
}

// report says why an expansion failed.
func (e expansion) report(p place, what string) {
	if e.bad != "" {
		p.errorf("write $${ for a literal ${", "%s %s", what, e.bad)
	}
	for _, u := range e.unset {
		text := fmt.Sprintf("%s needs the environment variable %s, which is not set", what, u.name)
		if u.message != "" {
			text += ": " + u.message
		}
		p.errorf(fmt.Sprintf("set %s, or write ${%s:-default}", u.name, u.name), "%s", text)
	}
}

// str returns a string, or the default of its row.
func (p place) str() string {
	if s, ok := p.expanded(); ok {
		return strings.TrimSpace(s)
	}
	return p.row().Default
}

// required returns a string that must be there. When it is not, a finding says so and the string is empty.
func (p place) required() string {
	if p.node == nil {
		p.errorf("", "%s is required", p.key)
		return ""
	}
	s, ok := p.expanded()
	if !ok {
		return ""
	}
	if s = strings.TrimSpace(s); s == "" {
		p.errorf("", "%s is required, and empty", p.key)
	}
	return s
}

// oneOf returns one of some words, in lower case, or the default.
func (p place) oneOf(words ...string) string {
	s := strings.ToLower(p.str())
	if s == "" || slices.Contains(words, s) {
		return s
	}
	p.errorf(didYouMean(s, words), "%s must be one of %s", p.key, strings.Join(words, ", "))
	return p.row().Default
}
