package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// enqueue adds deliveries; those that exist are left alone.
func (s *Store) enqueue(w *writer, deliveries []store.Delivery) error {
	for _, d := range deliveries {
		response, err := encode(d.Response)
		if err != nil {
			return err
		}
		if _, err := w.exec(`INSERT INTO delivery (id, cause, ordinal, platform, account, conversation, channel_id,
				agent, response, created_at, expires_at, state, next_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?) ON CONFLICT DO NOTHING`,
			d.ID, d.Cause, d.Ordinal, d.Platform, d.Account, d.Conversation, d.ChannelID, d.Agent, response,
			micros(d.CreatedAt), micros(d.ExpiresAt), micros(d.NextAt)); err != nil {
			return err
		}
	}
	return nil
}

// deliveryColumns are what scanDelivery reads, in its order.
const deliveryColumns = `id, cause, ordinal, platform, account, conversation, channel_id, agent, response,
	created_at, expires_at, state, attempt, message_ids, next_at, error`

// oldest holds for a delivery d when none of its conversation that was enqueued before it is still open.
const oldest = `NOT EXISTS (SELECT 1 FROM delivery o
	WHERE o.conversation = d.conversation AND o.seq < d.seq AND o.state IN ('queued', 'sending'))`

// scanDelivery reads a row of deliveryColumns. With errUnreadable the id is set all the same.
func scanDelivery(row interface{ Scan(...any) error }) (d store.Delivery, err error) {
	var response []byte
	var created, expires, next int64
	var state, ids, failure string
	if err := row.Scan(&d.ID, &d.Cause, &d.Ordinal, &d.Platform, &d.Account, &d.Conversation, &d.ChannelID, &d.Agent,
		&response, &created, &expires, &state, &d.Attempt, &ids, &next, &failure); err != nil {
		return d, err
	}
	d.CreatedAt, d.ExpiresAt, d.NextAt = moment(created), moment(expires), moment(next)
	d.State = store.DeliveryState(state)
	if err := decode(response, &d.Response); err != nil {
		return d, err
	}
	if err := decode([]byte(ids), &d.MessageIDs); err != nil {
		return d, err
	}
	d.PartsSent = len(d.MessageIDs)
	if failure != "" {
		return d, decode([]byte(failure), &d.LastError)
	}
	return d, nil
}

