package sqlstore

import (
	"context"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
)

// Join implements store.Outbox.
func (s *Store) Join(
	ctx context.Context, owner string, first store.Delivery, limit int, fits func(store.Delivery) bool,
) ([]store.Delivery, error) {
	var out []store.Delivery
	err := s.commit.do(ctx, []string{conversationKey(first.Conversation), deliveryKey(first.ID)}, func(w *Writer) (err error) {
		out, err = join(w, owner, first, limit, fits)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func join(
	w *Writer, owner string, first store.Delivery, limit int, fits func(store.Delivery) bool,
) (out []store.Delivery, err error) {
	var seq, until int64
	ok, err := w.Row(`SELECT seq, lease_until FROM delivery WHERE id = $1 AND state = 'sending' AND owner = $2 AND attempt = $3`,
		[]any{first.ID, owner, first.Attempt}, &seq, &until)
	if err != nil || !ok {
		return nil, err
	}
	full := false
	err = w.each(deliveries+` WHERE d.conversation = $1 AND d.seq > $2 AND d.state IN ('queued', 'sending')
		ORDER BY d.seq LIMIT $3`, []any{first.Conversation, seq, limit}, func(rows Row) error {
		d, _, err := scanDelivery(rows)
		waits := d.State == store.StateQueued && !d.NextAt.After(w.now) && (d.ExpiresAt.IsZero() || d.ExpiresAt.After(w.now))
		if full = full || err != nil || !waits || !fits(d); !full {
			out = append(out, d)
		}
		return nil
	})
	for i := range out {
		d := &out[i]
		d.State, d.Attempt = store.StateSending, d.Attempt+1
		if err == nil {
			err = w.later(`UPDATE delivery SET state = 'sending', attempt = $1, owner = $2, sent_by = $2, lease_until = $3,
				claimed_at = $4, joined = $5 WHERE id = $6`, d.Attempt, owner, until, micros(w.now), first.ID, d.ID)
		}
	}
	return out, err
}

// settleJoined lets what was sent in one message with a delivery share what became of it. When that is neither
// sent, unknown nor held, each waits for a try of its own.
func (s *Store) settleJoined(w *Writer, v store.Settlement) error {
	var found []store.Delivery
	err := w.each(deliveries+` WHERE d.joined = $1 AND d.joined <> '' AND d.state = 'sending' ORDER BY d.seq`, []any{v.DeliveryID},
		func(rows Row) error {
			d, _, err := scanDelivery(rows)
			found = append(found, d)
			return err
		})
	if err != nil {
		return err
	}
	for _, d := range found {
		if err := w.lock(deliveryKey(d.ID)); err != nil {
			return err
		}
		own := store.Settlement{
			DeliveryID: d.ID, Account: v.Account, Conversation: d.Conversation, Attempt: d.Attempt, State: v.State,
			MessageIDs: v.MessageIDs, Error: v.Error,
		}
		switch v.State {
		case store.StateSent, store.StateUnknown, store.StateHeld:
		default:
			own.State, own.Deferred, own.MessageIDs, own.Error = store.StateQueued, true, nil, nil
			if err := w.later(`UPDATE delivery SET joined = '' WHERE id = $1`, d.ID); err != nil {
				return err
			}
		}
		own.Trace = []store.TraceEvent{{
			At: w.now, Hop: store.HopJoined, DeliveryID: d.ID,
			Detail: "in one message with " + v.DeliveryID + ", since the recipient's limit is short: " + string(own.State),
		}}
		if err := s.settle(w, own); err != nil {
			return err
		}
	}
	return nil
}

// joinedWith returns the deliveries that went out in one message with one.
func joinedWith(w *Writer, id string) (ids []string, err error) {
	err = w.each(`SELECT id FROM delivery WHERE joined = $1 AND joined <> '' ORDER BY id`, []any{id}, func(rows Row) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// rest keeps accounts that the owner sends for from being claimed for a while.
func rest(w *Writer, owner string, rests []store.Rest) error {
	for _, r := range rests {
		until := w.now.Add(max(r.For, time.Microsecond))
		if err := w.later(`UPDATE sender SET rest_until = $1 WHERE platform = $2 AND account = $3 AND owner = $4`,
			micros(until), r.Platform, r.Account.Account, owner); err != nil {
			return err
		}
	}
	return nil
}
