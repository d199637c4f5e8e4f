package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// enqueue adds deliveries; those that exist are left alone. Their conversation is locked.
func enqueue(w *Writer, deliveries []store.Delivery) error {
	for _, d := range deliveries {
		response, err := encode(d.Response)
		if err != nil {
			return err
		}
		count := func(added int64) {
			if added > 0 {
				w.pending.out.add(1, int64(len(response)))
			}
		}
		if err := w.then(count, `INSERT INTO delivery (id, cause, ordinal, platform, account, conversation, channel_id,
				agent, response, created_at, queued_at, expires_at, state, next_at, bulk, behind)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, 'queued', $12, $13, CASE WHEN EXISTS (
				SELECT 1 FROM delivery o WHERE o.conversation = $6 AND o.state IN ('queued', 'sending')) THEN 1 ELSE 0 END)
			ON CONFLICT DO NOTHING`,
			d.ID, d.Cause, d.Ordinal, d.Platform, d.Account, d.Conversation, d.ChannelID, d.Agent, response,
			micros(d.CreatedAt), micros(d.ExpiresAt), micros(d.NextAt), number(d.Bulk)); err != nil {
			return err
		}
		w.changed = true
	}
	return nil
}

// promote marks the oldest open delivery of a conversation, which is locked, as one that may be claimed.
func promote(w *Writer, conversation string) error {
	wake := func(promoted int64) { w.changed = w.changed || promoted > 0 }
	return w.then(wake, `UPDATE delivery SET behind = 0 WHERE behind = 1 AND seq = (SELECT min(`+w.engine.inConversation(`o.seq`)+`)
		FROM delivery o WHERE o.conversation = $1 AND o.state IN ('queued', 'sending'))`, conversation)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// deliveries is what scanDelivery reads: the deliveries d, each with its conversation.
const deliveries = `SELECT ` + deliveryColumns + deliveriesFrom

const (
	deliveryColumns = `d.seq, d.id, d.cause, d.ordinal, d.platform, d.account, d.conversation, d.channel_id, d.agent,
	d.bulk, d.response, d.created_at, d.expires_at, d.state, d.attempt, d.before, d.queued_at, d.message_ids, d.next_at, d.error,
	d.settled_at, coalesce(c.last_inbound_at, 0)`
	deliveriesFrom = ` FROM delivery d LEFT JOIN conversation c ON c.key = d.conversation`
)

// oldest holds for a delivery d when none of its conversation that was enqueued before it is still open. What
// has behind = 1 surely is not, so that nobody has to look at a long queue again and again.
const oldest = `NOT EXISTS (SELECT 1 FROM delivery o
	WHERE o.conversation = d.conversation AND o.seq < d.seq AND o.state IN ('queued', 'sending'))`

// notPaused holds for a delivery d of an account that is not paused.
const notPaused = `NOT EXISTS (SELECT 1 FROM pause p WHERE p.platform = d.platform AND p.account IN ('', d.account))`

// scanDelivery reads a row of deliveries, and more columns behind them. With errUnreadable the id is set all the same.
func scanDelivery(row Row, more ...any) (d store.Delivery, seq int64, err error) {
	var response []byte
	var bulk, created, expires, next, queued, settled, inbound int64
	var state, ids, failure string
	if err := row.Scan(append([]any{
		&seq, &d.ID, &d.Cause, &d.Ordinal, &d.Platform, &d.Account, &d.Conversation, &d.ChannelID, &d.Agent,
		&bulk, &response, &created, &expires, &state, &d.Attempt, &d.Before, &queued, &ids, &next, &failure,
		&settled, &inbound,
	}, more...)...); err != nil {
		return d, seq, err
	}
	d.CreatedAt, d.ExpiresAt, d.NextAt = moment(created), moment(expires), moment(next)
	d.QueuedAt, d.SettledAt, d.LastInboundAt = moment(queued), moment(settled), moment(inbound)
	d.State, d.Bulk = store.DeliveryState(state), bulk != 0
	if err := decode(response, &d.Response); err != nil {
		return d, seq, err
	}
	if err := decode([]byte(ids), &d.MessageIDs); err != nil {
		return d, seq, err
	}
	d.PartsSent = len(d.MessageIDs)
	d.LastError, err = decodeError(failure)
	return d, seq, err
}

// ClaimDeliveries implements store.Outbox.
func (s *Store) ClaimDeliveries(
	ctx context.Context, owner string, limit int, lease time.Duration, rests ...store.Rest,
) ([]store.Delivery, error) {
	var out, all []store.Delivery
	err := s.commit.submit(ctx, &operation{
		run: func(w *Writer) (err error) {
			if err := rest(w, owner, rests); err != nil {
				return err
			}
			out, err = s.claimDeliveries(w, owner, limit, lease)
			all = append(all, out...)
			return err
		},
		undo: func(w *Writer) error {
			for _, d := range all {
				if err := w.later(`UPDATE delivery SET state = 'queued', attempt = attempt - 1, owner = '', lease_until = 0
					WHERE id = $1 AND attempt = $2 AND state = 'sending' AND owner = $3`, d.ID, d.Attempt, owner); err != nil {
					return err
				}
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Store) claimDeliveries(w *Writer, owner string, limit int, lease time.Duration) ([]store.Delivery, error) {
	now := micros(w.now)
	if _, err := s.markUnknown(w, `state = 'sending' AND lease_until <= $1 AND owner <> $2`, now, owner); err != nil {
		return nil, err
	}
	if err := s.expire(w, now); err != nil {
		return nil, err
	}
	var found, broken []store.Delivery
	var seqs []int64      // of found
	for bulk := range 2 { // answers that somebody waits for go first
		if len(found) == limit {
			break
		}
		err := w.each(deliveries+` WHERE d.state = 'queued' AND d.behind = 0 AND d.bulk = $4 AND d.next_at <= $1
				AND `+oldest+` AND `+notPaused+`
				AND NOT EXISTS (SELECT 1 FROM sender s WHERE s.platform = d.platform AND s.account = d.account
					AND (s.owner <> $2 AND s.lease_until > $1 OR s.rest_until > $1))
			ORDER BY d.next_at, d.seq LIMIT $3`+s.Skip, []any{now, owner, limit - len(found), bulk}, func(rows Row) error {
			d, seq, err := scanDelivery(rows)
			if errors.Is(err, errUnreadable) {
				broken = append(broken, d)
				return nil
			}
			found, seqs = append(found, d), append(seqs, seq)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, d := range broken {
		s.log.Error("bug: a stored delivery cannot be read; it is given up", "delivery", d.ID)
		if err := w.lock(conversationKey(d.Conversation)); err != nil {
			return nil, err
		}
		if err := w.later(`UPDATE delivery SET state = 'failed', settled_at = $1 WHERE id = $2`, now, d.ID); err != nil {
			return nil, err
		}
		if err := promote(w, d.Conversation); err != nil {
			return nil, err
		}
	}
	accounts := map[store.Account]bool{}
	for _, d := range found {
		accounts[accountOf(d)] = true
	}
	held, err := holdSenders(w, owner, slices.Collect(maps.Keys(accounts)), senderLease)
	if err != nil {
		return nil, err
	}
	var out []store.Delivery
	var claimed []int64
	for i, d := range found {
		if !slices.Contains(held, accountOf(d)) {
			continue
		}
		d.State = store.StateSending
		d.Attempt++
		out, claimed = append(out, d), append(claimed, seqs[i])
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, w.later(`UPDATE delivery SET state = 'sending', attempt = attempt + 1, owner = $1, sent_by = $1, lease_until = $2,
		claimed_at = $3 WHERE `+w.engine.In(`seq`, `$4`), owner, now+lease.Microseconds(), now, numbers(claimed))
}

func accountOf(d store.Delivery) store.Account {
	return store.Account{Platform: d.Platform, Account: d.Account}
}

// markUnknown makes deliveries unknown whose sender is gone, and returns how many. which is a condition on
// the delivery table, with its args.
func (s *Store) markUnknown(w *Writer, which string, args ...any) (int, error) {
	failure, err := encode(chat.DeliveryError{
		Reason: chat.ReasonOutcomeUnknown, Message: "the daemon ended while the message was being sent",
		Hint: "a receipt will tell whether it arrived; it is not sent again",
	})
	if err != nil {
		return 0, err
	}
	return s.settleAll(w, store.StateUnknown, string(failure), store.HopUnknown, "its sender is gone", which, args...)
}

// expire ends deliveries that are of no use any more.
func (s *Store) expire(w *Writer, now int64) error {
	_, err := s.settleAll(w, store.StateExpired, "", store.HopExpired, "it was not sent in time",
		`state IN ('queued', 'held') AND expires_at > 0 AND expires_at <= $1`, now)
	return err
}

// settleAll moves the deliveries that match which to a state that ends them, says so in the trace, and
// applies the receipts that came before. It returns how many it moved.
func (s *Store) settleAll(
	w *Writer, state store.DeliveryState, failure, hop, why, which string, args ...any,
) (n int, err error) {
	type open struct {
		brief
		conversation, state, joined string

		attempt int
	}
	var found []open
	err = w.each(`SELECT id, cause, conversation, state, joined, attempt FROM delivery WHERE `+which, args, func(rows Row) error {
		var d open
		err := rows.Scan(&d.id, &d.cause, &d.conversation, &d.state, &d.joined, &d.attempt)
		found = append(found, d)
		return err
	})
	if err != nil {
		return 0, err
	}
	// In one order, so that two hosts do not wait for each other; the database would read all deliveries for it. What
	// was joined comes before what it was joined to: once that one is tried again, its receipts are of an earlier try.
	slices.SortFunc(found, func(a, b open) int {
		return cmp.Or(
			strings.Compare(cmp.Or(a.joined, a.id), cmp.Or(b.joined, b.id)),
			strings.Compare(b.joined, a.joined), strings.Compare(a.id, b.id),
		)
	})
	for _, d := range found {
		if err := w.lock(conversationKey(d.conversation), deliveryKey(d.id)); err != nil {
			return n, err
		}
		changed, err := w.Exec(`UPDATE delivery SET state = $1, error = $2, owner = '', lease_until = 0, settled_at = $3
			WHERE id = $4 AND state = $5 AND attempt = $6`, string(state), failure, micros(w.now), d.id, d.state, d.attempt)
		if err != nil {
			return n, err
		}
		if changed == 0 {
			continue // another host did it
		}
		n++
		if err := promote(w, d.conversation); err != nil {
			return n, err
		}
		if state == store.StateUnknown {
			if err := attempted(w, d.id, d.attempt, state, 0, failure); err != nil {
				return n, err
			}
		}
		if err := trace(w, d.cause, []store.TraceEvent{{At: w.now, Hop: hop, Detail: why, DeliveryID: d.id}}); err != nil {
			return n, err
		}
		if err := s.applyReceipts(w, d.id); err != nil {
			return n, err
		}
	}
	return n, nil
}

// attempted records an attempt that has ended.
func attempted(w *Writer, id string, n int, state store.DeliveryState, messages int, failure string) error {
	err := w.later(`INSERT INTO attempt (delivery_id, n, platform, account, channel_id, owner, started_at, ended_at,
			state, messages, error)
		SELECT id, $2, platform, account, channel_id, sent_by, claimed_at, $3, $4, $5, $6 FROM delivery WHERE id = $1
		ON CONFLICT DO NOTHING`, id, n, micros(w.now), string(state), messages, failure)
	return err
}

// Settle implements store.Outbox.
func (s *Store) Settle(ctx context.Context, v store.Settlement) error {
	return s.commit.do(ctx, settleKeys(v), func(w *Writer) error { return s.settle(w, v) })
}

func (s *Store) settle(w *Writer, v store.Settlement) error {
	ids, err := encode(v.MessageIDs)
	if err != nil {
		return err
	}
	if v.MessageIDs == nil {
		ids = []byte("[]")
	}
	failure, err := encodeError(v.Error)
	if err != nil {
		return err
	}
	attempt, settled, now := v.Attempt, int64(0), micros(w.now)
	if v.State != store.StateQueued && v.State != store.StateHeld {
		settled = now
	} else if v.Deferred {
		attempt--
	}
	var before string
	var size int64
	var d sending
	ok, err := w.Row(`SELECT cause, platform, account, conversation, joined, message_ids, length(response) FROM delivery
		WHERE id = $1 AND attempt = $2 AND state = 'sending'`,
		[]any{v.DeliveryID, v.Attempt}, &d.cause, &d.Platform, &d.Account.Account, &d.conversation, &d.joined, &before, &size)
	if err != nil || !ok {
		return err // not the current attempt
	}
	if d.conversation != v.Conversation { // which only saves this lock
		if err := w.lock(conversationKey(d.conversation)); err != nil {
			return err
		}
	}
	if err := w.later(`UPDATE delivery SET state = $1, attempt = $2, next_at = $3, message_ids = $4, error = $5,
			settled_at = $6, owner = '', lease_until = 0
		WHERE id = $7`,
		string(v.State), attempt, micros(v.NextAt), string(ids), failure, settled, v.DeliveryID); err != nil {
		return err
	}
	if v.State != store.StateQueued {
		w.pending.out.add(-1, -size)
	}
	var old []string
	if err := decode([]byte(before), &old); err != nil {
		return err
	}
	sent := max(0, len(v.MessageIDs)-len(old))
	if d.joined != "" {
		sent = 0 // counted with the one that it was joined to
	}
	if !v.Deferred || sent > 0 {
		if err := attempted(w, v.DeliveryID, v.Attempt, v.State, sent, failure); err != nil {
			return err
		}
	}
	return s.settled(w, v, d, now)
}

// sending is what the end of an attempt has to know of its delivery.
type sending struct {
	store.Account
	cause, conversation, joined string
}

func settleKeys(v store.Settlement) []string {
	keys := []string{deliveryKey(v.DeliveryID), conversationKey(v.Conversation)}
	if v.Account != (store.Account{}) {
		for _, id := range v.MessageIDs {
			keys = append(keys, partKey(v.Account.Platform, v.Account.Account, id))
		}
	}
	for _, d := range v.Instead {
		keys = append(keys, conversationKey(d.Conversation))
	}
	return keys
}

// addPart notes that a platform's message is part of a delivery.
func addPart(w *Writer, message, platform, account, delivery string) error {
	err := w.later(`INSERT INTO part (message_id, platform, account, delivery_id) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, message, platform, account, delivery)
	return err
}

// settled records what comes with the end of an attempt: the parts that are out, the trace, what is sent
// instead, and what receipts already said.
func (s *Store) settled(w *Writer, v store.Settlement, d sending, now int64) error {
	for _, id := range slices.Sorted(slices.Values(v.MessageIDs)) {
		// A receipt that is being stored at this moment must find the part, or this must find the receipt.
		if v.Account != d.Account {
			if err := w.lock(partKey(d.Platform, d.Account.Account, id)); err != nil {
				return err
			}
		}
		if err := addPart(w, id, d.Platform, d.Account.Account, v.DeliveryID); err != nil {
			return err
		}
	}
	switch v.State {
	case store.StateSent:
		w.happened(d.Platform, d.Account.Account, true)
		if err := w.later(`UPDATE conversation SET last_outbound_at = $1 WHERE key = $2`, now, d.conversation); err != nil {
			return err
		}
	case store.StateHeld:
		if err := w.later(`UPDATE conversation SET held = 1 WHERE key = $1`, d.conversation); err != nil {
			return err
		}
	case store.StateQueued:
		w.changed = true
	}
	if err := trace(w, d.cause, v.Trace); err != nil {
		return err
	}
	if err := enqueue(w, v.Instead); err != nil {
		return err
	}
	if err := s.settleJoined(w, v); err != nil {
		return err
	}
	if v.State != store.StateQueued {
		if err := promote(w, d.conversation); err != nil {
			return err
		}
	}
	if some, err := reported(w, v.DeliveryID, d); !some || err != nil {
		return err
	}
	return s.applyReceipts(w, v.DeliveryID)
}

// NextDue implements store.Outbox.
func (s *Store) NextDue(ctx context.Context) (at time.Time, err error) {
	for bulk := range 2 {
		var due int64
		err := s.Reads.QueryRowContext(ctx, `SELECT d.next_at FROM delivery d
			WHERE d.state = 'queued' AND d.behind = 0 AND d.bulk = $2 AND `+oldest+` AND `+notPaused+`
				AND NOT EXISTS (SELECT 1 FROM sender s WHERE s.platform = d.platform AND s.account = d.account
					AND s.rest_until > $1)
			ORDER BY d.next_at, d.seq LIMIT 1`, micros(s.Now()), bulk).Scan(&due)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return time.Time{}, err
		}
		// What is due at once is due since 1970.
		if t := time.UnixMicro(due); at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at, nil
}

// Delivery implements store.Outbox.
func (s *Store) Delivery(ctx context.Context, id string) (store.Delivery, error) {
	d, _, err := scanDelivery(s.Reads.QueryRowContext(ctx, deliveries+` WHERE d.id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return d, store.ErrNotFound
	}
	return d, err
}
