package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// where gathers the conditions of a query.
type where struct {
	conditions []string
	args       []any
}

// add adds a condition, in which each ? stands for v.
func (w *where) add(condition string, v any) {
	w.args = append(w.args, v)
	w.conditions = append(w.conditions, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(w.args))))
}

// equal adds a condition unless v is empty.
func (w *where) equal(column, v string) {
	if v != "" {
		w.add(column+" = ?", v)
	}
}

// anyOf adds a condition unless there are no values.
func anyOf[T ~string](w *where, column string, values []T) {
	if len(values) == 0 {
		return
	}
	var marks []string
	for _, v := range values {
		w.args = append(w.args, string(v))
		marks = append(marks, fmt.Sprintf("$%d", len(w.args)))
	}
	w.conditions = append(w.conditions, column+" IN ("+strings.Join(marks, ", ")+")")
}

// common adds what all pages can be filtered by; at is the column of the time.
func (w *where) common(f store.Filter, seq, at string) {
	w.equal("platform", f.Platform)
	w.equal("account", f.Account)
	if !f.Since.IsZero() {
		w.add(at+" >= ?", micros(f.Since))
	}
	if !f.Until.IsZero() {
		w.add(at+" < ?", micros(f.Until))
	}
	if f.Before > 0 {
		w.add(seq+" < ?", int64(f.Before))
	}
}

// search adds a condition that holds when one of the columns names has s in it, or one of the columns ids is s.
func (w *where) search(s string, names, ids []string) {
	if s == "" {
		return
	}
	var any []string
	for _, column := range names {
		any = append(any, "lower("+column+`) LIKE ? ESCAPE '\'`)
	}
	w.add(strings.Join(any, " OR "), "%"+likely.Replace(strings.ToLower(s))+"%")
	last := len(w.conditions) - 1
	either := w.conditions[last]
	w.args = append(w.args, s)
	for _, column := range ids {
		either += fmt.Sprintf(" OR %s = $%d", column, len(w.args))
	}
	w.conditions[last] = "(" + either + ")"
}

// likely escapes what LIKE takes for patterns.
var likely = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

// page returns the rest of a query: a page of at most size entries and one more, newest first by seq.
func (w *where) page(seq string, size int) string {
	q := ""
	if len(w.conditions) > 0 {
		q = " WHERE " + strings.Join(w.conditions, " AND ")
	}
	w.args = append(w.args, size+1)
	return q + fmt.Sprintf(" ORDER BY %s DESC LIMIT $%d", seq, len(w.args))
}

const (
	pageSize    = 50
	pageSizeMax = 1000
)

func sizeOf(f store.Filter) int {
	if f.Limit <= 0 {
		return pageSize
	}
	return min(f.Limit, pageSizeMax)
}

// page cuts what a query of where.page gave to its size. seqs has those of the entries.
func page[T any](entries []T, seqs []int64, size int) ([]T, store.Cursor) {
	if len(entries) <= size {
		return entries, 0
	}
	return entries[:size], store.Cursor(seqs[size-1])
}

// messages is what scanMessage reads.
const messages = `SELECT seq, cause, conversation, lane, platform, account, user_id, user_name, received_at, preview, body,
	outcome, reason, done_at, replay_of FROM message`

func scanMessage(row interface{ Scan(...any) error }) (m store.MessageRecord, seq int64, err error) {
	var lane string
	var outcome sql.NullString
	var received, done int64
	var body []byte
	if err := row.Scan(&seq, &m.Cause, &m.Conversation, &lane, &m.Platform, &m.Account, &m.UserID, &m.UserName, &received,
		&m.Preview, &body, &outcome, &m.Reason, &done, &m.ReplayOf); err != nil {
		return m, seq, err
	}
	m.Lane, m.Outcome = store.LaneKind(lane), store.Outcome(outcome.String)
	m.ReceivedAt, m.DoneAt = moment(received), moment(done)
	var c chat.Message
	if len(body) > 0 && decode(body, &c) == nil { // one that cannot be read is shown without
		m.Message = &c
	}
	return m, seq, nil
}

// Messages implements store.Ledger.
func (s *Store) Messages(ctx context.Context, f store.Filter) (out []store.MessageRecord, next store.Cursor, err error) {
	var w where
	w.common(f, "seq", "received_at")
	w.equal("conversation", f.Conversation)
	w.equal("user_id", f.UserID)
	anyOf(&w, "coalesce(outcome, '')", f.Outcomes)
	w.search(f.Search, []string{"preview", "user_name"}, []string{"user_id", "cause", "conversation"})
	var seqs []int64
	size := sizeOf(f)
	rows, err := s.Reads.QueryContext(ctx, messages+w.page("seq", size), w.args...)
	err = drain(rows, err, func(rows *sql.Rows) error {
		m, seq, err := scanMessage(rows)
		out, seqs = append(out, m), append(seqs, seq)
		return err
	})
	out, next = page(out, seqs, size)
	return out, next, err
}

// Message implements store.Ledger.
func (s *Store) Message(ctx context.Context, cause string) (m store.MessageRecord, err error) {
	seq, err := s.messageOf(ctx, cause)
	if err != nil {
		return m, err
	}
	m, _, err = scanMessage(s.Reads.QueryRowContext(ctx, messages+` WHERE seq = $1`, seq))
	if errors.Is(err, sql.ErrNoRows) {
		return m, store.ErrNotFound
	}
	return m, err
}

