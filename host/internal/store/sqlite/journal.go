package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// trace writes events; those without a cause get the given one.
func trace(w *writer, cause string, events []store.TraceEvent) error {
	for _, e := range events {
		if _, err := w.exec(`INSERT INTO trace (cause, delivery_id, at, hop, detail, duration_ns)
			VALUES (?, ?, ?, ?, ?, ?)`,
			cmp.Or(e.Cause, cause), e.DeliveryID, micros(e.At), e.Hop, e.Detail, int64(e.Duration)); err != nil {
			return err
		}
	}
	return nil
}

// AppendTrace implements store.Journal.
func (s *Store) AppendTrace(ctx context.Context, events []store.TraceEvent) error {
	return s.commit.do(ctx, func(w *writer) error { return trace(w, "", events) })
}

// Trace implements store.Journal.
func (s *Store) Trace(ctx context.Context, id string) ([]store.TraceEvent, error) {
	cause, err := s.causeOf(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []store.TraceEvent
	rows, err := s.reads.QueryContext(ctx,
		`SELECT delivery_id, at, hop, detail, duration_ns FROM trace WHERE cause = ? ORDER BY at, seq`, cause)
	err = drain(rows, err, func(rows *sql.Rows) error {
		e := store.TraceEvent{Cause: cause}
		var at, took int64
		if err := rows.Scan(&e.DeliveryID, &at, &e.Hop, &e.Detail, &took); err != nil {
			return err
		}
		e.At, e.Duration = moment(at), time.Duration(took)
		out = append(out, e)
		return nil
	})
	if err == nil && len(out) == 0 {
		err = store.ErrNotFound
	}
	return out, err
}

// causeOf finds the cause that an id is about: that of a user's message, of a delivery, of a message of ours
// or of a trace, or a reference.
func (s *Store) causeOf(ctx context.Context, id string) (cause string, err error) {
	for _, query := range []string{
		`SELECT cause FROM message WHERE cause = ?1 OR event_id = ?1 ORDER BY seq DESC LIMIT 1`,
		`SELECT cause FROM delivery WHERE id = ?1`,
		`SELECT d.cause FROM part p JOIN delivery d ON d.id = p.delivery_id WHERE p.message_id = ?1 LIMIT 1`,
		`SELECT cause FROM trace WHERE cause = ?1 LIMIT 1`, // its message may be forgotten already
		`SELECT cause FROM message WHERE reference = upper(?1) ORDER BY seq DESC LIMIT 1`,
	} {
		err := s.reads.QueryRowContext(ctx, query, id).Scan(&cause)
		if err == nil || !errors.Is(err, sql.ErrNoRows) {
			return cause, err
		}
	}
	return "", store.ErrNotFound
}

// AgentChoice implements store.Journal.
func (s *Store) AgentChoice(ctx context.Context, conversation, userID string) (agent string, err error) {
	err = s.reads.QueryRowContext(ctx, `SELECT agent FROM choice WHERE conversation = ? AND user_id = ?`,
		conversation, userID).Scan(&agent)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return agent, err
}

// OfferedBy implements store.Journal.
func (s *Store) OfferedBy(ctx context.Context, platform, account, messageID string) (agent string, err error) {
	err = s.reads.QueryRowContext(ctx, `SELECT d.agent FROM part p JOIN delivery d ON d.id = p.delivery_id
		WHERE p.message_id = ? AND p.platform = ? AND p.account = ?`, messageID, platform, account).Scan(&agent)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return agent, err
}

// LastDelivery implements store.Journal.
func (s *Store) LastDelivery(ctx context.Context, conversation string) (store.Delivery, error) {
	d, err := scanDelivery(s.reads.QueryRowContext(ctx,
		`SELECT `+deliveryColumns+` FROM delivery WHERE conversation = ? ORDER BY seq DESC LIMIT 1`, conversation))
	if errors.Is(err, sql.ErrNoRows) {
		return d, store.ErrNotFound
	}
	return d, err
}

// History implements store.Journal.
func (s *Store) History(ctx context.Context, conversation, agent string, n int) ([]chat.Turn, error) {
	if n <= 0 {
		return nil, nil
	}
	var out []chat.Turn
	rows, err := s.reads.QueryContext(ctx,
		`SELECT turn FROM history WHERE conversation = ? AND agent = ? ORDER BY seq DESC LIMIT ?`, conversation, agent, n)
	err = drain(rows, err, func(rows *sql.Rows) error {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return err
		}
		out = append(out, chat.Turn{})
		return decode(body, &out[len(out)-1])
	})
	slices.Reverse(out)
	return out, err
}

