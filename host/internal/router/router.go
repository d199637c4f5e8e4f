package router

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/cases"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Router decides by the active triggers and their rules. It is read-only and may be used by many goroutines.
type Router struct {
	triggers     map[string][]config.Trigger // by platform, in the order of the configuration
	defaultAgent string
}

// New returns a router over the active triggers, which it leaves as they are. defaultAgent may be empty.
func New(triggers []config.Trigger, defaultAgent string) *Router {
	r := &Router{triggers: map[string][]config.Trigger{}, defaultAgent: defaultAgent}
	for _, t := range triggers {
		t.Rules = slices.Clone(t.Rules)
		for i, rule := range t.Rules {
			t.Rules[i].TextContains = folded(rule.TextContains)
		}
		r.triggers[t.Platform] = append(r.triggers[t.Platform], t)
	}
	return r
}

func folded(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fold(w)
	}
	return out
}

// fold makes texts equal that differ in case only, in any script.
func fold(s string) string { return cases.Fold().String(s) }

// Match returns the trigger that takes the message: the one with the most specific filters that all hold; of
// equal ones the first. A platform without triggers has an empty one, which takes everything; it also takes
// what only the patterns of triggers leave out. ok is false when the people, chats, accounts or kinds of all
// triggers are others.
func (r *Router) Match(m chat.Message) (t config.Trigger, ok bool) {
	all := r.triggers[m.Platform]
	if len(all) == 0 {
		return config.Trigger{Platform: m.Platform}, true
	}
	best := -1
	for _, c := range all {
		if n, holds := score(c.Filter, m); holds && n > best {
			t, best = c, n
		}
	}
	if best >= 0 {
		return t, true
	}
	// Words that no trigger is about are for the daemon's default; people that no trigger is for are not.
	return config.Trigger{Platform: m.Platform}, slices.ContainsFunc(all, func(c config.Trigger) bool {
		c.Filter.Patterns = nil
		_, holds := score(c.Filter, m)
		return holds
	})
}

// score says how specific a filter is, and whether all of it holds. A chat counts more than a user, a user
// more than words, and any two of them more than one.
func score(f config.Filter, m chat.Message) (n int, holds bool) {
	if len(f.Channels) > 0 {
		if n += 100; !slices.Contains(f.Channels, config.NormalID(m.ChannelID)) {
			return 0, false
		}
	}
	if len(f.Users) > 0 {
		if n += 80; !slices.ContainsFunc(append([]string{m.User.ID}, m.User.Aliases...), func(id string) bool {
			return slices.Contains(f.Users, config.NormalID(id))
		}) {
			return 0, false
		}
	}
	if len(f.Patterns) > 0 {
		n += 60
		matched := false
		for _, p := range f.Patterns {
			matched = matched || p.MatchString(m.Text)
		}
		if !matched {
			return 0, false
		}
	}
	if len(f.Accounts) > 0 && !slices.Contains(f.Accounts, m.Account) {
		return 0, false
	}
	return n, len(f.Events) == 0 || slices.Contains(f.Events, event(m))
}

// event is what filters call a message.
func event(m chat.Message) string {
	if m.Content.Interaction != nil {
		return "interactive"
	}
	return "message"
}

// Rule returns the agent of the first rule of the trigger that holds, and why; empty when none does. Rules
// are about words that somebody wrote, so a tap matches none.
func (r *Router) Rule(t config.Trigger, m chat.Message) (agent, why string) {
	if m.Content.Interaction != nil {
		return "", ""
	}
	text := fold(m.Text)
	for _, rule := range t.Rules {
		for _, word := range rule.TextContains {
			if strings.Contains(text, word) {
				return rule.Agent, fmt.Sprintf("the rule in %s: the text contains %q", rule.Pos, word)
			}
		}
	}
	return "", ""
}

// Default returns the agent that answers when nothing else decides; empty when there is none.
func (r *Router) Default(t config.Trigger) (agent, why string) {
	switch {
	case t.DefaultAgent != "":
		return t.DefaultAgent, fmt.Sprintf("the default agent of the trigger %s, %s", t.Name, t.DefaultPos)
	case r.defaultAgent != "":
		return r.defaultAgent, "the default agent of the daemon"
	}
	return "", ""
}
