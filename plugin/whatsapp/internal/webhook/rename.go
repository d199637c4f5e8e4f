package webhook

import "github.com/aof-dev/aofd/sdk/chat"

// userIDs makes an event of each change of a user id that the field user_id_update tells of. The host needs it to
// go on with a conversation under the new id. An id that is not on the list of those who may write is not put there:
// the event comes with a refusal like any other message.
func (r *reading) userIDs(path, account string, en entry, part raw) {
	elements, ok := part.list()
	if !ok {
		r.issue(path+"/user_id_update", MalformedValue, "user_id_update is not a list", part)
		return
	}
	for i, e := range elements {
		path := nth(path+"/user_id_update", i)
		m, ok := e.object()
		if !ok || !readable(e) {
			r.issue(path, MalformedMember, "the change of a user id is not an object of right UTF-8", e)
			continue
		}
		found := false
		for _, name := range []string{"user_id", "parent_user_id"} {
			ids := m.in(name)
			previous, current := ids.word("previous"), ids.word("current")
			if previous != "" && current != "" {
				r.userID(account, en, m, e, chat.System{
					Type: userIDChanged, Text: m.word("detail"), PreviousID: previous, CurrentID: current,
				})
				found = true
			}
		}
		if !found {
			r.issue(path, MalformedMember, "the change of a user id does not name the ids before and after it", e)
		}
	}
}

// userID is one change. Where Meta does not say which number it concerns, it concerns all of them.
func (r *reading) userID(account string, en entry, m members, part raw, s chat.System) {
	var user chat.User
	user.ID, user.Aliases = name([]string{m.word("wa_id"), m.in("user_id").word("current"), m.in("parent_user_id").word("current")})
	out := chat.Message{
		ID: contentID("event-", en, s.PreviousID+" "+s.CurrentID, part), SemanticKey: renamed(&s), Platform: Platform,
		Account: account, ChannelID: user.ID, User: user, Content: chat.Content{System: &s},
		SentAt: seconds(m.word("timestamp")), ReceivedAt: r.receivedAt, Raw: part.bytes(),
		Metadata: map[string]string{"field": "user_id_update"},
	}
	if out.SentAt.IsZero() {
		out.SentAt = seconds(en.time)
	}
	out.Refusal = r.Allow.Refuse(user)
	if account != "" {
		r.out.Messages = append(r.out.Messages, out)
		return
	}
	for _, number := range r.numbers() {
		out.Account = number
		r.out.Messages = append(r.out.Messages, out)
	}
}
