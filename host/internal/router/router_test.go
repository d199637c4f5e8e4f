package router_test

import (
	"regexp"
	"testing"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/host/internal/router"
	"github.com/aof-dev/aofd/sdk/chat"
)

func said(text string) chat.Message {
	return chat.Message{Platform: "p", Account: "a", ChannelID: "4915112345678", User: chat.User{ID: "4915112345678", Aliases: []string{"US.1"}}, Text: text}
}

func tapped(id string) chat.Message {
	m := said("button:" + id)
	m.Content.Interaction = &chat.Interaction{Kind: chat.InteractionButton, ID: id}
	return m
}

func TestFirstRuleThatHoldsWins(t *testing.T) {
	t.Parallel()
	trigger := config.Trigger{Platform: "p", Rules: []config.Rule{
		{TextContains: []string{"Pod", "ÄRGER", "straße"}, Agent: "cluster"},
		{TextContains: []string{"pod bill", "bill"}, Agent: "cost"},
	}}
	r := router.New([]config.Trigger{trigger}, "")
	for text, want := range map[string]string{
		"show PODS":           "cluster",
		"pod bill":            "cluster", // the first rule, not the longest word
		"my bill":             "cost",
		"so viel ärger":       "cluster",
		"in der STRASSE":      "cluster", // folded, not only lowered
		"nothing of the kind": "",
		"":                    "",
	} {
		if got, _ := r.Rule(mustMatch(t, r, said(text)), said(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got, _ := r.Rule(mustMatch(t, r, tapped("pod")), tapped("pod")); got != "" {
		t.Errorf("a tap matched the rule of %s", got)
	}
}

func mustMatch(t *testing.T, r *router.Router, m chat.Message) config.Trigger {
	t.Helper()
	trigger, ok := r.Match(m)
	if !ok {
		t.Fatalf("no trigger takes %+v", m)
	}
	return trigger
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	with := router.New([]config.Trigger{{Platform: "p", Name: "t", DefaultAgent: "own"}}, "general")
	if got, why := with.Default(mustMatch(t, with, said("x"))); got != "own" || why == "" {
		t.Errorf("got %q, %q", got, why)
	}
	without := router.New(nil, "general")
	if got, _ := without.Default(mustMatch(t, without, said("x"))); got != "general" {
		t.Errorf("got %q", got)
	}
	none := router.New(nil, "")
	if got, _ := none.Default(mustMatch(t, none, said("x"))); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		filter config.Filter
		holds  bool
	}{
		"none":               {config.Filter{}, true},
		"user":               {config.Filter{Users: []string{"4915112345678"}}, true},
		"user by alias":      {config.Filter{Users: []string{"US.1"}}, true},
		"another user":       {config.Filter{Users: []string{"1"}}, false},
		"channel":            {config.Filter{Channels: []string{"4915112345678"}}, true},
		"another channel":    {config.Filter{Channels: []string{"1"}}, false},
		"pattern":            {config.Filter{Patterns: []*regexp.Regexp{regexp.MustCompile("^no$"), regexp.MustCompile("^h.llo")}}, true},
		"another pattern":    {config.Filter{Patterns: []*regexp.Regexp{regexp.MustCompile("^no$")}}, true}, // the daemon's default
		"pattern and user":   {config.Filter{Patterns: []*regexp.Regexp{regexp.MustCompile("^no$")}, Users: []string{"1"}}, false},
		"account":            {config.Filter{Accounts: []string{"a"}}, true},
		"another account":    {config.Filter{Accounts: []string{"b"}}, false},
		"event":              {config.Filter{Events: []string{"message"}}, true},
		"another event":      {config.Filter{Events: []string{"interactive"}}, false},
		"one of all missing": {config.Filter{Users: []string{"4915112345678"}, Channels: []string{"1"}}, false},
	} {
		r := router.New([]config.Trigger{{Platform: "p", Filter: c.filter}}, "")
		if _, ok := r.Match(said("hello")); ok != c.holds {
			t.Errorf("%s: got %v", name, ok)
		}
	}
	r := router.New([]config.Trigger{{Platform: "p", Filter: config.Filter{Events: []string{"interactive"}}}}, "")
	if _, ok := r.Match(tapped("x")); !ok {
		t.Error("a tap is not interactive")
	}
}

func TestMostSpecificTriggerWins(t *testing.T) {
	t.Parallel()
	r := router.New([]config.Trigger{
		{Platform: "p", Name: "general"},
		{Platform: "p", Name: "pattern", Filter: config.Filter{Patterns: []*regexp.Regexp{regexp.MustCompile("vip")}}},
		{Platform: "p", Name: "user", Filter: config.Filter{Users: []string{"4915112345678"}}},
		{Platform: "p", Name: "user again", Filter: config.Filter{Users: []string{"4915112345678"}}},
		{Platform: "q", Name: "other platform"},
	}, "")
	if got := mustMatch(t, r, said("vip")).Name; got != "user" {
		t.Errorf("got %s", got)
	}
	other := said("vip")
	other.User = chat.User{ID: "1"}
	if got := mustMatch(t, r, other).Name; got != "pattern" {
		t.Errorf("got %s", got)
	}
	other.Platform = "none"
	if got := mustMatch(t, r, other); got.Name != "" {
		t.Errorf("a platform without triggers: %s", got.Name)
	}
}
