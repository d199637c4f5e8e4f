package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// hop is a trace event as it is stored.
type hop struct {
	At       int64         `json:"t"`
	Hop      string        `json:"h"`
	Detail   string        `json:"d,omitempty"`
	Took     time.Duration `json:"n,omitempty"`
	Delivery string        `json:"i,omitempty"`
}

var intoTrace = inserting(`INSERT INTO trace (cause, at, events)`, 3)

// trace writes events as one row for each cause; those without one get the given cause.
func trace(w *Writer, cause string, events []store.TraceEvent) error {
	for len(events) > 0 {
		of := cmp.Or(events[0].Cause, cause)
		var hops []hop
		var rest []store.TraceEvent
		for _, e := range events {
			if cmp.Or(e.Cause, cause) != of {
				rest = append(rest, e)
				continue
			}
			hops = append(hops, hop{At: micros(e.At), Hop: e.Hop, Detail: e.Detail, Took: e.Duration, Delivery: e.DeliveryID})
		}
		b, err := encode(hops)
		if err != nil {
			return err
		}
		if err := w.gather(intoTrace, of, hops[0].At, b); err != nil {
			return err
		}
		events = rest
	}
	return nil
}

// AppendTrace implements store.Journal.
func (s *Store) AppendTrace(ctx context.Context, events []store.TraceEvent) error {
	return s.commit.do(ctx, nil, func(w *Writer) error { return trace(w, "", events) })
}

// Trace implements store.Journal.
func (s *Store) Trace(ctx context.Context, id string) ([]store.TraceEvent, error) {
	cause, err := s.causeOf(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []store.TraceEvent
	rows, err := s.Reads.QueryContext(ctx, `SELECT cause, seq, events FROM trace WHERE cause = $1 ORDER BY seq`, cause)
	if err = drain(rows, err, func(rows *sql.Rows) error { return scanTrace(rows, &out, new(int64)) }); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, store.ErrNotFound
	}
	slices.SortStableFunc(out, func(a, b store.TraceEvent) int { return a.At.Compare(b.At) })
	return out, nil
}

// scanTrace reads cause, seq and events of a row.
func scanTrace(rows *sql.Rows, out *[]store.TraceEvent, seq *int64) error {
	var cause string
	var events []byte
	if err := rows.Scan(&cause, seq, &events); err != nil {
		return err
	}
	var hops []hop
	if err := decode(events, &hops); err != nil {
		return err
	}
	for _, h := range hops {
		*out = append(*out, store.TraceEvent{
			At: moment(h.At), Hop: h.Hop, Detail: h.Detail, Duration: h.Took, DeliveryID: h.Delivery, Cause: cause,
		})
	}
	return nil
}

// TraceAfter implements store.Journal.
func (s *Store) TraceAfter(ctx context.Context, after int64, limit int) (events []store.TraceEvent, last int64, err error) {
	and := ""
	if s.Settled != "" {
		and = " AND " + s.Settled
	}
	if after < 0 {
		err := s.Reads.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM trace WHERE seq > $1`+and, 0).Scan(&last)
		return nil, last, err
	}
	last = after
	rows, err := s.Reads.QueryContext(ctx,
		`SELECT cause, seq, events FROM trace WHERE seq > $1`+and+` ORDER BY seq LIMIT $2`, after, limit)
	err = drain(rows, err, func(rows *sql.Rows) error { return scanTrace(rows, &events, &last) })
	return events, last, err
}

// Webhook implements store.Journal.
func (s *Store) Webhook(ctx context.Context, cause string) (r chat.Request, err error) {
	var request, body []byte
	seq, err := s.messageOf(ctx, cause)
	if err != nil {
		return r, err
	}
	err = s.Reads.QueryRowContext(ctx, `SELECT w.request, w.body FROM message m JOIN webhook w ON w.id = m.webhook
		WHERE m.seq = $1`, seq).Scan(&request, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return r, store.ErrNotFound
	}
	if err == nil {
		err = decode(request, &r)
	}
	r.Body = body
	return r, err
}

// messageOf returns the seq of a cause's message, or store.ErrNotFound.
func (s *Store) messageOf(ctx context.Context, cause string) (seq int64, err error) {
	err = s.Reads.QueryRowContext(ctx, `SELECT m.seq FROM seen s JOIN message m ON m.seq = s.message
		WHERE s.key = $1 AND m.cause = $2`, seenKey(cause), cause).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, store.ErrNotFound
	}
	return seq, err
}

// causeOf finds the cause that an id is about: that of a user's message, of a delivery, of a message of ours
// or of a trace, or a reference.
func (s *Store) causeOf(ctx context.Context, id string) (cause string, err error) {
	find := func(query string, args ...any) (bool, error) {
		err := s.Reads.QueryRowContext(ctx, query, args...).Scan(&cause)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		return err == nil, err
	}
	const byKey = `SELECT m.cause FROM seen s JOIN message m ON m.seq = s.message WHERE s.key = $1 AND m.cause = $2`
	if ok, err := find(byKey, seenKey(id), id); ok || err != nil {
		return cause, err
	}
	for _, query := range []string{
		`SELECT cause FROM delivery WHERE id = $1`,
		`SELECT d.cause FROM part p JOIN delivery d ON d.id = p.delivery_id WHERE p.message_id = $1 LIMIT 1`,
		`SELECT cause FROM trace WHERE cause = $1 LIMIT 1`, // its message may be forgotten already
	} {
		if ok, err := find(query, id); ok || err != nil {
			return cause, err
		}
	}
	accounts, err := s.accounts(ctx)
	if err != nil {
		return "", err
	}
	for _, a := range accounts {
		of := store.CauseOf(chat.Message{Platform: a.Platform, Account: a.Account, ID: id})
		if ok, err := find(byKey, seenKey(of), of); ok || err != nil {
			return cause, err
		}
	}
	return s.referred(ctx, strings.ToUpper(id))
}

// referred finds the newest cause with a reference.
func (s *Store) referred(ctx context.Context, reference string) (cause string, err error) {
	// Six characters are 30 bits, with which the key of the cause begins.
	from, err := base32.StdEncoding.DecodeString(reference + "AA")
	if err != nil || len(reference) != 6 {
		return "", store.ErrNotFound
	}
	to, _ := base32.StdEncoding.DecodeString(reference + "77")
	rows, err := s.Reads.QueryContext(ctx, `SELECT m.cause FROM seen s JOIN message m ON m.seq = s.message
		WHERE s.key >= $1 AND s.key <= $2 ORDER BY m.seq DESC`, from, append(to, slices.Repeat([]byte{0xff}, 11)...))
	err = drain(rows, err, func(rows *sql.Rows) error {
		var c string
		if err := rows.Scan(&c); err != nil {
			return err
		}
		if cause == "" && store.Reference(c) == reference {
			cause = c
		}
		return nil
	})
	if err == nil && cause == "" {
		err = store.ErrNotFound
	}
	return cause, err
}

// accounts returns all that ever had a message.
func (s *Store) accounts(ctx context.Context) (out []store.Account, err error) {
	rows, err := s.Reads.QueryContext(ctx, `SELECT platform, account FROM last_time`)
	return out, drain(rows, err, func(rows *sql.Rows) error {
		var a store.Account
		err := rows.Scan(&a.Platform, &a.Account)
		out = append(out, a)
		return err
	})
}
