package webhook

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
)

// value is what a change of the field "messages" holds.
type value struct {
	Metadata metadata          `json:"metadata"`
	Contacts []contact         `json:"contacts"`
	Messages []json.RawMessage `json:"messages"`
	Statuses []json.RawMessage `json:"statuses"`
	Errors   []json.RawMessage `json:"errors"`
}

type metadata struct {
	PhoneNumberID graph.Scalar `json:"phone_number_id"`
}

// contact is who a message is from.
type contact struct {
	Profile         profile      `json:"profile"`
	WaID            graph.Scalar `json:"wa_id"`
	UserID          graph.Scalar `json:"user_id"`
	ParentUserID    graph.Scalar `json:"parent_user_id"`
	IdentityKeyHash graph.Scalar `json:"identity_key_hash"`
}

type profile struct {
	Name     graph.Scalar `json:"name"`
	Username graph.Scalar `json:"username"`
}

// live reads the value of a change of the field "messages".
func (r *reading) live(path string, en entry, raw json.RawMessage) {
	if len(raw) == 0 || raw[0] != '{' {
		r.issue(path, MalformedValue, "the value of the change is not an object", raw)
		return
	}
	v := r.value(path, raw)
	account := string(v.Metadata.PhoneNumberID)
	if !r.ours(path, account, fmt.Sprintf("%d messages and %d statuses", len(v.Messages), len(v.Statuses))) {
		return
	}
	if len(v.Messages)+len(v.Statuses)+len(v.Errors) == 0 {
		r.issue(path, MalformedValue, "the value has no messages, statuses or errors", raw)
	}
	for i, m := range v.Messages {
		r.message(nth(path+"/messages", i), m, &v)
	}
	for i, s := range v.Statuses {
		r.status(nth(path+"/statuses", i), s, account)
	}
	for i, e := range v.Errors {
		r.accountError(nth(path+"/errors", i), en, e, account)
	}
}

// value decodes in one go, or member by member when one has a wrong shape.
func (r *reading) value(path string, raw json.RawMessage) (v value) {
	if json.Unmarshal(raw, &v) == nil {
		return v
	}
	v = value{}
	members, _ := object(raw) // it begins like an object and is valid JSON
	if len(members["metadata"]) > 0 && json.Unmarshal(members["metadata"], &v.Metadata) != nil {
		r.issue(path+"/metadata", MalformedValue, "metadata is not an object", members["metadata"])
	}
	elements := func(name string) []json.RawMessage {
		l, ok := list(members[name])
		if !ok {
			r.issue(at(path, name), MalformedValue, name+" is not a list", members[name])
		}
		return l
	}
	v.Messages, v.Statuses, v.Errors = elements("messages"), elements("statuses"), elements("errors")
	for i, c := range elements("contacts") {
		var one contact
		if json.Unmarshal(c, &one) != nil {
			r.issue(nth(path+"/contacts", i), MalformedMember, "the contact has a wrong shape; only its ids are used", c)
			one = contactPieces(c)
		}
		v.Contacts = append(v.Contacts, one)
	}
	return v
}

// contactPieces keeps the ids of a contact whose profile is broken.
func contactPieces(raw json.RawMessage) contact {
	members, _ := object(raw)
	return contact{
		WaID:         graph.Scalar(word(members["wa_id"])),
		UserID:       graph.Scalar(word(members["user_id"])),
		ParentUserID: graph.Scalar(word(members["parent_user_id"])),
	}
}

// ours reports whether a value is for a configured number; if not, it says so.
func (r *reading) ours(path, account, dropped string) bool {
	switch {
	case r.Accounts[account]:
		return true
	case account == "":
		r.issue(path, AccountMissing, "nothing says which phone number it is for; "+dropped+" dropped", nil)
	default:
		// What another number received is not ours to keep, so there is no raw part.
		r.issue(path, UnknownAccount, fmt.Sprintf("phone number id %.40q is not configured here; %s dropped",
			account, dropped), nil)
	}
	return false
}

// match finds the contact of a message. A lone contact belongs to it even when the phone numbers differ in
// the digits that some countries have added or dropped, but never to somebody else's message.
func (v *value) match(phone, user string) *contact {
	for i := range v.Contacts {
		c := &v.Contacts[i]
		if phone != "" && string(c.WaID) == phone || user != "" && string(c.UserID) == user {
			return c
		}
	}
	if len(v.Contacts) != 1 {
		return nil
	}
	c := &v.Contacts[0]
	switch wa := string(c.WaID); {
	case user != "" && c.UserID != "":
		return nil // two people
	case phone != "" && wa != "":
		if similar(phone, wa) {
			return c
		}
		return nil
	case len(v.Messages) == 1:
		return c
	}
	return nil
}

// similar reports whether two phone numbers end in the same eight digits.
func similar(a, b string) bool {
	const n = 8
	return len(a) > n && len(b) > n && a[len(a)-n:] == b[len(b)-n:] && address.IsDigits(a) && address.IsDigits(b)
}

// readable reports whether a part has right bytes; the JSON decoder would replace wrong ones silently.
func readable(raw []byte) bool { return utf8.Valid(raw) }
