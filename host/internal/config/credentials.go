package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// block is what is known of a platform before its plugin is asked: pairs of keys and values, from the
// DaemonConfig, from triggers, or from both.
type block struct {
	id          string
	pos         Pos
	fromTrigger bool
	pairs       []pair
}

// pair is one key of a platform with its value.
type pair struct {
	name       string
	key, value *yaml.Node
	src        *source
}

func newBlock(id string, p place) *block {
	b := &block{id: id, pos: p.src.pos(p.at)}
	if p.node == nil {
		return b
	}
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		if k := p.node.Content[i]; k.Value != "enabled" {
			b.pairs = append(b.pairs, pair{k.Value, k, p.node.Content[i+1], p.src})
		}
	}
	return b
}

// suffix ends a key that takes the name of an environment variable.
const suffix = "_env"

// property is the key that a pair is about: X for X and for X_env.
func (p pair) property() string { return strings.TrimSuffix(p.name, suffix) }

// identities are the keys that say which account is meant. Two of them that differ are two accounts.
var identities = []string{"phone_number_id", "app_id", "application_id", "cloud_id", "integration_id"}

// accountKey is the identity that messages carry as their account.
const accountKey = "phone_number_id"

// find returns where the key X is: X itself, which counts more, or X_env.
func (b *block) find(property string) int {
	if i := slices.IndexFunc(b.pairs, func(q pair) bool { return q.name == property }); i >= 0 && !isNull(b.pairs[i].value) {
		return i
	}
	return slices.IndexFunc(b.pairs, func(q pair) bool { return q.property() == property && !isNull(q.value) })
}

// merge adds what a trigger says about the platform. What both say must be the same. A trigger may be about one of
// several accounts that the block lists: then the entry of that account counts before the block.
func (l *loader) merge(b *block, t *triggerDraft) {
	entry := l.listed(b, t)
	for _, p := range t.pairs {
		in, i := entry, entry.find(p.property())
		if i < 0 {
			in, i = b, b.find(p.property())
		}
		switch {
		case i < 0:
			b.pairs = append(b.pairs, p)
			continue
		case isNull(p.value):
			continue // nothing is said
		}
		mine, known := p.resolve(l.settings.env)
		theirs, alsoKnown := in.pairs[i].resolve(l.settings.env)
		if !known || !alsoKnown || mine == theirs {
			continue // what is not set is reported when the platform is bound
		}
		where := in.pairs[i].src.pos(in.pairs[i].key)
		name, _ := p.src.nameOf(p.key)
		text := fmt.Sprintf("%s differs from the one in %s", strings.TrimSuffix(name, suffix), where)
		hint := "give it in one place"
		if slices.Contains(identities, p.property()) {
			text += ": it is another account, which the platform's block does not list"
			hint = "list it in the block, if the platform takes several accounts, or run a second daemon for it"
		}
		l.diags = append(l.diags, Diagnostic{SeverityError, p.src.pos(p.key), text, hint})
	}
}

// listed returns what a block says of the account that a trigger names, where the block lists several: an entry
// of a list with the same identity. It is empty when there is none.
func (l *loader) listed(b *block, t *triggerDraft) *block {
	named := &block{pairs: t.pairs}
	i := named.find(accountKey)
	if i < 0 {
		return &block{}
	}
	id, ok := t.pairs[i].resolve(l.settings.env)
	for _, list := range b.pairs {
		if !ok || list.value.Kind != yaml.SequenceNode {
			continue
		}
		for _, n := range list.value.Content {
			if n.Kind != yaml.MappingNode {
				continue
			}
			entry := newBlock(b.id, place{l: l, src: list.src, node: n, at: n})
			if i := entry.find(accountKey); i >= 0 {
				if theirs, known := entry.pairs[i].resolve(l.settings.env); known && theirs == id {
					return entry
				}
			}
		}
	}
	return &block{}
}

// resolve returns the value in a form that can be compared; ok is false when a variable is not set.
func (p pair) resolve(env func(string) (string, bool)) (value string, ok bool) {
	if p.value.Kind != yaml.ScalarNode {
		return flatten(p.value), true
	}
	e := expand(p.value.Value, env)
	if p.name == p.property() || !e.ok() {
		return e.text, e.ok()
	}
	v, ok := env(p.value.Value)
	return v, ok && v != ""
}

// flatten writes a tree so that two equal ones read the same.
func flatten(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		return fmt.Sprintf("%q", n.Value)
	}
	var b strings.Builder
	for _, c := range n.Content {
		b.WriteString(flatten(c) + ",")
	}
	return fmt.Sprintf("%d(%s)", n.Kind, b.String())
}

// overlay puts the keys of the command line in the place of those of the files.
func (l *loader) overlay() {
	given := l.settings.Overrides.Platforms
	for _, id := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(l.blocks, func(b *block) bool { return b.id == id })
		if i < 0 {
			if l.disabled[id] {
				continue
			}
			l.blocks = append(l.blocks, &block{id: id})
			i = len(l.blocks) - 1
		}
		b, src := l.blocks[i], newSource("the command line", "", nil)
		b.pairs = slices.DeleteFunc(b.pairs, func(p pair) bool { _, over := given[id][p.property()]; return over })
		for _, key := range slices.Sorted(maps.Keys(given[id])) {
			b.pairs = append(b.pairs, pair{
				name: key, src: src, key: &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key},
				value: &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.ReplaceAll(given[id][key], "${", "$${")},
			})
		}
	}
}

// platforms joins the blocks with the credentials of triggers and finds out which triggers are active: one
// for a platform that nobody configured, or whose plugin is missing, is not.
func (l *loader) platforms() {
	byID := map[string]*block{}
	for _, b := range l.blocks {
		byID[b.id] = b
	}
	given := l.settings.Overrides.Platforms
	for _, t := range l.triggers {
		b := byID[t.Platform]
		switch {
		case t.inactive != "", t.Platform == "":
		case l.disabled[t.Platform]:
			t.inactive = fmt.Sprintf("platform %s is disabled", t.Platform)
		case b == nil && given[t.Platform] != nil: // the command line configures it
		case b == nil && len(t.pairs) == 0:
			t.inactive = fmt.Sprintf("platform %s is not configured", t.Platform)
		case (b == nil || b.fromTrigger) && !l.installed(t.Platform):
			t.inactive = fmt.Sprintf("there is no plugin for platform %s", t.Platform)
		case b == nil:
			b = &block{id: t.Platform, pos: t.platformPos, fromTrigger: true}
			byID[t.Platform], l.blocks = b, append(l.blocks, b)
			l.merge(b, t)
		default:
			l.merge(b, t)
		}
	}
	l.overlay()
	for _, b := range l.blocks {
		l.cfg.Platforms = append(l.cfg.Platforms, Platform{
			ID: b.id, Pos: b.pos, FromTrigger: b.fromTrigger,
			pairs: b.pairs, env: l.settings.env, strict: l.settings.Strict,
		})
	}
}

func (l *loader) installed(platform string) bool {
	return l.settings.Installed == nil || l.settings.Installed(platform, l.cfg.PluginDirs)
}
