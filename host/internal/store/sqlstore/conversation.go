package sqlstore

import (
	"fmt"
	"slices"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// converse files a message's conversation, finds out which one it is when it has several keys, and queues what
// was held until its user writes. It returns the key under which the conversation goes on.
func (s *Store) converse(w *Writer, m store.InboundMessage, came time.Time) (key string, err error) {
	c, at := m.Message, spoke(m.Message, came)
	var canonical, user, channel string
	var held int
	file := func() error {
		return w.upsert(`INSERT INTO conversation (key, platform, account, channel_id, thread_id, user_id, user_name,
			created_at, last_inbound_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (key) DO UPDATE SET user_name = excluded.user_name,
			last_inbound_at = CASE WHEN excluded.last_inbound_at > conversation.last_inbound_at
				THEN excluded.last_inbound_at ELSE conversation.last_inbound_at END`,
			`canonical, user_id, channel_id, held`, `conversation WHERE key = $1`, []any{
				m.Conversation, c.Platform, c.Account, c.ChannelID, c.ThreadID, c.User.ID, nameOf(c.User),
				micros(w.now), micros(at),
			}, &canonical, &user, &channel, &held)
	}
	if err := file(); err != nil {
		return "", err
	}
	key = m.Conversation
	if canonical != "" {
		key = canonical
		if err := w.lock(conversationKey(key)); err != nil {
			return "", err
		}
		if _, err := w.Row(`SELECT user_id FROM conversation WHERE key = $1`, []any{key}, &user); err != nil {
			return "", err
		}
	}
	if other, err := stranger(w, m, key, user); err != nil {
		return "", err
	} else if other {
		if err := vacate(w, m.Conversation, canonical); err != nil {
			return "", err
		}
		if err := file(); err != nil {
			return "", err
		}
		key = m.Conversation
	}
	for _, alias := range m.Aliases {
		if key, err = unite(w, m, key, alias); err != nil {
			return "", err
		}
	}
	who, where := whoNow(c)
	if key != m.Conversation || user != who || where != "" && channel != where {
		if _, err := w.insert(`UPDATE conversation SET user_id = $2, user_name = $3, last_inbound_at =
				CASE WHEN last_inbound_at < $4 THEN $4 ELSE last_inbound_at END,
				channel_id = CASE WHEN $5 = '' THEN channel_id ELSE $5 END
			WHERE key = $1 RETURNING held`, []any{key, who, nameOf(c.User), micros(at), where}, &held); err != nil {
			return "", err
		}
	}
	if held != 0 && !at.IsZero() {
		err = s.unhold(w, key, where)
	}
	return key, err
}

// whoNow is the id that the user of a conversation has after a message and, in a direct chat, the channel that
// reaches this user; empty: as before.
func whoNow(c chat.Message) (user, channel string) {
	s := c.Content.System
	switch {
	case !c.Direct():
		return c.User.ID, ""
	case s == nil:
		return c.User.ID, c.ChannelID
	case s.CurrentID != "":
		return s.CurrentID, ""
	}
	return c.User.ID, ""
}

// stranger reports whether a message is from somebody else than the user whose conversation has its key: an id,
// such as a phone number, that has got another owner. It takes more than another id to tell: the message has
// other ids, too, and none of them belongs to the conversation.
func stranger(w *Writer, m store.InboundMessage, key, user string) (bool, error) {
	if m.Message.Content.System != nil || !m.Message.Direct() || len(m.Aliases) == 0 || same(m.Message, user) {
		return false, nil
	}
	for _, alias := range m.Aliases {
		var canonical string
		found, err := w.Row(`SELECT canonical FROM conversation WHERE key = $1`, []any{alias}, &canonical)
		if err != nil || found && (canonical == key || alias == key) {
			return false, err
		}
	}
	return true, nil
}

// vacate takes a key from its conversation, since it is somebody else's now. The conversation goes on under its
// other keys. A turn of it that runs is void and will be taken again.
func vacate(w *Writer, key, canonical string) error {
	if canonical != "" {
		err := w.later(`DELETE FROM conversation WHERE key = $1`, key)
		return err
	}
	var seq int64
	if _, err := w.Row(`SELECT seq FROM conversation WHERE key = $1`, []any{key}, &seq); err != nil {
		return err
	}
	former := fmt.Sprintf("%s~%d", key, seq) // nobody's id
	if err := w.lock(conversationKey(former)); err != nil {
		return err
	}
	w.changed = true
	for _, query := range []string{
		`UPDATE conversation SET key = $2 WHERE key = $1`,
		`UPDATE conversation SET canonical = $2 WHERE canonical = $1`,
		`UPDATE lane SET conversation = $2, owner = '', lease_until = 0, epoch = epoch + 1 WHERE conversation = $1`,
		`UPDATE message SET conversation = $2 WHERE conversation = $1`,
		`UPDATE delivery SET conversation = $2 WHERE conversation = $1`,
		`UPDATE choice SET conversation = $2 WHERE conversation = $1`,
		`UPDATE history SET conversation = $2 WHERE conversation = $1`,
	} {
		if err := w.later(query, key, former); err != nil {
			return err
		}
	}
	return nil
}

// unite makes alias another key of a conversation. It returns the key under which that goes on: of two
// conversations that are known, that of the older one.
func unite(w *Writer, m store.InboundMessage, key, alias string) (string, error) {
	if alias == "" || alias == key {
		return key, nil
	}
	var seq int64
	var canonical, user string
	found, err := w.Row(`SELECT seq, canonical, user_id FROM conversation WHERE key = $1`, []any{alias}, &seq, &canonical, &user)
	switch {
	case err != nil:
		return key, err
	case !found:
		c := m.Message
		err := w.later(`INSERT INTO conversation (key, canonical, platform, account, channel_id, thread_id, user_id,
				user_name, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			alias, key, c.Platform, c.Account, c.ChannelID, c.ThreadID, c.User.ID, nameOf(c.User), micros(w.now))
		return key, err
	case canonical == key:
		return key, nil
	case canonical != "":
		if err := w.lock(conversationKey(canonical)); err != nil {
			return key, err
		}
		if _, err := w.Row(`SELECT user_id FROM conversation WHERE key = $1`, []any{canonical}, &user); err != nil {
			return key, err
		}
		if !same(m.Message, user) { // the id is somebody else's now
			err := w.later(`UPDATE conversation SET canonical = $1 WHERE key = $2`, key, alias)
			return key, err
		}
		return unite(w, m, key, canonical)
	}
	if !same(m.Message, user) {
		return key, nil
	}
	var own int64
	if _, err := w.Row(`SELECT seq FROM conversation WHERE key = $1`, []any{key}, &own); err != nil {
		return key, err
	}
	older, newer := key, alias
	if seq < own {
		older, newer = alias, key
	}
	err = w.later(`UPDATE conversation SET canonical = $1 WHERE key = $2 OR canonical = $2`, older, newer)
	return older, err
}

// same reports whether a conversation's last user is who a message is from, or about. An id such as a phone
// number may get another owner, who must not find the conversation of the former one.
func same(m chat.Message, user string) bool {
	ids := append([]string{m.User.ID, ""}, m.User.Aliases...)
	if s := m.Content.System; s != nil {
		ids = append(ids, s.PreviousID, s.CurrentID)
	}
	return slices.Contains(ids, user)
}

// unhold queues the held deliveries of a conversation, whose user has written. They go where the user wrote from: the
// channel that they were made for may be somebody else's now. Empty: where they were to go.
func (s *Store) unhold(w *Writer, conversation, channel string) error {
	var found []brief
	err := w.each(`SELECT id, cause FROM delivery WHERE conversation = $1 AND state = 'held' ORDER BY seq`,
		[]any{conversation}, func(rows Row) error {
			var d brief
			err := rows.Scan(&d.id, &d.cause)
			found = append(found, d)
			return err
		})
	if err != nil {
		return err
	}
	for _, d := range found {
		if err := w.later(`UPDATE delivery SET state = 'queued', next_at = 0, behind = 0, joined = '',
			channel_id = CASE WHEN $2 = '' THEN channel_id ELSE $2 END WHERE id = $1 AND state = 'held'`, d.id, channel); err != nil {
			return err
		}
		if err := trace(w, d.cause, []store.TraceEvent{{
			At: w.now, Hop: store.HopReleased, Detail: "the user has written again", DeliveryID: d.id,
		}}); err != nil {
			return err
		}
	}
	err = w.later(`UPDATE conversation SET held = 0 WHERE key = $1`, conversation)
	return err
}

// brief is a delivery's id and whose answer it is.
type brief struct{ id, cause string }
