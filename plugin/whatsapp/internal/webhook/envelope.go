package webhook

import "fmt"

// subject is what every webhook of WhatsApp is about.
const subject = "whatsapp_business_account"

// entry is what is said of one WhatsApp Business account.
type entry struct {
	id   string
	time string // seconds; mostly empty
}

// change is one thing that is said of it.
type change struct {
	field string
	value raw
}

// envelope reads the outside.
func (r *reading) envelope(body raw) {
	top, ok := body.object()
	switch {
	case !ok && !body.absent():
		r.issue("", ParseFailed, "the body is not a JSON object", body)
		return
	case top.word("object") != subject:
		r.issue("/object", ParseFailed, fmt.Sprintf("the webhook is about %.40q, not about %q", top.word("object"), subject), body)
		return
	}
	entries, ok := top.get("entry").list()
	switch {
	case !ok:
		r.issue("/entry", MalformedEntry, "entry is not a list", top.get("entry"))
	case len(entries) == 0:
		r.issue("/entry", MalformedEntry, "the webhook has no entry", body)
	}
	for i, part := range entries {
		r.entry(nth("/entry", i), part)
	}
}

func (r *reading) entry(path string, part raw) {
	m, ok := part.object()
	if !ok {
		r.issue(path, MalformedEntry, "the entry is not an object", part)
		return
	}
	changes, ok := m.get("changes").list()
	if !ok || len(changes) == 0 {
		r.issue(path, MalformedEntry, "the entry has no list of changes", part)
	}
	en := entry{m.word("id"), m.word("time")}
	for j, part := range changes {
		path := nth(path+"/changes", j)
		c, ok := part.object()
		if !ok {
			r.issue(path, MalformedChange, "the change is not an object", part)
			continue
		}
		r.change(path, en, change{c.word("field"), c.get("value")})
	}
}

func (r *reading) change(path string, en entry, c change) {
	switch {
	case c.field == "":
		r.issue(path, MalformedChange, "the change does not name a field", c.value)
	case c.field == "messages":
		r.live(path+"/value", en, c.value)
	default:
		r.notice(path+"/value", en, c)
	}
}
