package config

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// plainer copies a tree of nodes with aliases and merge keys resolved, so that nothing after it has to think
// of them.
type plainer struct {
	src    *source
	offset int // lines before the chunk
	budget int // nodes that aliases may still add
	spent  bool
	open   map[*yaml.Node]bool
	diags  Diagnostics
}

func (p *plainer) fail(n *yaml.Node, text, hint string) *yaml.Node {
	pos := Pos{File: p.src.name, Line: n.Line + p.offset, Col: n.Column, src: p.src}
	p.diags = append(p.diags, Diagnostic{SeverityError, pos, text, hint})
	return nothing(n, p.offset)
}

// nothing stands for a node that cannot be used.
func nothing(n *yaml.Node, offset int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line + offset, Column: n.Column}
}

// copy returns a plain copy of n. A copy for an alias keeps the places of the original: that is where the
// text stands.
func (p *plainer) copy(n *yaml.Node, depth int, aliased bool) *yaml.Node {
	switch {
	case depth > maxDepth:
		return p.fail(n, "nested too deeply", "")
	case p.spent:
		return nothing(n, p.offset)
	case p.budget < 0:
		p.spent = true // once is enough
		return p.fail(n, "aliases make this document too large", "")
	case n.Kind == yaml.AliasNode:
		if n.Alias == nil {
			return p.fail(n, "an alias without an anchor of that name", "")
		}
		if p.open[n.Alias] {
			return p.fail(n, "an alias leads back to itself", "")
		}
		p.src.note(&yaml.Node{Line: n.Line + p.offset}, false)
		return p.copy(n.Alias, depth+1, true)
	}
	if aliased {
		p.budget--
	}
	p.open[n] = true
	defer delete(p.open, n)
	out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value, Style: n.Style, Line: n.Line + p.offset, Column: n.Column}
	p.src.note(out, false)
	switch n.Kind {
	case yaml.ScalarNode:
		if !plainTags[n.Tag] {
			return p.badTag(n)
		}
	case yaml.SequenceNode:
		if n.Tag != "!!seq" {
			return p.badTag(n)
		}
		for _, c := range n.Content {
			out.Content = append(out.Content, p.copy(c, depth+1, aliased))
		}
	case yaml.MappingNode:
		if n.Tag != "!!map" {
			return p.badTag(n)
		}
		p.mapping(out, n, depth, aliased)
	}
	return out
}

func (p *plainer) badTag(n *yaml.Node) *yaml.Node {
	return p.fail(n, "this tag is not supported", "put a value that begins with ! into quotes")
}

// plainTags are what scalars may be. All but null are read by their source text.
var plainTags = map[string]bool{
	"!!str": true, "!!int": true, "!!float": true, "!!bool": true, "!!null": true, "!!timestamp": true, "!!merge": true,
}

// mapping copies the pairs of n. Pairs of its own win over merged ones.
func (p *plainer) mapping(out, n *yaml.Node, depth int, aliased bool) {
	var merged []*yaml.Node
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		failed := len(p.diags)
		key := p.copy(n.Content[i], depth+1, aliased)
		badKey := len(p.diags) > failed || p.spent
		value := p.copy(n.Content[i+1], depth+1, aliased)
		if badKey {
			continue
		}
		if key.Kind != yaml.ScalarNode {
			p.fail(n.Content[i], "a key must be a single value", "")
			continue
		}
		p.src.note(key, true)
		if key.Tag == "!!merge" {
			if len(p.diags) == failed {
				merged = append(merged, p.sources(n.Content[i+1], value)...)
			}
			continue
		}
		if first := seen[key.Value]; first != nil {
			name, _ := p.src.nameOf(key)
			p.fail(n.Content[i], fmt.Sprintf("the key %s is given twice, first in line %d", name, first.Line), "")
			continue
		}
		seen[key.Value] = key
		out.Content = append(out.Content, key, value)
	}
	for _, m := range merged {
		for i := 0; i+1 < len(m.Content); i += 2 {
			if k := m.Content[i]; seen[k.Value] == nil {
				seen[k.Value] = k
				out.Content = append(out.Content, m.Content[i], m.Content[i+1])
			}
		}
	}
}

// sources are the mappings that a merge key names.
func (p *plainer) sources(at, value *yaml.Node) []*yaml.Node {
	if value.Kind == yaml.MappingNode {
		return []*yaml.Node{value}
	}
	for _, c := range value.Content {
		if c.Kind != yaml.MappingNode {
			p.fail(at, "<< takes a mapping or a list of mappings", "")
			return nil
		}
	}
	if value.Kind != yaml.SequenceNode {
		p.fail(at, "<< takes a mapping or a list of mappings", "")
		return nil
	}
	return value.Content
}

// lookup returns a pair of a mapping, or nil.
func lookup(mapping *yaml.Node, key string) (k, v *yaml.Node) {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
