package webhook

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
)

// subject is what every webhook of WhatsApp is about.
const subject = "whatsapp_business_account"

// envelope is the outside of a webhook as Meta documents it.
type envelope struct {
	Object graph.Scalar `json:"object"`
	Entry  []entry      `json:"entry"`
}

type entry struct {
	ID      graph.Scalar `json:"id"` // of the WhatsApp Business account
	Time    graph.Scalar `json:"time"`
	Changes []change     `json:"changes"`
}

type change struct {
	Field graph.Scalar    `json:"field"`
	Value json.RawMessage `json:"value"`
}

// envelope reads the outside in one go. Only when a part of it has a wrong shape it is taken apart piece
// by piece, which is slower and finds that part.
func (r *reading) envelope(body []byte) {
	var e envelope
	err := json.Unmarshal(body, &e)
	if _, shape := errors.AsType[*json.UnmarshalTypeError](err); shape {
		r.pieces(body)
		return
	}
	if err != nil {
		r.issue("", ParseFailed, "the body is not JSON: "+err.Error(), body)
		return
	}
	if !r.subject(string(e.Object), body) {
		return
	}
	if len(e.Entry) == 0 {
		r.issue("/entry", MalformedEntry, "the webhook has no entry", body)
	}
	for i, en := range e.Entry {
		path := nth("/entry", i)
		if len(en.Changes) == 0 {
			r.issue(path, MalformedEntry, "the entry has no changes", nil)
		}
		for j, c := range en.Changes {
			r.change(nth(path+"/changes", j), en, c)
		}
	}
}

// pieces does the same for an envelope with wrong shapes in it.
func (r *reading) pieces(body []byte) {
	top, ok := object(body)
	if !ok {
		r.issue("", ParseFailed, "the body is not a JSON object", body)
		return
	}
	if !r.subject(word(top["object"]), body) {
		return
	}
	entries, ok := list(top["entry"])
	if !ok {
		r.issue("/entry", MalformedEntry, "entry is not a list", top["entry"])
	}
	for i, raw := range entries {
		r.entryPieces(nth("/entry", i), raw)
	}
}

func (r *reading) entryPieces(path string, raw json.RawMessage) {
	members, ok := object(raw)
	if !ok {
		r.issue(path, MalformedEntry, "the entry is not an object", raw)
		return
	}
	changes, ok := list(members["changes"])
	if !ok || len(changes) == 0 {
		r.issue(path, MalformedEntry, "the entry has no list of changes", raw)
	}
	en := entry{ID: graph.Scalar(word(members["id"])), Time: graph.Scalar(word(members["time"]))}
	for j, raw := range changes {
		path := nth(path+"/changes", j)
		c, ok := object(raw)
		if !ok {
			r.issue(path, MalformedChange, "the change is not an object", raw)
			continue
		}
		r.change(path, en, change{Field: graph.Scalar(word(c["field"])), Value: c["value"]})
	}
}

func (r *reading) subject(is string, body []byte) bool {
	if is == subject {
		return true
	}
	r.issue("/object", ParseFailed, fmt.Sprintf("the webhook is about %.40q, not about %q", is, subject), body)
	return false
}

func (r *reading) change(path string, en entry, c change) {
	switch {
	case c.Field == "":
		r.issue(path, MalformedChange, "the change does not name a field", c.Value)
	case c.Field == "messages":
		r.live(path+"/value", en, c.Value)
	default:
		r.notice(path+"/value", en, c)
	}
}
