package config

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// triggerDraft is a trigger as far as its own file goes.
type triggerDraft struct {
	Trigger     // without a platform when it is not clear which one is meant
	platformPos Pos
	pathPos     Pos
	pairs       []pair // of spec.config, for the platform's plugin
	refs        []agentRef
	diags       Diagnostics
	inactive    string // why it does not take part; empty: it does
}

// agentRef is a place that names an agent.
type agentRef struct {
	key, name string
	pos       Pos
}

// readTrigger reads a document of kind Trigger.
func (l *loader) readTrigger(d document) {
	t := &triggerDraft{}
	root := l.place(d, kindTrigger)
	root.out = &t.diags
	t.Pos = d.src.pos(d.root)
	root.knownKeys()
	t.Name = root.envelope()
	root.misplacedName()
	name := root.child("metadata").child("name")
	if t.Name == "" {
		name.errorf("", "metadata.name is required")
	} else {
		t.Pos = name.pos()
	}
	spec := root.child("spec")
	if !spec.given() {
		spec.errorf("", "spec is required")
		l.diags = append(l.diags, t.diags...)
		return
	}
	l.readTriggerSpec(t, spec)
}

// readInlineTrigger reads a trigger that stands in the list of a DaemonConfig.
func (l *loader) readInlineTrigger(p place) {
	t := &triggerDraft{}
	p.out, p.ref = &t.diags, kindTrigger
	name := p.child("name")
	t.Name, t.Pos = name.required(), name.pos()
	p.ref = kindTrigger + ".spec"
	l.readTriggerSpec(t, p, "name")
}

// readTriggerSpec reads spec, in both dialects at once: platform, webhook and routing, or type, config and
// commands. more are keys that are read already.
func (l *loader) readTriggerSpec(t *triggerDraft, p place, more ...string) {
	if !p.isMapping() {
		l.diags = append(l.diags, t.diags...)
		return
	}
	config, nested := p.child("config"), p.child("platform").child("config")
	for _, c := range []place{config, nested} {
		c.hide()
	}
	if !p.child("enabled").boolean() {
		p.hide()
		l.diags = append(l.diags, t.diags...)
		return
	}
	warnUnused(p.knownKeys(more...))
	t.readPlatform(p)
	t.readConfig(config)
	nested.ref = config.ref
	t.readConfig(nested)
	t.readRouting(p)
	t.readWebhook(p)
	for _, e := range p.child("commands").entries("<name>") {
		t.readCommand(e)
	}
	l.triggers = append(l.triggers, t)
}

// readPlatform reads spec.platform and spec.type, which must agree.
func (t *triggerDraft) readPlatform(p place) {
	platform, kind := p.child("platform"), p.child("type")
	if platform.given() && platform.node.Kind == yaml.MappingNode {
		platform.knownKeys()
		platform = platform.child("type")
	}
	names := []place{platform, kind}
	names = slices.DeleteFunc(names, func(n place) bool { return !n.given() })
	if len(names) == 0 {
		p.errorf("give platform, or type", "%s.platform is required", cmp.Or(p.key, "trigger"))
		return
	}
	id := strings.ToLower(names[0].required())
	switch {
	case id == "":
	case !platformID.MatchString(id):
		names[0].errorf("", "%s must be the name of a platform: letters, digits and dashes", names[0].key)
	case len(names) == 2 && !strings.EqualFold(names[1].str(), id):
		names[1].errorf("give one of them", "%s and %s name two platforms", names[0].key, names[1].key)
	default:
		t.Platform, t.platformPos = id, names[0].pos()
	}
}

