package ingress

import (
	"net/url"
	"slices"
	"strings"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Conversation returns the key of the chat that a message belongs to: platform, account, channel and
// thread, each escaped, joined by slashes.
func Conversation(m chat.Message) string { return key(m, m.ChannelID) }

// key is that of a chat with another channel.
func key(m chat.Message, channel string) string {
	parts := []string{m.Platform, m.Account, channel}
	if m.ThreadID != "" {
		parts = append(parts, m.ThreadID)
	}
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// Aliases returns the other keys under which the chat of a message may be known: in a direct chat, one for each
// id of its user, and for each id that the user had before. They only say which conversation goes on; who is
// allowed to write is decided by the ids of each message itself.
func Aliases(m chat.Message) (keys []string) {
	if !m.Direct() {
		return nil
	}
	ids := append([]string{m.User.ID}, m.User.Aliases...)
	if s := m.Content.System; s != nil {
		ids = append(ids, s.CurrentID, s.PreviousID)
	}
	for _, id := range ids {
		if k := key(m, id); id != "" && id != m.ChannelID && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}
