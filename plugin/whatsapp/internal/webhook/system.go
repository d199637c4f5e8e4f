package webhook

import (
	"regexp"

	"github.com/aof-dev/aofd/sdk/chat"
)

// changed finds the ids in the sentence that tells of a change of them, where no member has the old one.
var changed = regexp.MustCompile(`\bfrom (\S+) to (\S+?)\.?$`)

// system is news about a user: another phone number, another user id, another device.
func system(p part, out *chat.Message) error {
	m, ok := p.member.object()
	if !ok {
		return errNoObject
	}
	s := &chat.System{Type: m.word("type"), Text: m.word("body")}
	if s.Type == "" {
		s.Type = "unknown"
	}
	out.Content.System = s
	identity := m.in("identity")
	set(out, "identity_key_hash", identity.word("hash"))
	set(out, "identity_acknowledged", identity.word("acknowledged"))
	switch s.Type {
	case "user_changed_number", "customer_changed_number":
		s.PreviousID = either(p.message.word("from"), m.word("customer"))
		s.CurrentID = either(m.word("wa_id"), m.word("new_wa_id"))
	case userIDChanged:
		s.PreviousID, s.CurrentID = p.message.word("from_user_id"), m.word("user_id")
		set(out, "parent_user_id", m.word("parent_user_id"))
		set(out, "wa_id", m.word("wa_id"))
	default:
		return nil
	}
	if said := changed.FindStringSubmatch(s.Text); said != nil {
		if s.PreviousID == "" || s.PreviousID == s.CurrentID {
			s.PreviousID = said[1]
		}
		s.CurrentID = either(s.CurrentID, said[2])
	}
	out.SemanticKey = renamed(s)
	return nil
}

// userIDChanged is Meta's type of the event that a user has another user id.
const userIDChanged = "user_changed_user_id"

// renamed is the same for all that tell of one change of an id: Meta tells it as a message and in a field of its
// own. It is empty when the change is not known.
func renamed(s *chat.System) string {
	if s.PreviousID == "" || s.CurrentID == "" {
		return ""
	}
	return "renamed:" + s.PreviousID + ":" + s.CurrentID
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// edit says that the user has changed an earlier message.
func edit(p part, out *chat.Message) error {
	m, ok := p.member.object()
	if !ok {
		return errNoObject
	}
	s := &chat.System{Type: "edit", TargetMessageID: m.word("original_message_id")}
	out.Content.System = s
	now := m.in("message")
	kind := now.word("type")
	body := now.in(kind)
	s.Text = either(body.word("body"), body.word("caption"))
	set(out, "edited_type", kind)
	return nil
}

// revoke says that the user has deleted an earlier message.
func revoke(p part, out *chat.Message) error {
	m, ok := p.member.object()
	if !ok {
		return errNoObject
	}
	out.Content.System = &chat.System{Type: "revoke", TargetMessageID: m.word("original_message_id")}
	return nil
}

// requestWelcome says that somebody has opened the chat for the first time.
func requestWelcome(_ part, out *chat.Message) error {
	out.Content.System = &chat.System{Type: "request_welcome"}
	return nil
}
