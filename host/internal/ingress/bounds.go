package ingress

import (
	"fmt"
	"slices"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

const (
	maxKey = 2048 // bytes of a conversation's key

	// mostAtOnce is how many updates of a webhook are stored in one step: as many as a platform puts into one.
	mostAtOnce = 1000
)

// idTooLong is why a part of a webhook is left out that would be delivered again for ever.
const idTooLong = "ID_TOO_LONG"

// bounded leaves out what has an id that cannot be stored, and tells the log.
func (h *Handler) bounded(b chat.Batch) chat.Batch {
	leave := func(what, which string) {
		h.Metrics.Issue(h.Platform, idTooLong)
		h.Logger.Error("a part of a webhook is dropped, since an id in it is too long to be stored", "platform", h.Platform,
			"part", what, "id", which, "reason", idTooLong, "bytes_at_most", store.MaxID)
	}
	long := func(what string, ids ...string) bool {
		i := slices.IndexFunc(ids, func(id string) bool { return len(id) > store.MaxID })
		if i >= 0 {
			leave(what, fmt.Sprintf("%.40q…, %d bytes", ids[i], len(ids[i])))
		}
		return i >= 0
	}
	b.Messages = slices.DeleteFunc(b.Messages, func(m chat.Message) bool {
		if long("message", m.ID, m.Account, m.ChannelID, m.ThreadID, m.User.ID, m.SemanticKey) || long("message", m.User.Aliases...) {
			return true
		}
		if s := m.Content.System; s != nil && long("message", s.CurrentID, s.PreviousID) {
			return true
		}
		if 3*(len(m.Account)+len(m.ThreadID)+store.MaxID) < maxKey { // however much of it is escaped
			return false
		}
		i := slices.IndexFunc(append(Aliases(m), Conversation(m)), func(key string) bool { return len(key) > maxKey })
		if i >= 0 {
			leave("message", "of a conversation")
		}
		return i >= 0
	})
	b.Receipts = slices.DeleteFunc(b.Receipts, func(r chat.Receipt) bool {
		return long("receipt", r.ID, r.Account, r.MessageID, r.DeliveryID)
	})
	b.Notices = slices.DeleteFunc(b.Notices, func(n chat.Notice) bool { return long("notice", n.ID, n.Account) })
	return b
}

// pieces cuts what a webhook said so that each piece can surely be stored in time. An ordinary webhook is one, and
// stored whole or not at all. Of a larger one a failure may leave the first pieces stored: they are known as
// duplicates when it is delivered again. Only the first piece has the request.
func pieces(in store.Inbound) (out []store.Inbound) {
	for len(in.Messages)+len(in.Receipts)+len(in.Notices) > mostAtOnce {
		piece := in
		room := mostAtOnce
		piece.Messages, in.Messages = cut(in.Messages, &room)
		piece.Receipts, in.Receipts = cut(in.Receipts, &room)
		piece.Notices, in.Notices = cut(in.Notices, &room)
		out = append(out, piece)
		in.Request = nil
	}
	return append(out, in)
}

// cut takes as much as there is room for.
func cut[T any](all []T, room *int) (taken, rest []T) {
	n := min(len(all), *room)
	*room -= n
	return all[:n:n], all[n:]
}
