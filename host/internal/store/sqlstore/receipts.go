package sqlstore

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// receive stores a receipt and applies it when its delivery is known.
func (s *Store) receive(w *Writer, r chat.Receipt) error {
	failure, err := encodeError(r.Error)
	if err != nil {
		return err
	}
	n, err := w.Exec(`INSERT INTO receipt (id, platform, account, message_id, delivery_id, status, at, error, stored_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
		r.ID, r.Platform, r.Account, r.MessageID, r.DeliveryID, string(r.Status), micros(r.At), failure, micros(w.now))
	if err != nil || n == 0 {
		return err
	}
	// The platform's id of the message proves more than what it carries of ours.
	var ids []string
	err = w.each(`SELECT delivery_id FROM part WHERE message_id = $1 AND platform = $2 AND account = $3 ORDER BY delivery_id`,
		[]any{r.MessageID, r.Platform, r.Account}, func(rows Row) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
	if err == nil && len(ids) == 0 && r.DeliveryID != "" {
		ids, err = s.namedBy(w, r)
	}
	for _, id := range ids { // none: it is kept until the answer tells what it is about
		if err == nil && id != r.DeliveryID { // that one was known before the transaction began
			err = w.lock(deliveryKey(id))
		}
		if err == nil {
			err = s.applyReceipts(w, id)
		}
	}
	return err
}

// namedBy returns the delivery that a receipt names, and what went out in one message with it.
func (s *Store) namedBy(w *Writer, r chat.Receipt) ([]string, error) {
	var id string
	found, err := w.Row(`SELECT id FROM delivery WHERE id = $1 AND platform = $2 AND account = $3`,
		[]any{r.DeliveryID, r.Platform, r.Account}, &id)
	if err != nil || !found {
		return nil, err
	}
	others, err := joinedWith(w, id)
	return append(others, id), err
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
func (s *Store) applyReceipts(w *Writer, id string) error {
	d, joined, err := deliveryIn(w, id)
	if err != nil || !slices.Contains(settledByReceipts, d.State) {
		return err
	}
	reports, err := reportsOn(w, d, joined)
	if err != nil || len(reports) == 0 {
		return err
	}
	if len(d.MessageIDs) == 0 && !single(d.Response) {
		return nil // nobody knows how many parts there were, so receipts for some prove nothing about the others
	}
	next, failure := reports.conclude(d.State, d.MessageIDs)
	if next == d.State {
		return nil
	}
	if next == store.StateFailed {
		if again, err := s.retry(w, d, joined, reports, failure); again || err != nil {
			return err
		}
	}
	if err := w.later(`UPDATE delivery SET state = $1, error = $2, settled_at = $3 WHERE id = $4`,
		string(next), failure, micros(w.now), id); err != nil {
		return err
	}
	return trace(w, d.Cause, []store.TraceEvent{{
		At: w.now, Hop: store.HopReceiptPrefix + string(next), Detail: failureText(failure), DeliveryID: id,
	}})
}

// retry queues a delivery again that failed after the platform had taken it, if that makes sense. It reports
// whether it did. What was reported is of this attempt: it says nothing about the next one.
func (s *Store) retry(w *Writer, d store.Delivery, joined string, reported reports, failure string) (bool, error) {
	e, err := decodeError(failure)
	if err != nil || e == nil || s.Retry == nil || len(d.MessageIDs) > 1 {
		return false, err
	}
	wait, again := s.Retry(d, *e, w.now)
	if !again {
		return false, nil
	}
	w.changed = true
	// A message whose answer was lost is known by its receipts only. As a part it is told from the next attempt's. What
	// this one was joined to keeps the message as its own; from now on its receipts are no concern of this one.
	if joined == "" {
		for _, id := range slices.Sorted(maps.Keys(reported)) {
			if err := addPart(w, id, d.Platform, d.Account, d.ID); err != nil {
				return false, err
			}
		}
	}
	if err := w.later(`UPDATE delivery SET state = 'queued', behind = 0, joined = '', next_at = $1, message_ids = '[]',
		error = $2, settled_at = 0 WHERE id = $3`, micros(w.now.Add(wait)), failure, d.ID); err != nil {
		return false, err
	}
	return true, trace(w, d.Cause, []store.TraceEvent{{
		At: w.now, Hop: store.HopRetried, Duration: wait, DeliveryID: d.ID,
		Detail: "the platform took it and reported later that it failed: " + failureText(failure),
	}})
}

// deliveryIn returns a delivery as the transaction sees it, and what it was joined to.
func deliveryIn(w *Writer, id string) (d store.Delivery, joined string, err error) {
	err = w.each(`SELECT `+deliveryColumns+`, d.joined`+deliveriesFrom+` WHERE d.id = $1`, []any{id}, func(row Row) (err error) {
		d, _, err = scanDelivery(row, &joined)
		return err
	})
	return d, joined, err
}

// single reports whether an answer surely went out as one message, on any platform.
func single(r chat.Response) bool {
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

// receiptsOf is a SELECT of the receipts of the delivery $1, of the account $2 and $3, and of $4, which it was joined to.
func receiptsOf(columns string) string {
	return `SELECT ` + columns + ` FROM receipt r WHERE r.delivery_id IN ($1, $4) AND r.delivery_id <> '' AND r.platform = $2 AND r.account = $3
		UNION SELECT ` + columns + ` FROM part p JOIN receipt r
			ON r.message_id = p.message_id AND r.platform = p.platform AND r.account = p.account WHERE p.delivery_id = $1`
}

// reported reports whether there are receipts of a delivery already.
func reported(w *Writer, id string, d sending) (bool, error) {
	return w.Row(receiptsOf(`1`), []any{id, d.Platform, d.Account.Account, d.joined}, new(int))
}

// reportsOn gathers the receipts of a delivery, and of the one that it was joined to, by message. When its
// answer was lost, what was known as a part of either before is of an attempt that failed, and left out.
func reportsOn(w *Writer, d store.Delivery, joined string) (reports, error) {
	out := reports{}
	err := w.each(receiptsOf(`r.message_id, r.status, r.error`),
		[]any{d.ID, d.Platform, d.Account, joined}, func(rows Row) error {
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
	if err != nil || len(d.MessageIDs) > 0 {
		return out, err
	}
	err = w.each(`SELECT message_id FROM part WHERE delivery_id IN ($1, $2)`, []any{d.ID, joined}, func(rows Row) error {
		var message string
		err := rows.Scan(&message)
		delete(out, message)
		return err
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