// Deliveries implements store.Ledger.
func (s *Store) Deliveries(ctx context.Context, f store.Filter) (out []store.Delivery, next store.Cursor, err error) {
	var w where
	w.common(store.Filter{Since: f.Since, Until: f.Until, Before: f.Before}, "d.seq", "d.created_at")
	w.equal("d.platform", f.Platform)
	w.equal("d.account", f.Account)
	w.equal("d.conversation", f.Conversation)
	w.equal("d.cause", f.Cause)
	anyOf(&w, "d.state", f.States)
	if len(f.States) > 0 && !slices.ContainsFunc(f.States, ordinary) {
		w.conditions = append(w.conditions, "d."+exceptional)
	}
	w.search(f.Search, []string{s.Said, "d.error", "d.agent"}, []string{"d.id", "d.channel_id", "d.cause", "d.conversation"})
	var seqs []int64
	size := sizeOf(f)
	rows, err := s.Reads.QueryContext(ctx, deliveries+w.page("d.seq", size), w.args...)
	err = drain(rows, err, func(rows *sql.Rows) error {
		d, seq, err := scanDelivery(rows)
		if errors.Is(err, errUnreadable) {
			err = nil // it is shown without
		}
		out, seqs = append(out, d), append(seqs, seq)
		return err
	})
	out, next = page(out, seqs, size)
	return out, next, err
}

// exceptional holds for a delivery in one of the states that few are in. An index has them; SQLite takes it for a
// condition that says so literally only, and would walk the whole ledger otherwise.
const exceptional = `state NOT IN ('queued', 'sent', 'delivered', 'read')`

// ordinary is the reverse.
func ordinary(s store.DeliveryState) bool {
	return slices.Contains([]store.DeliveryState{store.StateQueued, store.StateSent, store.StateDelivered, store.StateRead}, s)
}

// Attempts implements store.Ledger.
func (s *Store) Attempts(ctx context.Context, deliveryID string) (out []store.Attempt, err error) {
	rows, err := s.Reads.QueryContext(ctx, `SELECT n, owner, started_at, ended_at, state, messages, error FROM attempt
		WHERE delivery_id = $1 ORDER BY n`, deliveryID)
	return out, drain(rows, err, func(rows *sql.Rows) error {
		var a store.Attempt
		var from, to int64
		var state, failure string
		if err := rows.Scan(&a.N, &a.Owner, &from, &to, &state, &a.Messages, &failure); err != nil {
			return err
		}
		a.StartedAt, a.EndedAt, a.State = moment(from), moment(to), store.DeliveryState(state)
		a.Error, err = decodeError(failure)
		out = append(out, a)
		return err
	})
}

// Conversations implements store.Ledger.
func (s *Store) Conversations(ctx context.Context, f store.Filter) (out []store.Conversation, next store.Cursor, err error) {
	var w where
	w.add("canonical = ?", "")
	w.common(f, "seq", "last_inbound_at")
	w.equal("key", f.Conversation)
	w.equal("user_id", f.UserID)
	w.search(f.Search, []string{"user_name"}, []string{"user_id", "channel_id", "key"})
	var seqs []int64
	size := sizeOf(f)
	rows, err := s.Reads.QueryContext(ctx, `SELECT seq, key, platform, account, channel_id, thread_id, user_id, user_name,
		created_at, last_inbound_at, last_outbound_at FROM conversation`+w.page("seq", size), w.args...)
	err = drain(rows, err, func(rows *sql.Rows) error {
		var c store.Conversation
		var seq, created, in, sent int64
		err := rows.Scan(&seq, &c.Key, &c.Platform, &c.Account, &c.ChannelID, &c.ThreadID, &c.UserID, &c.UserName,
			&created, &in, &sent)
		c.CreatedAt, c.LastInboundAt, c.LastOutboundAt = moment(created), moment(in), moment(sent)
		out, seqs = append(out, c), append(seqs, seq)
		return err
	})
	out, next = page(out, seqs, size)
	return out, next, err
}

// Loads implements store.Ledger.
func (s *Store) Loads(ctx context.Context, platform string, open time.Time) (map[string]store.Load, error) {
	out := map[string]store.Load{}
	count := func(query string, args []any, to func(*store.Load, int)) error {
		rows, err := s.Reads.QueryContext(ctx, query, args...)
		return drain(rows, err, func(rows *sql.Rows) error {
			var account string
			var n int
			err := rows.Scan(&account, &n)
			l := out[account]
			to(&l, n)
			out[account] = l
			return err
		})
	}
	for _, pending := range []string{`state IN ('queued', 'sending')`, `state = 'held' AND ` + exceptional} {
		if err := count(`SELECT account, count(*) FROM delivery WHERE platform = $1 AND `+pending+` GROUP BY account`,
			[]any{platform}, func(l *store.Load, n int) { l.Pending += n }); err != nil {
			return nil, err
		}
	}
	return out, count(`SELECT account, count(*) FROM conversation WHERE platform = $1 AND canonical = ''
		AND last_inbound_at >= $2 GROUP BY account`, []any{platform, micros(open)},
		func(l *store.Load, n int) { l.OpenWindows = n })
}
