package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Claim implements store.Lanes.
func (s *Store) Claim(
	ctx context.Context, owner string, kind store.LaneKind, limit int, lease time.Duration,
) ([]store.Turn, error) {
	var turns, broken []store.Turn
	err := s.commit.do(ctx, func(w *writer) error {
		turns, broken = nil, nil
		now := s.now()
		err := w.each(`SELECT l.conversation, l.head, l.attempt + 1, l.epoch + 1, m.cause, m.body
			FROM lane l JOIN message m ON m.seq = l.head
			WHERE l.kind = ? AND l.lease_until <= ? AND l.owner <> ? ORDER BY l.head LIMIT ?`,
			[]any{string(kind), micros(now), owner, limit}, func(rows *sql.Rows) error {
				t := store.Turn{Lane: kind}
				var body []byte
				if err := rows.Scan(&t.Conversation, &t.Seq, &t.Attempt, &t.Epoch, &t.Cause, &body); err != nil {
					return err
				}
				if err := decode(body, &t.Message); err != nil {
					broken = append(broken, t)
					return nil
				}
				turns = append(turns, t)
				return nil
			})
		if err != nil {
			return err
		}
		for _, t := range broken {
			if err := s.giveUp(w, t); err != nil {
				return err
			}
		}
		for _, t := range turns {
			if _, err := w.exec(`UPDATE lane SET owner = ?, lease_until = ?, epoch = ?, attempt = ?
				WHERE conversation = ? AND kind = ?`,
				owner, micros(now.Add(lease)), t.Epoch, t.Attempt, t.Conversation, string(kind)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return turns, nil
}

// giveUp ends a message that cannot be read any more, so that it does not hold up all others.
func (s *Store) giveUp(w *writer, t store.Turn) error {
	const reason = "BODY_UNREADABLE: the stored message cannot be read"
	s.log.Error("bug: a stored message cannot be read; it is given up", "cause", t.Cause)
	now := s.now()
	if _, err := w.exec(`UPDATE message SET outcome = ?, reason = ?, done_at = ? WHERE seq = ?`,
		string(store.OutcomeFailed), reason, micros(now), t.Seq); err != nil {
		return err
	}
	if err := trace(w, t.Cause, []store.TraceEvent{{At: now, Hop: "turn.end", Detail: "failed: " + reason}}); err != nil {
		return err
	}
	return advance(w, t)
}

// Renew implements store.Lanes.
func (s *Store) Renew(ctx context.Context, owner string, lease time.Duration) error {
	return s.commit.do(ctx, func(w *writer) error {
		until := micros(s.now().Add(lease))
		if _, err := w.exec(`UPDATE lane SET lease_until = ? WHERE owner = ? AND owner <> ''`, until, owner); err != nil {
			return err
		}
		_, err := w.exec(`UPDATE delivery SET lease_until = max(lease_until, ?) WHERE owner = ? AND state = 'sending'`,
			until, owner)
		return err
	})
}

// Release implements store.Lanes. The attempt is not counted, since nothing went wrong with the message.
func (s *Store) Release(ctx context.Context, t store.Turn) error {
	return s.commit.do(ctx, func(w *writer) error {
		_, err := w.exec(`UPDATE lane SET owner = '', lease_until = 0, attempt = attempt - 1
			WHERE conversation = ? AND kind = ? AND head = ? AND epoch = ? AND owner <> ''`,
			t.Conversation, string(t.Lane), t.Seq, t.Epoch)
		return err
	})
}

// Enqueue implements store.Lanes.
func (s *Store) Enqueue(ctx context.Context, t store.Turn, d []store.Delivery, events []store.TraceEvent) error {
	return s.commit.do(ctx, func(w *writer) error {
		if err := held(w, t); err != nil {
			return err
		}
		if err := s.enqueue(w, d); err != nil {
			return err
		}
		return trace(w, t.Cause, events)
	})
}

// Finish implements store.Lanes.
func (s *Store) Finish(ctx context.Context, t store.Turn, r store.Result) error {
	return s.commit.do(ctx, func(w *writer) error {
		if err := held(w, t); err != nil {
			return err
		}
		if _, err := w.exec(`UPDATE message SET outcome = ?, reason = ?, done_at = ? WHERE seq = ?`,
			string(r.Outcome), r.Reason, micros(s.now()), t.Seq); err != nil {
			return err
		}
		if err := s.enqueue(w, r.Deliveries); err != nil {
			return err
		}
		if err := chooseAgent(w, t, r.SetAgent); err != nil {
			return err
		}
		if err := s.appendHistory(w, t.Conversation, r.HistoryAgent, r.History); err != nil {
			return err
		}
		if err := trace(w, t.Cause, r.Trace); err != nil {
			return err
		}
		return advance(w, t)
	})
}

// held checks that the lane is still the turn's own.
func held(w *writer, t store.Turn) error {
	var one int
	ok, err := w.row(`SELECT 1 FROM lane WHERE conversation = ? AND kind = ? AND head = ? AND epoch = ?`,
		[]any{t.Conversation, string(t.Lane), t.Seq, t.Epoch}, &one)
	if err == nil && !ok {
		return store.ErrFenced
	}
	return err
}

// advance frees the lane for its next message, or ends it.
func advance(w *writer, t store.Turn) error {
	var next sql.NullInt64
	if _, err := w.row(`SELECT min(seq) FROM message WHERE conversation = ? AND lane = ? AND outcome IS NULL`,
		[]any{t.Conversation, string(t.Lane)}, &next); err != nil {
		return err
	}
	if !next.Valid {
		_, err := w.exec(`DELETE FROM lane WHERE conversation = ? AND kind = ?`, t.Conversation, string(t.Lane))
		return err
	}
	_, err := w.exec(`UPDATE lane SET head = ?, attempt = 0, owner = '', lease_until = 0
		WHERE conversation = ? AND kind = ?`, next.Int64, t.Conversation, string(t.Lane))
	return err
}

// chooseAgent stores the user's choice of an agent: nil leaves it, an empty name takes it back.
func chooseAgent(w *writer, t store.Turn, agent *string) (err error) {
	user := t.Message.User.ID
	switch {
	case agent == nil:
	case *agent == "":
		_, err = w.exec(`DELETE FROM choice WHERE conversation = ? AND user_id = ?`, t.Conversation, user)
	default:
		_, err = w.exec(`INSERT INTO choice (conversation, user_id, agent) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET agent = excluded.agent`, t.Conversation, user, *agent)
	}
	return err
}

func (s *Store) appendHistory(w *writer, conversation, agent string, turns []chat.Turn) error {
	for _, turn := range turns {
		body, err := encode(turn)
		if err != nil {
			return err
		}
		if _, err := w.exec(`INSERT INTO history (conversation, agent, turn, stored_at) VALUES (?, ?, ?, ?)`,
			conversation, agent, body, micros(s.now())); err != nil {
			return err
		}
	}
	return nil
}

// QueueOf implements store.Lanes.
func (s *Store) QueueOf(ctx context.Context, platform, account, userID string) (out []store.Queued, err error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT m.cause, m.received_at, l.lease_until > ? AND l.head = m.seq
		FROM message m JOIN lane l ON l.conversation = m.conversation AND l.kind = m.lane
		WHERE m.platform = ? AND m.account = ? AND m.user_id = ? AND m.outcome IS NULL AND m.lane = 'turn' ORDER BY m.seq`,
		micros(s.now()), platform, account, userID)
	return out, drain(rows, err, func(rows *sql.Rows) error {
		var q store.Queued
		var at int64
		if err := rows.Scan(&q.Cause, &at, &q.Running); err != nil {
			return err
		}
		q.ReceivedAt = moment(at)
		out = append(out, q)
		return nil
	})
}
