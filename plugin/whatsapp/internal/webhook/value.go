package webhook

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
)

// value is what a change of the field "messages" holds.
type value struct {
	account  string
	contacts []contact
	messages []raw
	statuses []raw
	errors   []raw
}

// contact is who a message is from.
type contact struct {
	name, username             string
	waID, userID, parentUserID string
	identityKeyHash            string
}

// live reads the value of a change of the field "messages".
func (r *reading) live(path string, en entry, part raw) {
	m, ok := part.object()
	if !ok {
		r.issue(path, MalformedValue, "the value of the change is not an object", part)
		return
	}
	v := r.value(path, m)
	if !r.ours(path, v.account, fmt.Sprintf("%d messages and %d statuses", len(v.messages), len(v.statuses))) {
		return
	}
	if len(v.messages)+len(v.statuses)+len(v.errors) == 0 {
		r.issue(path, MalformedValue, "the value has no messages, statuses or errors", part)
	}
	r.out.Messages = slices.Grow(r.out.Messages, len(v.messages))
	for i, m := range v.messages {
		r.message(nth(path+"/messages", i), m, &v)
	}
	r.out.Receipts = slices.Grow(r.out.Receipts, len(v.statuses))
	for i, s := range v.statuses {
		r.status(nth(path+"/statuses", i), s, v.account)
	}
	for i, e := range v.errors {
		r.accountError(nth(path+"/errors", i), en, e, v.account)
	}
}

// value takes a value apart. What of it has a wrong shape is an issue and costs nothing else.
func (r *reading) value(path string, m members) (v value) {
	about := m.get("metadata")
	if known, ok := about.object(); ok {
		v.account = known.word("phone_number_id")
	} else if !about.absent() {
		r.issue(path+"/metadata", MalformedValue, "metadata is not an object", about)
	}
	elements := func(name string) []raw {
		l, ok := m.get(name).list()
		if !ok {
			r.issue(at(path, name), MalformedValue, name+" is not a list", m.get(name))
		}
		return l
	}
	v.messages, v.statuses, v.errors = elements("messages"), elements("statuses"), elements("errors")
	for i, part := range elements("contacts") {
		c, ok := part.object()
		profile, named := c.get("profile").object()
		if !ok || !named && !c.get("profile").absent() {
			r.issue(nth(path+"/contacts", i), MalformedMember, "the contact has a wrong shape; only its ids are used", part)
		}
		v.contacts = append(v.contacts, contact{
			name: profile.word("name"), username: profile.word("username"), waID: c.word("wa_id"), userID: c.word("user_id"),
			parentUserID: c.word("parent_user_id"), identityKeyHash: c.word("identity_key_hash"),
		})
	}
	return v
}

// ours reports whether a value is for a configured number; if not, it says so.
func (r *reading) ours(path, account, dropped string) bool {
	switch {
	case r.Accounts[account]:
		return true
	case account == "":
		r.issue(path, AccountMissing, "nothing says which phone number it is for; "+dropped+" dropped", "")
	default:
		// What another number received is not ours to keep, so there is no raw part.
		r.issue(path, UnknownAccount, fmt.Sprintf("phone number id %.40q is not configured here; %s dropped",
			account, dropped), "")
	}
	return false
}

// match finds the contact of a message. A lone contact belongs to it even when the phone numbers differ in
// the digits that some countries have added or dropped, but never to somebody else's message.
func (v *value) match(phone, user string) *contact {
	for i := range v.contacts {
		c := &v.contacts[i]
		if phone != "" && c.waID == phone || user != "" && c.userID == user {
			return c
		}
	}
	if len(v.contacts) != 1 {
		return nil
	}
	c := &v.contacts[0]
	switch wa := c.waID; {
	case user != "" && c.userID != "":
		return nil // two people
	case phone != "" && wa != "":
		if similar(phone, wa) {
			return c
		}
		return nil
	case len(v.messages) == 1:
		return c
	}
	return nil
}

// similar reports whether two phone numbers end in the same eight digits.
func similar(a, b string) bool {
	const n = 8
	return len(a) > n && len(b) > n && a[len(a)-n:] == b[len(b)-n:] && address.IsDigits(a) && address.IsDigits(b)
}

// readable reports whether a part has right bytes; wrong ones would be replaced silently.
func readable(part raw) bool { return utf8.ValidString(string(part)) }