// Backlog implements store.Journal.
func (s *Store) Backlog(ctx context.Context) (b store.Backlog, err error) {
	err = s.reads.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM message WHERE outcome IS NULL),
		(SELECT count(*) FROM lane WHERE owner <> '' AND lease_until > ?),
		(SELECT count(*) FROM delivery WHERE state IN ('queued', 'sending')),
		(SELECT count(*) FROM delivery WHERE state = 'unknown'),
		(SELECT count(*) FROM delivery WHERE state = 'failed')`, micros(s.now())).
		Scan(&b.InboxPending, &b.TurnsRunning, &b.OutboxPending, &b.OutboxUnknown, &b.OutboxFailed)
	return b, err
}

// LastTimes implements store.Journal.
func (s *Store) LastTimes(ctx context.Context) (map[string]store.Times, error) {
	out := map[string]store.Times{}
	rows, err := s.reads.QueryContext(ctx, `SELECT platform, last_in, last_out FROM last_time`)
	return out, drain(rows, err, func(rows *sql.Rows) error {
		var platform string
		var in, sent int64
		if err := rows.Scan(&platform, &in, &sent); err != nil {
			return err
		}
		out[platform] = store.Times{In: moment(in), Out: moment(sent)}
		return nil
	})
}

// pruneBatch is how many rows one commit forgets, so that nothing waits long behind it.
const pruneBatch = 500

// Prune implements store.Store. Messages and deliveries go by the time at which they were settled, each by
// its own; the trace goes when its message is no more.
func (s *Store) Prune(ctx context.Context, t time.Time) error {
	before := micros(t)
	for _, query := range []string{
		`DELETE FROM part WHERE (message_id, platform, account) IN
			(SELECT p.message_id, p.platform, p.account FROM delivery d JOIN part p ON p.delivery_id = d.id
			WHERE d.settled_at > 0 AND d.settled_at < ? LIMIT ?)`,
		`DELETE FROM delivery WHERE seq IN (SELECT seq FROM delivery WHERE settled_at > 0 AND settled_at < ? LIMIT ?)`,
		`DELETE FROM message WHERE seq IN (SELECT seq FROM message WHERE outcome IS NOT NULL AND done_at < ? LIMIT ?)`,
		`DELETE FROM receipt WHERE (id, platform, account) IN
			(SELECT id, platform, account FROM receipt WHERE stored_at < ? LIMIT ?)`,
		`DELETE FROM notice WHERE (id, platform, account) IN
			(SELECT id, platform, account FROM notice WHERE stored_at < ? LIMIT ?)`,
		`DELETE FROM history WHERE seq IN (SELECT seq FROM history WHERE stored_at < ? LIMIT ?)`,
		`DELETE FROM trace WHERE seq IN (SELECT t.seq FROM trace t WHERE t.at < ?
			AND NOT EXISTS (SELECT 1 FROM message m WHERE m.cause = t.cause) LIMIT ?)`,
	} {
		for {
			var n int64
			err := s.commit.do(ctx, func(w *writer) (err error) {
				n, err = w.exec(query, before, pruneBatch)
				return err
			})
			if err != nil {
				return err
			}
			if n < pruneBatch {
				break
			}
		}
	}
	return nil
}
