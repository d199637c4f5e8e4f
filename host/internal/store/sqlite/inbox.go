package sqlite

import (
	"context"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Append implements store.Inbox.
func (s *Store) Append(ctx context.Context, in store.Inbound) (store.Appended, error) {
	bodies := make([][]byte, len(in.Messages))
	for i, m := range in.Messages {
		body, err := encode(m.Message)
		if err != nil {
			return store.Appended{}, err
		}
		bodies[i] = body
	}
	var out store.Appended
	err := s.commit.do(ctx, func(w *writer) error {
		out = store.Appended{}
		for i, m := range in.Messages {
			if err := s.insert(w, m, bodies[i], in, &out); err != nil {
				return err
			}
		}
		for _, r := range in.Receipts {
			if err := s.receive(w, r); err != nil {
				return err
			}
		}
		return s.notices(w, in.Notices)
	})
	if err != nil {
		return store.Appended{}, err
	}
	return out, nil
}

// insert adds a message and its lane, or counts it as a duplicate.
func (s *Store) insert(w *writer, m store.InboundMessage, body []byte, in store.Inbound, out *store.Appended) error {
	c := m.Message
	cause, at := store.CauseOf(c), micros(s.now())
	lane, err := laneOf(w, m, in.MaxPerUser)
	if err != nil {
		return err
	}
	var semantic any
	if c.SemanticKey != "" {
		semantic = c.Platform + "/" + c.Account + "/" + c.SemanticKey
	}
	n, err := w.exec(`INSERT INTO message
			(cause, event_id, reference, semantic, conversation, lane, platform, account, user_id, received_at, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		cause, c.ID, store.Reference(cause), semantic, m.Conversation, string(lane), c.Platform, c.Account, c.User.ID, at, body)
	if err != nil {
		return err
	}
	if n == 0 {
		out.Duplicates++
		return nil
	}
	out.New = append(out.New, cause)
	// A lane that is there keeps its head, which is older.
	if _, err := w.exec(`INSERT INTO lane (conversation, kind, head) VALUES (?, ?, last_insert_rowid())
		ON CONFLICT DO NOTHING`, m.Conversation, string(lane)); err != nil {
		return err
	}
	if _, err := w.exec(`INSERT INTO last_time (platform, last_in) VALUES (?, ?)
		ON CONFLICT DO UPDATE SET last_in = excluded.last_in`, c.Platform, at); err != nil {
		return err
	}
	return trace(w, cause, in.Trace)
}

// laneOf moves a message to the lane of refusals when its user has too many that wait or run.
func laneOf(w *writer, m store.InboundMessage, most int) (store.LaneKind, error) {
	if m.Lane != store.LaneTurn || most <= 0 || m.Message.Refusal != nil {
		return m.Lane, nil
	}
	var n int
	c := m.Message
	_, err := w.row(`SELECT count(*) FROM message
		WHERE platform = ? AND account = ? AND user_id = ? AND outcome IS NULL AND lane = 'turn'`,
		[]any{c.Platform, c.Account, c.User.ID}, &n)
	if err == nil && n >= most {
		return store.LaneBusy, nil
	}
	return m.Lane, err
}

func (s *Store) notices(w *writer, notices []chat.Notice) error {
	for _, n := range notices {
		body, err := encode(n)
		if err != nil {
			return err
		}
		if _, err := w.exec(`INSERT INTO notice (id, platform, account, body, stored_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, n.ID, n.Platform, n.Account, body, micros(s.now())); err != nil {
			return err
		}
	}
	return nil
}
