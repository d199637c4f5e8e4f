package config

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
)

// finish checks what no file can know alone, and fills the configuration.
func (l *loader) finish() {
	l.platforms()
	l.checkPaths()
	slices.SortStableFunc(l.triggers, func(a, b *triggerDraft) int { return comparePos(a.Pos, b.Pos) })
	slices.SortStableFunc(l.agents, func(a, b *agentDraft) int {
		return cmp.Or(cmp.Compare(plain(a.Name), plain(b.Name)), comparePos(a.Pos, b.Pos))
	})
	l.rejectTwins()
	names, missing := l.resolveAgents()
	l.takeTriggers()
	l.takeAgents(names, missing)
	if len(l.cfg.Platforms) == 0 && l.settings.Path != "" {
		p := l.daemon.child("platforms")
		p.warnf("", "no platform is enabled, so that no message can come in")
	}
}

// giveUp takes over what was found in files one by one, when there is no DaemonConfig to hold them together.
func (l *loader) giveUp() {
	for _, t := range l.triggers {
		l.diags = append(l.diags, t.diags...)
	}
	for _, a := range l.agents {
		l.diags = append(l.diags, a.diags...)
	}
	l.diags = append(l.diags, l.unreadable...)
}

// rejectTwins reports agents with one name.
func (l *loader) rejectTwins() {
	seen := map[string]*agentDraft{}
	for _, a := range l.agents {
		if a.Name == "" {
			continue
		}
		if first := seen[strings.ToLower(a.Name)]; first != nil {
			l.diags = append(l.diags, Diagnostic{
				SeverityError, a.Pos, fmt.Sprintf("the agent %s is there already, in %s", a.Name, first.Pos), "rename one of them",
			})
			continue
		}
		seen[strings.ToLower(a.Name)] = a
	}
}

// resolveAgents finds the agents that somebody is routed to. It returns their names and whether one of them
// does not exist, or none at all does.
func (l *loader) resolveAgents() (referenced map[string]bool, missing bool) {
	referenced = map[string]bool{}
	refs, none := l.defaultRef()
	missing = none
	for _, t := range l.triggers {
		if t.inactive == "" {
			refs = append(refs, t.refs...)
		}
	}
	known := make([]string, 0, len(l.agents))
	for _, a := range l.agents {
		known = append(known, a.Name)
	}
	for _, r := range refs {
		if r.name == "" {
			continue // reported where it was read
		}
		if a := l.agent(r.name); a != nil {
			referenced[strings.ToLower(a.Name)] = true
			continue
		}
		missing = true
		l.diags = append(l.diags, Diagnostic{
			SeverityError, r.pos, fmt.Sprintf("%s: no agent %s is loaded", r.key, r.name), l.meantAgent(r.name, known),
		})
	}
	return referenced, missing
}

func (l *loader) meantAgent(name string, known []string) string {
	if hint := didYouMean(name, known); hint != "" || len(known) == 0 {
		return hint
	}
	const shown = 8
	list := strings.Join(known[:min(shown, len(known))], ", ")
	if len(known) > shown {
		list += ", …"
	}
	return "loaded are: " + list
}

// agent finds an agent by its name in any case.
func (l *loader) agent(name string) *agentDraft {
	for _, a := range l.agents {
		if a.Name != "" && strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return nil
}

// defaultRef is runtime.default_agent. When no default is given anywhere, the only agent there is becomes it.
// none is true when there is no agent that could.
func (l *loader) defaultRef() (refs []agentRef, none bool) {
	p := l.daemon.child("runtime").child("default_agent")
	if name := l.cfg.Runtime.DefaultAgent; name != "" || p.unreadable() {
		return []agentRef{{p.key, name, p.pos()}}, false
	}
	if slices.ContainsFunc(l.triggers, func(t *triggerDraft) bool { return t.inactive == "" && t.DefaultAgent != "" }) {
		return nil, false
	}
	var named []*agentDraft
	for _, a := range l.agents {
		if a.Name != "" {
			named = append(named, a)
		}
	}
	switch len(named) {
	case 1:
		l.cfg.Runtime.DefaultAgent = named[0].Name
		return []agentRef{{p.key, named[0].Name, named[0].Pos}}, false
	case 0:
		hint := "put agent files into a folder, and name it in spec.agents.directory"
		if _, err := os.Stat(l.settings.abs("config.yaml")); l.settings.Path == "" && err == nil {
			hint = "there is a config.yaml here: give it with -c config.yaml"
		}
		p.errorf(hint, "no agent is loaded")
		return nil, true
	}
	p.errorf("set spec.runtime.default_agent", "%d agents are loaded, and none of them is the default", len(named))
	return nil, false
}

// canonical is the name as the agent itself spells it.
func (l *loader) canonical(name string) string {
	if a := l.agent(name); a != nil {
		return a.Name
	}
	return name
}

// takeTriggers moves the active triggers into the configuration.
func (l *loader) takeTriggers() {
	l.cfg.Runtime.DefaultAgent = l.canonical(l.cfg.Runtime.DefaultAgent)
	for _, t := range l.triggers {
		if t.inactive != "" {
			l.diags = append(l.diags, Diagnostic{
				Severity: SeverityWarning, Pos: t.Pos,
				Text: fmt.Sprintf("the trigger %s is inactive: %s", t.Name, t.inactive),
			})
			l.diags = append(l.diags, asWarnings(t.diags)...)
			continue
		}
		l.diags = append(l.diags, t.diags...)
		t.DefaultAgent = l.canonical(t.DefaultAgent)
		for i := range t.Rules {
			t.Rules[i].Agent = l.canonical(t.Rules[i].Agent)
		}
		for i := range t.Commands {
			t.Commands[i].Agent = l.canonical(t.Commands[i].Agent)
		}
		l.cfg.Triggers = append(l.cfg.Triggers, t.Trigger)
	}
}

// takeAgents moves the agents into the configuration. One that cannot be used stops the daemon only when
// somebody is routed to it.
func (l *loader) takeAgents(referenced map[string]bool, missing bool) {
	lenient := func(needed bool) bool { return !needed && !l.settings.ValidateOnly && !l.settings.Strict }
	for _, a := range l.agents {
		switch {
		case !a.diags.HasErrors():
			l.cfg.Agents = append(l.cfg.Agents, a.Agent)
			l.diags = append(l.diags, a.diags...)
		case lenient(referenced[strings.ToLower(a.Name)] || a.Name == "" && missing):
			l.diags = append(l.diags, Diagnostic{
				Severity: SeverityWarning, Pos: a.Pos, Text: fmt.Sprintf("the agent %s is left out", cmp.Or(a.Name, "without a name")),
			})
			l.diags = append(l.diags, asWarnings(a.diags)...)
		default:
			l.diags = append(l.diags, a.diags...)
		}
	}
	if lenient(missing || len(l.agents) == 0) {
		l.unreadable = asWarnings(l.unreadable)
	}
	l.diags = append(l.diags, l.unreadable...)
}

func asWarnings(ds Diagnostics) Diagnostics {
	out := slices.Clone(ds)
	for i := range out {
		out[i].Severity = SeverityWarning
	}
	return out
}
