package webhook

import (
	"slices"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/sdk/chat"
)

// sender gathers all that a message tells about who wrote it. ok is false when it tells nothing.
func (v *value) sender(m members) (user chat.User, keyHash string, ok bool) {
	from, fromUser := m.word("from"), m.word("from_user_id")
	if address.IsUserID(from) && fromUser == "" {
		from, fromUser = "", from // seen in the wild
	}
	ids := []string{from, fromUser, m.word("from_parent_user_id")}
	c := v.match(from, fromUser)
	if c == nil && fromUser != "" {
		c = v.match(fromUser, fromUser) // a user id that stands in wa_id
	}
	if c != nil {
		ids = []string{from, c.waID, fromUser, c.userID, ids[2], c.parentUserID}
		user.Username = strings.TrimPrefix(c.username, "@")
		user.DisplayName = c.name
		keyHash = c.identityKeyHash
	}
	if m.word("type") == "system" {
		s := m.in("system")
		ids = append(ids, s.word("customer"))
		// Whoever has another user id is known by the new one. Whoever has another phone number still writes from
		// the old one here.
		if s.word("type") == userIDChanged || !slices.ContainsFunc(ids, nonempty) {
			ids = append(ids, s.word("wa_id"), s.word("user_id"), s.word("parent_user_id"))
		}
	}
	user.ID, user.Aliases = name(ids)
	return user, keyHash, user.ID != ""
}

func nonempty(s string) bool { return s != "" }

// name picks the id that stands for a user: a phone number where there is one, as an answer to it works
// everywhere, else the first id. The others become aliases.
func name(ids []string) (id string, aliases []string) {
	for _, s := range ids {
		s = strings.TrimPrefix(s, "+")
		if s != "" && !slices.Contains(aliases, s) {
			aliases = append(aliases, s)
		}
	}
	if len(aliases) == 0 {
		return "", nil
	}
	i := max(slices.IndexFunc(aliases, address.IsDigits), 0)
	id = aliases[i]
	aliases = slices.Delete(aliases, i, i+1)
	if len(aliases) == 0 {
		return id, nil
	}
	return id, aliases
}
