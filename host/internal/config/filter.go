package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// readConfig sorts the keys of spec.config: filters are the host's, all others are handed to the platform's
// plugin.
func (t *triggerDraft) readConfig(p place) {
	if !p.isMapping() {
		return
	}
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		key, value := p.node.Content[i], p.node.Content[i+1]
		if row, ours := rows[p.ref+"."+key.Value]; !ours || strings.HasPrefix(key.Value, "<") {
			t.pairs = append(t.pairs, pair{key.Value, key, value, p.src})
		} else if row.unenforced {
			t.inactive = "the filter " + key.Value + " is not supported yet"
		} else if row.Unused {
			warnUnused([]place{p.child(key.Value)})
		}
	}
	f := &t.Filter
	f.Events = append(f.Events, p.events()...)
	f.Patterns = append(f.Patterns, p.patterns()...)
	for _, name := range []string{"users", "allowed_users", "allowed_numbers"} {
		p.child(name).narrow(&f.Users)
	}
	for _, name := range []string{"channels", "chat_ids", "allowed_groups"} {
		p.child(name).narrow(&f.Channels)
	}
	for _, q := range t.pairs {
		if v, ok := q.resolve(p.l.settings.env); ok && v != "" && q.property() == accountKey && len(f.Accounts) == 0 {
			f.Accounts = []string{v}
		}
	}
}

// events are the kinds of messages that a trigger takes.
func (p place) events() []string {
	known := []string{"message", "interactive"}
	list := p.child("events")
	out := list.filter(func(_ place, s string) (string, bool) { return strings.ToLower(s), true })
	for _, e := range out {
		if meant := nearest(e, known); meant != "" && meant != e {
			list.warnf("did you mean "+meant+"?", "%s: no message has the kind %s", list.key, e)
		}
	}
	return out
}

func (p place) patterns() []*regexp.Regexp {
	var out []*regexp.Regexp
	p.child("patterns").filter(func(item place, s string) (string, bool) {
		re, err := regexp.Compile(s)
		if err != nil {
			why := "it cannot be read"
			if se, ok := errors.AsType[*syntax.Error](err); ok {
				why = se.Code.String()
			}
			item.errorf("the syntax is RE2: no look-around, no back-references", "%s is no regular expression: %s", item.key, why)
			return "", false
		}
		out = append(out, re)
		return s, true
	})
	return out
}

// narrow adds a list of ids to a filter. All filters of a trigger must hold, so a second list leaves what is
// in both.
func (p place) narrow(ids *[]string) {
	isPhone := strings.HasSuffix(p.key, "allowed_numbers")
	list := p.filter(func(item place, s string) (string, bool) {
		id := NormalID(s)
		if isPhone && !phone.MatchString(id) && !scopedID.MatchString(id) {
			item.errorf("write it with the country code, such as +49 170 1234567", "%s is no phone number", item.key)
			return "", false
		}
		return id, true
	})
	switch {
	case len(list) == 0:
	case *ids == nil:
		*ids = list
	default:
		*ids = slices.DeleteFunc(*ids, func(id string) bool { return !slices.Contains(list, id) })
		if len(*ids) == 0 {
			p.errorf("", "%s has nobody in common with the lists above, so that no message passes", p.key)
		}
	}
}

var (
	phone     = regexp.MustCompile(`^\d{7,15}$`)
	scopedID  = regexp.MustCompile(`^[A-Z]{2}\.[A-Za-z0-9.]+$`)
	phoneLike = regexp.MustCompile(`^[+\d(][\d\s().-]*$`)
	notDigit  = regexp.MustCompile(`\D`)
)

// NormalID returns the form in which ids of users and chats are compared: a phone number, however it is
// written, becomes its digits with the country code; everything else stays as it is.
func NormalID(id string) string {
	id = strings.TrimSpace(id)
	if !phoneLike.MatchString(id) {
		return id
	}
	digits := notDigit.ReplaceAllString(id, "")
	return cmp.Or(strings.TrimPrefix(digits, "00"), digits)
}

// filter returns the entries of a filter. One whose variable is not set is dropped with a warning, but a
// list that is or becomes empty is an error: it must not mean that everything passes.
func (p place) filter(take func(item place, s string) (string, bool)) []string {
	if !p.named {
		return nil
	}
	var out []string
	failed := false
	for _, item := range p.items() {
		item.ref = p.ref
		s, dropped, ok := item.member()
		if ok && !dropped {
			s, ok = take(item, s)
		}
		failed = failed || !ok
		if ok && !dropped {
			out = append(out, s)
		}
	}
	if isList := p.node == nil || p.node.Kind == yaml.SequenceNode; len(out) == 0 && !failed && isList {
		p.errorf("remove the key to let everything pass", "%s is empty, so that nothing passes", p.key)
	}
	return out
}

// member returns an entry of a list; dropped means that its variable is not set.
func (p place) member() (text string, dropped, ok bool) {
	if p.node != nil && p.node.Value != "" {
		if e := expand(p.node.Value, p.l.settings.env); e.bad == "" && len(e.unset) > 0 {
			p.warnf(fmt.Sprintf("set %s, or remove the entry", e.unset[0].name),
				"%s is left out: the environment variable %s is not set", p.key, e.unset[0].name)
			return "", true, true
		}
	}
	text = p.required()
	return text, false, text != ""
}
