package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Claim implements store.Lanes.
func (s *Store) Claim(
	ctx context.Context, owner string, kind store.LaneKind, limit int, lease time.Duration,
) ([]store.Turn, error) {
	if err := s.outboxFull(); err != nil {
		return nil, err
	}
	var turns, all []store.Turn
	err := s.commit.submit(ctx, &operation{
		run: func(w *Writer) (err error) {
			turns, err = s.claim(w, owner, kind, limit, lease)
			all = append(all, turns...)
			return err
		},
		undo: func(w *Writer) error {
			for _, t := range all {
				if err := w.later(releasing+` AND owner = $5`, t.Conversation, string(t.Lane), t.Seq, t.Epoch, owner); err != nil {
					return err
				}
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return turns, nil
}

func (s *Store) claim(w *Writer, owner string, kind store.LaneKind, limit int, lease time.Duration) ([]store.Turn, error) {
	var turns, broken []store.Turn
	err := w.each(`SELECT d.conversation, d.head, d.attempt + 1, d.epoch + 1, m.cause, m.body
		FROM lane d JOIN message m ON m.seq = d.head
		WHERE d.kind = $1 AND d.lease_until <= $2 AND d.owner <> $3 ORDER BY d.head LIMIT $4`+s.Skip,
		[]any{string(kind), micros(w.now), owner, limit}, func(rows Row) error {
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
		return nil, err
	}
	for _, t := range broken {
		if err := s.giveUp(w, t); err != nil {
			return nil, err
		}
	}
	for _, t := range turns {
		if err := w.later(`UPDATE lane SET owner = $1, lease_until = $2, epoch = $3, attempt = $4
			WHERE conversation = $5 AND kind = $6 AND head = $7`,
			owner, micros(w.now.Add(lease)), t.Epoch, t.Attempt, t.Conversation, string(kind), t.Seq); err != nil {
			return nil, err
		}
	}
	return turns, nil
}

// giveUp ends a message that cannot be read any more, so that it does not hold up all others.
func (s *Store) giveUp(w *Writer, t store.Turn) error {
	const reason = "BODY_UNREADABLE: the stored message cannot be read"
	s.log.Error("bug: a stored message cannot be read; it is given up", "cause", t.Cause)
	if err := w.lock(conversationKey(t.Conversation)); err != nil {
		return err
	}
	if err := done(w, t, store.OutcomeFailed, reason); err != nil {
		return err
	}
	if err := trace(w, t.Cause, []store.TraceEvent{{At: w.now, Hop: store.HopTurnEnd, Detail: "failed: " + reason}}); err != nil {
		return err
	}
	return advance(w, t)
}

// done records the outcome of a turn.
func done(w *Writer, t store.Turn, o store.Outcome, reason string) error {
	var size int64
	ok, err := w.insert(`UPDATE message SET outcome = $1, reason = $2, done_at = $3, epoch = $4
		WHERE seq = $5 AND outcome IS NULL RETURNING size`, []any{string(o), reason, micros(w.now), t.Epoch, t.Seq}, &size)
	if ok {
		w.pending.in.add(-1, -size)
	}
	return err
}

// Renew implements store.Lanes.
func (s *Store) Renew(ctx context.Context, owner string, lease time.Duration) error {
	return s.commit.do(ctx, nil, func(w *Writer) error {
		until := micros(w.now.Add(lease))
		for _, query := range []string{
			// What another transaction holds at this moment is being finished, or was claimed just now.
			`UPDATE lane SET lease_until = $1 WHERE (kind, head) IN
				(SELECT d.kind, d.head FROM lane d WHERE d.owner = $2 AND d.owner <> ''` + s.Skip + `)`,
			`UPDATE sender SET lease_until = $1 WHERE (platform, account) IN
				(SELECT d.platform, d.account FROM sender d WHERE d.owner = $2` + s.Skip + `)`,
			`UPDATE delivery SET lease_until = $1 WHERE seq IN (SELECT d.seq FROM delivery d
				WHERE d.owner = $2 AND d.state = 'sending' AND d.lease_until < $1` + s.Skip + `)`,
		} {
			if err := w.later(query, until, owner); err != nil {
				return err
			}
		}
		return nil
	})
}

// Release implements store.Lanes. The attempt is not counted, since nothing went wrong with the message.
func (s *Store) Release(ctx context.Context, t store.Turn) error {
	return s.commit.do(ctx, nil, func(w *Writer) error {
		w.changed = true
		err := w.later(releasing+` AND owner <> ''`, t.Conversation, string(t.Lane), t.Seq, t.Epoch)
		return err
	})
}

// releasing gives a lane back.
const releasing = `UPDATE lane SET owner = '', lease_until = 0, attempt = attempt - 1
	WHERE conversation = $1 AND kind = $2 AND head = $3 AND epoch = $4`

// Leave implements store.Store.
func (s *Store) Leave(ctx context.Context, owner string) error {
	return s.commit.do(ctx, nil, func(w *Writer) error {
		if err := w.later(`UPDATE lane SET owner = '', lease_until = 0, attempt = attempt - 1
			WHERE owner = $1 AND owner <> ''`, owner); err != nil {
			return err
		}
		if err := w.later(`DELETE FROM sender WHERE owner = $1`, owner); err != nil {
			return err
		}
		w.changed = true
		_, err := s.markUnknown(w, `state = 'sending' AND owner = $1`, owner)
		return err
	})
}

// Enqueue implements store.Lanes.
func (s *Store) Enqueue(ctx context.Context, t store.Turn, d []store.Delivery, events []store.TraceEvent) error {
	return s.commit.do(ctx, []string{conversationKey(t.Conversation)}, func(w *Writer) error {
		ok, err := held(w, t)
		if err != nil {
			return err
		}
		if !ok {
			return store.ErrFenced
		}
		if err := enqueue(w, d); err != nil {
			return err
		}
		return trace(w, t.Cause, events)
	})
}

// Finish implements store.Lanes.
func (s *Store) Finish(ctx context.Context, t store.Turn, r store.Result) error {
	return s.commit.do(ctx, []string{conversationKey(t.Conversation)}, func(w *Writer) error {
		ok, err := held(w, t)
		if err != nil {
			return err
		}
		if !ok {
			return finished(w, t)
		}
		if err := done(w, t, r.Outcome, r.Reason); err != nil {
			return err
		}
		for _, m := range r.Merged {
			m.Epoch = t.Epoch
			why := "answered together with " + t.Cause
			if err := done(w, m, store.OutcomeMerged, why); err != nil {
				return err
			}
			if err := trace(w, m.Cause, []store.TraceEvent{{At: w.now, Hop: store.HopMerged, Detail: why}}); err != nil {
				return err
			}
		}
		if err := enqueue(w, r.Deliveries); err != nil {
			return err
		}
		if err := chooseAgent(w, t, r.SetAgent); err != nil {
			return err
		}
		if err := appendHistory(w, t.Conversation, r.HistoryAgent, r.History); err != nil {
			return err
		}
		if err := trace(w, t.Cause, r.Trace); err != nil {
			return err
		}
		return advance(w, t)
	})
}

// held reports whether the lane is still the turn's own. No other transaction takes it over before this one
// ends.
func held(w *Writer, t store.Turn) (bool, error) {
	epoch, first, err := heads(w, t)
	return first && epoch == t.Epoch, err
}

// heads reports whether a message is the first one of its lane, which nobody else changes then before the
// transaction ends, and the lane's epoch.
func heads(w *Writer, t store.Turn) (epoch int64, first bool, err error) {
	query := `SELECT epoch FROM lane WHERE conversation = $1 AND kind = $2 AND head = $3`
	if w.engine.Skip != "" {
		query += ` FOR UPDATE`
	}
	first, err = w.Row(query, []any{t.Conversation, string(t.Lane), t.Seq}, &epoch)
	return epoch, first, err
}

// finished returns nil when this very turn has finished its message, and store.ErrFenced otherwise: the answer
// to the first call may have been lost.
func finished(w *Writer, t store.Turn) error {
	var one int
	ok, err := w.Row(`SELECT 1 FROM message WHERE seq = $1 AND outcome IS NOT NULL AND epoch = $2`,
		[]any{t.Seq, t.Epoch}, &one)
	if err == nil && !ok {
		return store.ErrFenced
	}
	return err
}

// unanswered holds for messages of one conversation that have no outcome. The indexes of all such messages are for a
// condition that says so in another way, since PostgreSQL would walk one of them for a conversation.
const unanswered = `coalesce(outcome, '') = ''`

// advance frees the lane for its next message, or ends it. All that changes a lane names its head, which one lane has:
// PostgreSQL may look for it in the index of heads, and would walk all lanes of the kind there.
func advance(w *Writer, t store.Turn) error {
	var next sql.NullInt64
	if _, err := w.Row(`SELECT min(`+w.engine.inConversation(`seq`)+`) FROM message
		WHERE conversation = $1 AND seq > $2 AND lane = $3 AND `+unanswered,
		[]any{t.Conversation, t.Seq, string(t.Lane)}, &next); err != nil {
		return err
	}
	if !next.Valid {
		return w.later(`DELETE FROM lane WHERE conversation = $1 AND kind = $2 AND head = $3`, t.Conversation, string(t.Lane), t.Seq)
	}
	w.changed = true
	return w.later(`UPDATE lane SET head = $1, attempt = 0, owner = '', lease_until = 0
		WHERE conversation = $2 AND kind = $3 AND head = $4`, next.Int64, t.Conversation, string(t.Lane), t.Seq)
}

// everybody stands for the user in a direct chat, where there is only one.
const everybody = ""

// chooseAgent stores the user's choice of an agent: nil leaves it, an empty name takes it back.
func chooseAgent(w *Writer, t store.Turn, agent *string) (err error) {
	user := t.Message.User.ID
	if t.Message.Direct() {
		user = everybody // so that the choice outlives a change of the user's id
	}
	switch {
	case agent == nil:
	case *agent == "":
		err = w.later(`DELETE FROM choice WHERE conversation = $1 AND user_id = $2`, t.Conversation, user)
	default:
		err = w.later(`INSERT INTO choice (conversation, user_id, agent) VALUES ($1, $2, $3)
			ON CONFLICT (conversation, user_id) DO UPDATE SET agent = excluded.agent`, t.Conversation, user, *agent)
	}
	return err
}

// historyAtOnce is how many turns of a history one statement appends at most, so that there are few texts of it.
const historyAtOnce = 4

func appendHistory(w *Writer, conversation, agent string, turns []chat.Turn) error {
	for some := range slices.Chunk(turns, historyAtOnce) {
		var args []any
		for _, turn := range some {
			body, err := encode(turn)
			if err != nil {
				return err
			}
			args = append(args, conversation, agent, body, micros(w.now))
		}
		if err := w.later(`INSERT INTO history (conversation, agent, turn, stored_at) VALUES `+values(len(some), 4), args...); err != nil {
			return err
		}
	}
	return nil
}

// Following implements store.Lanes.
func (s *Store) Following(ctx context.Context, t store.Turn, limit int) (out []store.Turn, err error) {
	rows, err := s.Reads.QueryContext(ctx, `SELECT seq, cause, body FROM message
		WHERE conversation = $1 AND lane = $2 AND seq > $3 AND `+unanswered+`
		ORDER BY `+s.inConversation(`seq`)+` LIMIT $4`,
		t.Conversation, string(t.Lane), t.Seq, limit)
	return out, drain(rows, err, func(rows *sql.Rows) error {
		m := store.Turn{Conversation: t.Conversation, Lane: t.Lane}
		var body []byte
		if err := rows.Scan(&m.Seq, &m.Cause, &body); err != nil {
			return err
		}
		out = append(out, m)
		return decode(body, &out[len(out)-1].Message)
	})
}

// QueueOf implements store.Lanes.
func (s *Store) QueueOf(ctx context.Context, platform, account, userID string) (out []store.Queued, err error) {
	rows, err := s.Reads.QueryContext(ctx, `SELECT m.cause, m.seq, m.received_at, l.lease_until > $1 AND l.head = m.seq
		FROM message m JOIN lane l ON l.conversation = m.conversation AND l.kind = m.lane
		WHERE m.platform = $2 AND m.account = $3 AND m.user_id = $4 AND m.outcome IS NULL AND m.lane = 'turn'
		ORDER BY m.seq`, micros(s.Now()), platform, account, userID)
	return out, drain(rows, err, func(rows *sql.Rows) error {
		var q store.Queued
		var at int64
		if err := rows.Scan(&q.Cause, &q.Seq, &at, &q.Running); err != nil {
			return err
		}
		q.ReceivedAt = moment(at)
		out = append(out, q)
		return nil
	})
}
