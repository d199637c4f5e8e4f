package sqlstore

import (
	"database/sql"
	"encoding/json"
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
	id := ""
	found, err := w.Row(`SELECT delivery_id FROM part WHERE message_id = $1 AND platform = $2 AND account = $3`,
		[]any{r.MessageID, r.Platform, r.Account}, &id)
	if err == nil && !found && r.DeliveryID != "" {
		_, err = w.Row(`SELECT id FROM delivery WHERE id = $1 AND platform = $2 AND account = $3`,
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
func (s *Store) applyReceipts(w *Writer, id string) error {
	var state, ids, cause, platform, account string
	var response []byte
	ok, err := w.Row(`SELECT state, message_ids, cause, platform, account, response FROM delivery WHERE id = $1`,
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
	if _, err := w.Exec(`UPDATE delivery SET state = $1, error = $2, settled_at = $3 WHERE id = $4`,
		string(next), failure, micros(w.now), id); err != nil {
		return err
	}
	return trace(w, cause, []store.TraceEvent{{
		At: w.now, Hop: "receipt." + string(next), Detail: failureText(failure), DeliveryID: id,
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
func reportsOn(w *Writer, id, platform, account string) (reports, error) {
	out := reports{}
	err := w.each(`SELECT message_id, status, error FROM receipt WHERE delivery_id = $1 AND platform = $2 AND account = $3
		UNION SELECT r.message_id, r.status, r.error FROM part p JOIN receipt r
			ON r.message_id = p.message_id AND r.platform = p.platform AND r.account = p.account WHERE p.delivery_id = $1`,
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