// ClaimDeliveries implements store.Outbox.
func (s *Store) ClaimDeliveries(
	ctx context.Context, owner string, limit int, lease time.Duration,
) ([]store.Delivery, error) {
	var out []store.Delivery
	err := s.commit.do(ctx, func(w *writer) error {
		out = nil
		var broken []string
		now := micros(s.now())
		if _, err := s.markUnknown(w, `state = 'sending' AND lease_until <= ? AND owner <> ?`, now, owner); err != nil {
			return err
		}
		if err := s.expire(w, now); err != nil {
			return err
		}
		err := w.each(`SELECT `+deliveryColumns+` FROM delivery d WHERE state = 'queued' AND next_at <= ?
			AND `+oldest+` ORDER BY next_at, seq LIMIT ?`, []any{now, limit}, func(rows *sql.Rows) error {
			d, err := scanDelivery(rows)
			if errors.Is(err, errUnreadable) {
				broken = append(broken, d.ID)
				return nil
			}
			out = append(out, d)
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range broken {
			s.log.Error("bug: a stored delivery cannot be read; it is given up", "delivery", id)
			if _, err := w.exec(`UPDATE delivery SET state = 'failed', settled_at = ? WHERE id = ?`, now, id); err != nil {
				return err
			}
		}
		for i := range out {
			out[i].State = store.StateSending
			out[i].Attempt++
			if _, err := w.exec(`UPDATE delivery SET state = 'sending', attempt = ?, owner = ?, lease_until = ? WHERE id = ?`,
				out[i].Attempt, owner, now+lease.Microseconds(), out[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// markUnknown makes deliveries unknown whose sender is gone, and returns how many. which is a condition on
// the delivery table, with its args.
func (s *Store) markUnknown(w *writer, which string, args ...any) (int, error) {
	failure, err := encode(chat.DeliveryError{
		Reason: chat.ReasonOutcomeUnknown, Message: "the daemon ended while the message was being sent",
		Hint: "a receipt will tell whether it arrived; it is not sent again",
	})
	if err != nil {
		return 0, err
	}
	return s.settleAll(w, store.StateUnknown, string(failure), "send.unknown", "its sender is gone", which, args...)
}

// expire ends deliveries that are of no use any more.
func (s *Store) expire(w *writer, now int64) error {
	_, err := s.settleAll(w, store.StateExpired, "", "send.expired", "it was not sent in time",
		`state = 'queued' AND expires_at > 0 AND expires_at <= ?`, now)
	return err
}

// settleAll moves the deliveries that match which to a state that ends them, says so in the trace, and
// applies the receipts that came before. It returns how many matched.
func (s *Store) settleAll(
	w *writer, state store.DeliveryState, failure, hop, why, which string, args ...any,
) (int, error) {
	var found []struct{ ID, Cause string }
	err := w.each(`SELECT id, cause FROM delivery WHERE `+which, args, func(rows *sql.Rows) error {
		var d struct{ ID, Cause string }
		err := rows.Scan(&d.ID, &d.Cause)
		found = append(found, d)
		return err
	})
	for _, d := range found {
		if err != nil {
			break
		}
		now := s.now()
		if _, err = w.exec(`UPDATE delivery SET state = ?, error = ?, owner = '', lease_until = 0, settled_at = ?
			WHERE id = ?`, string(state), failure, micros(now), d.ID); err != nil {
			break
		}
		if err = trace(w, d.Cause, []store.TraceEvent{{At: now, Hop: hop, Detail: why, DeliveryID: d.ID}}); err != nil {
			break
		}
		err = s.applyReceipts(w, d.ID)
	}
	return len(found), err
}

// Settle implements store.Outbox.
func (s *Store) Settle(ctx context.Context, v store.Settlement) error {
	ids, err := encode(v.MessageIDs)
	if err != nil {
		return err
	}
	if v.MessageIDs == nil {
		ids = []byte("[]")
	}
	var failure []byte
	if v.Error != nil {
		if failure, err = encode(v.Error); err != nil {
			return err
		}
	}
	return s.commit.do(ctx, func(w *writer) error {
		attempt, settled, now := v.Attempt, int64(0), micros(s.now())
		if v.State != store.StateQueued {
			settled = now
		} else if v.Deferred {
			attempt--
		}
		n, err := w.exec(`UPDATE delivery SET state = ?, attempt = ?, next_at = ?, message_ids = ?, error = ?,
				settled_at = ?, owner = '', lease_until = 0
			WHERE id = ? AND attempt = ? AND state = 'sending'`,
			string(v.State), attempt, micros(v.NextAt), string(ids), string(failure), settled, v.DeliveryID, v.Attempt)
		if err != nil || n == 0 {
			return err // not the current attempt
		}
		return s.settled(w, v, now)
	})
}

// settled records what comes with the end of an attempt: the parts that are out, the trace, what is sent
// instead, and what receipts already said.
func (s *Store) settled(w *writer, v store.Settlement, now int64) error {
	var cause, platform, account string
	if _, err := w.row(`SELECT cause, platform, account FROM delivery WHERE id = ?`, []any{v.DeliveryID},
		&cause, &platform, &account); err != nil {
		return err
	}
	for _, id := range v.MessageIDs {
		if _, err := w.exec(`INSERT INTO part (message_id, platform, account, delivery_id) VALUES (?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, id, platform, account, v.DeliveryID); err != nil {
			return err
		}
	}
	if v.State == store.StateSent {
		if _, err := w.exec(`INSERT INTO last_time (platform, last_out) VALUES (?, ?)
			ON CONFLICT DO UPDATE SET last_out = excluded.last_out`, platform, now); err != nil {
			return err
		}
	}
	if err := trace(w, cause, v.Trace); err != nil {
		return err
	}
	if err := s.enqueue(w, v.Instead); err != nil {
		return err
	}
	return s.applyReceipts(w, v.DeliveryID)
}

// receive stores a receipt and applies it when its delivery is known.
func (s *Store) receive(w *writer, r chat.Receipt) error {
	failure := ""
	if r.Error != nil {
		b, err := encode(r.Error)
		if err != nil {
			return err
		}
		failure = string(b)
	}
	n, err := w.exec(`INSERT INTO receipt (id, platform, account, message_id, delivery_id, status, at, error, stored_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		r.ID, r.Platform, r.Account, r.MessageID, r.DeliveryID, string(r.Status), micros(r.At), failure, micros(s.now()))
	if err != nil || n == 0 {
		return err
	}
	// The platform's id of the message proves more than what it carries of ours.
	id := ""
	found, err := w.row(`SELECT delivery_id FROM part WHERE message_id = ? AND platform = ? AND account = ?`,
		[]any{r.MessageID, r.Platform, r.Account}, &id)
	if err == nil && !found && r.DeliveryID != "" {
		_, err = w.row(`SELECT id FROM delivery WHERE id = ? AND platform = ? AND account = ?`,
			[]any{r.DeliveryID, r.Platform, r.Account}, &id)
	}
	if err != nil || id == "" {
		return err // kept until the answer tells what it is about
	}
	return s.applyReceipts(w, id)
}

// receiptRanks say how far a message got; failed and deleted stand apart.
var receiptRanks = map[chat.ReceiptStatus]int{
	chat.ReceiptSent: 1, chat.ReceiptDelivered: 2, chat.ReceiptRead: 3, chat.ReceiptPlayed: 3,
}

// stateRanks say the same of deliveries; unknown has none. rankStates is the reverse.
var (
	stateRanks = map[store.DeliveryState]int{store.StateSent: 1, store.StateDelivered: 2, store.StateRead: 3}
	rankStates = map[int]store.DeliveryState{1: store.StateSent, 2: store.StateDelivered, 3: store.StateRead}
)

// settledByReceipts are the states that a receipt may change.
var settledByReceipts = []store.DeliveryState{
	store.StateSent, store.StateDelivered, store.StateRead, store.StateUnknown,
}

// applyReceipts works out the state of a delivery from all receipts about it, so that the order of their
// arrival does not matter. What is queued or being sent is left alone until its attempt ends.
func (s *Store) applyReceipts(w *writer, id string) error {
	var state, ids, cause, platform, account string
	var response []byte
	ok, err := w.row(`SELECT state, message_ids, cause, platform, account, response FROM delivery WHERE id = ?`,
		[]any{id}, &state, &ids, &cause, &platform, &account, &response)
	if err != nil || !ok {
		return err
	}
	current := store.DeliveryState(state)
	if !slices.Contains(settledByReceipts, current) {
		return nil
	}
	var parts []string
	if err := decode([]byte(ids), &parts); err != nil {
		return err
	}
	reports, err := reportsOn(w, id, platform, account)
	if err != nil || len(reports) == 0 {
		return err
	}
	if len(parts) == 0 && !single(response) {
		return nil // nobody knows how many parts there were, so receipts for some prove nothing about the others
	}
	next, failure := reports.conclude(current, parts)
	if next == current {
		return nil
	}
	if _, err := w.exec(`UPDATE delivery SET state = ?, error = ?, settled_at = ? WHERE id = ?`,
		string(next), failure, micros(s.now()), id); err != nil {
		return err
	}
	return trace(w, cause, []store.TraceEvent{{
		At: s.now(), Hop: "receipt." + string(next), Detail: failureText(failure), DeliveryID: id,
	}})
}

// single reports whether an answer surely went out as one message, on any platform.
func single(response []byte) bool {
	var r chat.Response
	if json.Unmarshal(response, &r) != nil {
		return false
	}
	files := len(r.Attachments) + len(r.Contacts)
	return files == 0 && r.Location == nil && r.Template == nil && r.Reaction == nil &&
		len(r.Text)+len(r.Header)+len(r.Footer) <= maxSingle
}

// maxSingle is what every platform takes in one message, in bytes.
const maxSingle = 900

// failureText is a stored error as one sentence; empty when there is none.
func failureText(failure string) string {
	var e chat.DeliveryError
	if failure == "" || json.Unmarshal([]byte(failure), &e) != nil {
		return ""
	}
	return string(e.Reason) + ": " + e.Message
}

// report is the best that receipts tell of one part.
type report struct {
	rank    int // see receiptRanks
	failed  bool
	failure string // with failed: a chat.DeliveryError as JSON, or empty
}

// reports has what receipts tell of a delivery, by the platform's id of the message.
type reports map[string]report

// reportsOn gathers the receipts of a delivery by message.
func reportsOn(w *writer, id, platform, account string) (reports, error) {
	out := reports{}
	err := w.each(`SELECT message_id, status, error FROM receipt WHERE delivery_id = ?1 AND platform = ?2 AND account = ?3
		UNION SELECT r.message_id, r.status, r.error FROM part p JOIN receipt r
			ON r.message_id = p.message_id AND r.platform = p.platform AND r.account = p.account WHERE p.delivery_id = ?1`,
		[]any{id, platform, account}, func(rows *sql.Rows) error {
			var message, status, failure string
			if err := rows.Scan(&message, &status, &failure); err != nil {
				return err
			}
			r := out[message]
			r.rank = max(r.rank, receiptRanks[chat.ReceiptStatus(status)])
			if chat.ReceiptStatus(status) == chat.ReceiptFailed {
				r.failed, r.failure = true, failure
			}
			out[message] = r
			return nil
		})
	return out, err
}

// conclude returns the state of a delivery with these parts. All its parts must have got as far; one that
// failed, and did not arrive all the same, fails it. Otherwise a state never goes back, such as from read to
// sent.
func (rs reports) conclude(current store.DeliveryState, parts []string) (next store.DeliveryState, failure string) {
	if len(parts) == 0 { // its answer was lost: what receipts name is all there is
		for id := range rs {
			parts = append(parts, id)
		}
	}
	least := stateRanks[store.StateRead]
	for _, id := range parts {
		r := rs[id]
		if r.failed && r.rank < receiptRanks[chat.ReceiptDelivered] {
			return store.StateFailed, r.failure
		}
		least = min(least, r.rank)
	}
	if least > stateRanks[current] {
		return rankStates[least], ""
	}
	return current, ""
}

// NextDue implements store.Outbox.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var at sql.NullInt64
	err := s.reads.QueryRowContext(ctx, `SELECT min(next_at) FROM delivery d WHERE state = 'queued' AND `+oldest).Scan(&at)
	if err != nil || !at.Valid {
		return time.Time{}, err
	}
	return time.UnixMicro(at.Int64), nil // what is due at once is due since 1970
}

// Delivery implements store.Outbox.
func (s *Store) Delivery(ctx context.Context, id string) (store.Delivery, error) {
	d, err := scanDelivery(s.reads.QueryRowContext(ctx, `SELECT `+deliveryColumns+` FROM delivery WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return d, store.ErrNotFound
	}
	return d, err
}
