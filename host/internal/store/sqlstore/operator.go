package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Send implements store.Operator.
func (s *Store) Send(ctx context.Context, d store.Delivery, events []store.TraceEvent) error {
	if err := s.operatorFull(); err != nil {
		return err
	}
	return s.commit.do(ctx, []string{conversationKey(d.Conversation)}, func(w *Writer) error {
		known, err := w.Row(`SELECT ordinal FROM delivery WHERE id = $1`, []any{d.ID}, new(int))
		if known || err != nil {
			return err
		}
		d := d
		var canonical string
		if _, err := w.Row(`SELECT canonical FROM conversation WHERE key = $1`, []any{d.Conversation}, &canonical); err != nil {
			return err
		}
		if canonical != "" {
			d.Conversation = canonical
			if err := w.lock(conversationKey(canonical)); err != nil {
				return err
			}
		}
		if err := enqueue(w, []store.Delivery{d}); err != nil {
			return err
		}
		return trace(w, d.Cause, events)
	})
}

// Redeliver implements store.Operator.
func (s *Store) Redeliver(ctx context.Context, id, reason string) error {
	from := []store.DeliveryState{
		store.StateQueued, store.StateHeld, store.StateUnknown, store.StateFailed, store.StateExpired, store.StateSuppressed,
	}
	return s.steer(ctx, id, from, store.HopRedelivered, reason, func(w *Writer, _ store.DeliveryState) error {
		w.changed = true
		err := w.later(`UPDATE delivery SET state = 'queued', behind = 0, joined = '', before = attempt, queued_at = $2, next_at = 0,
			expires_at = 0, error = '', settled_at = 0 WHERE id = $1`, id, micros(w.now))
		return err
	})
}

// Drop implements store.Operator.
func (s *Store) Drop(ctx context.Context, id, reason string) error {
	from := []store.DeliveryState{
		store.StateQueued, store.StateHeld, store.StateUnknown, store.StateFailed, store.StateExpired, store.StateSuppressed,
	}
	return s.steer(ctx, id, from, store.HopDropped, reason, func(w *Writer, state store.DeliveryState) error {
		if state == store.StateSuppressed {
			return nil // the answer to the first call may have been lost
		}
		failure, err := encodeError(&chat.DeliveryError{Reason: reasonDropped, Message: reason, Permanent: true})
		if err != nil {
			return err
		}
		var conversation string
		if _, err := w.insert(`UPDATE delivery SET state = 'suppressed', error = $2, settled_at = $3 WHERE id = $1
			RETURNING conversation`, []any{id, failure, micros(w.now)}, &conversation); err != nil {
			return err
		}
		if err := w.lock(conversationKey(conversation)); err != nil {
			return err
		}
		return promote(w, conversation) // what waits behind it may go
	})
}

// reasonDropped says that the operator did not want a delivery to be sent.
const reasonDropped chat.Reason = "DROPPED"

// steer changes a delivery that is in one of the states, and says so in the trace.
func (s *Store) steer(
	ctx context.Context, id string, from []store.DeliveryState, hop, reason string,
	change func(*Writer, store.DeliveryState) error,
) error {
	return s.commit.do(ctx, []string{deliveryKey(id)}, func(w *Writer) error {
		var state, cause string
		query := `SELECT state, cause FROM delivery WHERE id = $1`
		if w.engine.Skip != "" {
			query += ` FOR UPDATE` // it may be claimed at this moment
		}
		ok, err := w.Row(query, []any{id}, &state, &cause)
		if err != nil {
			return err
		}
		if !ok {
			return store.ErrNotFound
		}
		if !slices.Contains(from, store.DeliveryState(state)) {
			return fmt.Errorf("%w: the delivery is %s", store.ErrState, state)
		}
		if err := change(w, store.DeliveryState(state)); err != nil {
			return err
		}
		return trace(w, cause, []store.TraceEvent{{
			At: w.now, Hop: hop, Detail: "it was " + state + ": " + reason, DeliveryID: id,
		}})
	})
}

// Replay implements store.Operator.
func (s *Store) Replay(ctx context.Context, cause, reason string) (string, error) {
	m, err := s.Message(ctx, cause)
	if err != nil {
		return "", err
	}
	if m.Message == nil {
		return "", fmt.Errorf("%w: what the message said is forgotten", store.ErrNotFound)
	}
	if m.Outcome == "" {
		return "", fmt.Errorf("%w: the message waits or is being answered", store.ErrState)
	}
	if err := s.inboxFull(); err != nil {
		return "", err
	}
	body, err := encode(m.Message)
	if err != nil {
		return "", err
	}
	var replay string
	err = s.commit.do(ctx, []string{conversationKey(m.Conversation)}, func(w *Writer) error {
		ok, err := w.Row(`SELECT cause FROM message WHERE replay_of = $1 AND outcome IS NULL LIMIT 1`, []any{cause}, &replay)
		if ok || err != nil {
			return err
		}
		var n int
		if _, err := w.Row(`SELECT count(*) FROM message WHERE replay_of = $1`, []any{cause}, &n); err != nil {
			return err
		}
		replay = fmt.Sprintf("%s~%d", cause, n+1)
		lane := m.Lane
		if lane == store.LaneBusy {
			lane = store.LaneTurn // the operator does not ask for the same refusal
		}
		seq, err := s.file(w, row{
			message: *m.Message, body: body, cause: replay, conversation: m.Conversation, lane: lane, at: w.now, replayOf: cause,
		})
		if err != nil {
			return err
		}
		if err := w.later(`INSERT INTO seen (key, message, at) VALUES ($1, $2, $3)`,
			seenKey(replay), seq, micros(w.now)); err != nil {
			return err
		}
		return trace(w, "", []store.TraceEvent{
			{At: w.now, Hop: "message.replayed", Detail: reason + ": as " + replay, Cause: cause},
			{At: w.now, Hop: "message.replay", Detail: reason + ": of " + cause, Cause: replay},
		})
	})
	if err != nil {
		return "", err
	}
	return replay, nil
}
