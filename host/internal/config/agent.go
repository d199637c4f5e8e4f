package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// agentDraft is an agent as far as its own document goes.
type agentDraft struct {
	Agent
	diags Diagnostics
}

var (
	runnerKeys = []string{"exec", "http", "grpc"}
	promptKeys = []string{"instructions", "system_prompt", "system", "prompt"}
)

// isFlatAgent tells an agent that has the keys of spec at the top, and no kind.
func isFlatAgent(root *yaml.Node) bool {
	if textOf(root, "name") == "" {
		return false
	}
	return slices.ContainsFunc(slices.Concat([]string{"model"}, runnerKeys, promptKeys), func(key string) bool {
		_, v := lookup(root, key)
		return v != nil
	})
}

// readAgent reads a document of kind Agent, in either shape.
func (l *loader) readAgent(d document) {
	a := &agentDraft{}
	a.Pos, a.Dir = d.src.pos(d.root), d.src.dirOf()
	root := l.place(d, kindAgent)
	root.out = &a.diags
	l.agents = append(l.agents, a)
	if kindOf(d.root) == "" {
		name := root.child("name")
		a.Name, a.Pos = name.required(), name.pos()
		root.ref = kindAgent + ".spec"
		a.readSpec(root, "name", "apiVersion", "metadata")
		return
	}
	root.knownKeys()
	a.Name = root.envelope()
	root.misplacedName()
	name := root.child("metadata").child("name")
	if a.Name == "" {
		name.errorf("", "metadata.name is required")
	} else {
		a.Pos = name.pos()
	}
	spec := root.child("spec")
	if !spec.given() {
		spec.errorf("", "spec is required")
		return
	}
	if spec.isMapping() {
		a.readSpec(spec)
	}
}

// readSpec reads the keys of spec; more are keys that are read already.
func (a *agentDraft) readSpec(p place, more ...string) {
	if strings.EqualFold(a.Name, builtin) || strings.ContainsAny(a.Name, "\n\t") {
		p.report(SeverityError, a.Pos, "choose another", "an agent cannot have this name")
	}
	unused := p.knownKeys(more...)
	a.Description = p.child("description").str()
	a.Instructions = a.prompt(p)
	a.Vars = p.child("vars").dictionary()
	a.MaxContextMessages = p.child("max_context_messages").integer(0, 1000)
	if !remembers(p.child("memory")) {
		a.MaxContextMessages = 0
	}
	a.Model = modelOf(p.child("model"), p.child("provider"))
	a.readRunner(p)
	a.warnUnused(p, unused)
}

// warnUnused says in one finding what of an agent has no effect.
func (a *agentDraft) warnUnused(p place, unused []place) {
	if a.Runner() == "model" {
		if a.diags.HasErrors() {
			return
		}
		p.report(SeverityWarning, a.Pos, "give it exec, http or grpc",
			"agent %s needs a model runtime, which is not installed: it answers that it cannot run", a.Name)
		return
	}
	var names []string
	for _, u := range unused {
		names = append(names, lastKey("."+u.key))
	}
	if len(names) > 0 {
		p.report(SeverityWarning, a.Pos, "", "agent %s: not used yet: %s", a.Name, strings.Join(names, ", "))
	}
}

// prompt returns the instructions, which have four spellings.
func (a *agentDraft) prompt(p place) string {
	var first place
	text := ""
	for _, key := range promptKeys {
		c := p.child(key)
		s := c.str()
		switch {
		case s == "":
		case text == "":
			first, text = c, s
		case s != text:
			c.errorf("keep one", "%s differs from %s in line %d", c.key, first.key, first.at.Line)
		}
	}
	return text
}

// remembers reports whether memory keeps a history. All of AOF's forms do, but for enabled: false.
func remembers(p place) bool {
	if p.node == nil || p.node.Kind != yaml.MappingNode {
		return true
	}
	on, known := parseBool(textOf(p.node, "enabled"))
	return on || !known
}

// modelOf returns the model as provider:name, or as it is written.
func modelOf(model, provider place) string {
	by := provider.str()
	if model.node == nil || model.node.Kind != yaml.MappingNode {
		return qualified(by, model.str())
	}
	model.knownKeys()
	name, same := model.child("name").str(), model.child("model").str()
	if name == "" {
		name = same
	} else if same != "" && same != name {
		model.errorf("keep one", "%s has a name and another model", model.key)
	}
	if own := model.child("provider").str(); own != "" {
		by = own
	}
	return qualified(by, name)
}

func qualified(provider, model string) string {
	if provider == "" || model == "" {
		return model
	}
	return fmt.Sprintf("%s:%s", provider, model)
}
