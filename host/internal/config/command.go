package config

import (
	"slices"
	"strings"
)

// builtin binds a command to the daemon's own of the same name.
const builtin = "builtin"

// builtins are the daemon's own commands with their short forms.
var builtins = []string{
	"help", "h", "start", "agents", "agent", "context", "ctx", "run", "execute", "status", "check", "info", "list",
	"ls", "show", "cancel", "stop", "abort", "clear", "forget", "reset", "new", "approve", "deny", "whoami",
	"fleet", "fleets", "team", "flows",
}

// fixed are commands that nobody can take over: they are there for safety.
var fixed = []string{"approve", "deny", "cancel", "stop", "clear", "reset", "new"}

// readCommand reads one entry of spec.commands.
func (t *triggerDraft) readCommand(e entry) {
	c := Command{Name: strings.ToLower(strings.TrimPrefix(strings.TrimSpace(e.name), "/")), Pos: e.src.pos(e.at)}
	fail := func(hint, format string, args ...any) { e.report(SeverityError, c.Pos, hint, format, args...) }
	switch {
	case c.Name == "" || strings.ContainsAny(c.Name, " \t\r\n/"):
		fail("write it like /name", "%s is no name of a command", e.key)
		return
	case slices.ContainsFunc(t.Commands, func(o Command) bool { return o.Name == c.Name }):
		fail("", "the command /%s is bound twice", c.Name)
		return
	case !e.given():
		fail("write "+e.name+": {agent: NAME}", "%s is empty", e.key)
		return
	case !e.isMapping():
		return
	}
	e.knownKeys()
	c.Description = e.child("description").str()
	t.bind(&c, e)
	if slices.Contains(fixed, c.Name) && c.Agent != builtin {
		e.report(SeverityWarning, c.Pos, "", "/%s is always the daemon's own command; the binding only gives its help text", c.Name)
		c.Agent, c.NotRun = builtin, ""
	}
	if c.Agent == builtin && !slices.Contains(builtins, c.Name) {
		fail(didYouMean(c.Name, builtins), "there is no built-in command /%s", c.Name)
	}
	t.Commands = append(t.Commands, c)
}

// bind reads what a command leads to: a flow, else a fleet, else an agent.
func (t *triggerDraft) bind(c *Command, e entry) {
	agent := e.child("agent")
	var targets []string
	for _, kind := range []string{"flow", "fleet"} {
		if name := e.child(kind).str(); name != "" {
			targets = append(targets, kind+" "+name)
		}
	}
	switch {
	case len(targets) > 0:
		c.NotRun = targets[0]
		e.report(SeverityWarning, c.Pos, "bind it to an agent",
			"/%s needs %s, which this daemon does not run: users are told so", c.Name, c.NotRun)
		if len(targets) > 1 || agent.given() {
			e.report(SeverityWarning, c.Pos, "keep one", "/%s is bound more than once: the %s counts", c.Name, targets[0])
		}
	case !agent.given() && slices.Contains(fixed, c.Name):
		c.Agent = builtin
	case !agent.given():
		e.report(SeverityError, c.Pos, "", "%s.agent is required", e.key)
	default:
		c.Agent = agent.required()
		if strings.EqualFold(c.Agent, builtin) {
			c.Agent = builtin
			return
		}
		if !slices.Contains(fixed, c.Name) {
			t.refs = append(t.refs, agentRef{agent.key, c.Agent, agent.pos()})
		}
	}
}