// readRouting reads the rules and the default agent, which has five spellings.
func (t *triggerDraft) readRouting(p place) {
	routing := p.child("routing")
	routing.isMapping()
	routing.knownKeys()
	for _, r := range routing.child("rules").items() {
		t.readRule(r)
	}
	for _, d := range []place{
		routing.child("default_agent"), routing.child("defaultAgent"),
		p.child("default_agent"), p.child("defaultAgent"), p.child("agent"),
	} {
		name := d.str()
		switch {
		case name == "":
		case t.DefaultAgent == "":
			t.DefaultAgent, t.DefaultPos = name, d.pos()
			t.refs = append(t.refs, agentRef{d.key, name, d.pos()})
		case !strings.EqualFold(name, t.DefaultAgent):
			d.errorf("give it once", "%s names another agent than line %d", d.key, t.DefaultPos.Line)
		}
	}
}

// readRule reads one routing rule. What is not understood in its condition is an error: such a rule must not
// match everything.
func (t *triggerDraft) readRule(p place) {
	if !p.given() {
		p.errorf("", "%s is empty", p.key)
		return
	}
	if !p.isMapping() {
		return
	}
	p.knownKeys()
	match, agent := p.child("match"), p.child("agent")
	r := Rule{Pos: p.pos(), Agent: agent.required()}
	t.refs = append(t.refs, agentRef{agent.key, r.Agent, agent.pos()})
	match.isMapping()
	match.knownKeys()
	words := match.child("text_contains")
	switch {
	case !words.given():
		words.errorf("", "%s is required", words.key)
	case words.node.Kind == yaml.ScalarNode:
		r.TextContains = append(r.TextContains, words.word())
	default:
		for _, w := range words.items() {
			w.ref = words.ref
			r.TextContains = append(r.TextContains, w.word())
		}
		if words.node.Kind == yaml.SequenceNode && len(words.node.Content) == 0 {
			words.errorf("", "%s is empty, so that the rule never holds", words.key)
		}
	}
	t.Rules = append(t.Rules, r)
}

// word is a text that a message may contain. White space around it counts: whoever put it into quotes meant it.
func (p place) word() string {
	if p.required() == "" {
		return ""
	}
	return p.node.Value
}

// plainPath has no character that means something to a router or must be escaped.
var plainPath = regexp.MustCompile(`^/[\w.~!$&'()*+,;=:@/-]*$`)

// reserved are the daemon's own paths.
var reserved = []string{"/", "/health", "/ready", "/metrics", "/platforms"}

// readWebhook reads the extra path of a platform's webhooks.
func (t *triggerDraft) readWebhook(p place) {
	webhook := p.child("webhook")
	webhook.isMapping()
	webhook.knownKeys()
	nested := p.child("platform").child("config")
	nested.ref = p.child("config").ref
	for _, w := range []place{webhook.child("path"), p.child("config").child("path"), nested.child("path")} {
		s := w.str()
		switch {
		case s == "":
			continue
		case t.WebhookPath != "" && t.WebhookPath != s:
			w.errorf("give it once", "%s differs from line %d", w.key, t.pathPos.Line)
			continue
		case !plainPath.MatchString(s) || path.Clean(s) != strings.TrimSuffix(s, "/"):
			w.errorf("write it like /webhook/NAME", "%s must be a plain path that begins with /", w.key)
			continue
		case slices.Contains(reserved, s):
			w.errorf("", "%s: %s is a path of the daemon's own", w.key, s)
			continue
		}
		t.WebhookPath, t.pathPos = s, w.pos()
	}
}

// checkPaths reports webhook paths that two platforms want.
func (l *loader) checkPaths() {
	owners := map[string]string{}
	for _, b := range l.blocks {
		owners["/webhook/"+b.id] = b.id
	}
	for _, t := range l.triggers {
		if t.Platform == "" {
			continue
		}
		if owner := owners[t.WebhookPath]; t.inactive == "" && owner != "" && owner != t.Platform {
			t.diags = append(t.diags, Diagnostic{
				SeverityError, t.pathPos,
				fmt.Sprintf("the webhook path %s is that of platform %s already", t.WebhookPath, owner), "choose another path",
			})
		} else if t.inactive == "" && t.WebhookPath != "" {
			owners[t.WebhookPath] = t.Platform
		}
	}
}
