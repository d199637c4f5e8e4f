package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
)

// pruneBatch is how many rows one transaction forgets, so that nothing waits long behind it.
const pruneBatch = 500

// leastIDs is how long platforms send events again.
const leastIDs = 7 * 24 * time.Hour

// Prune implements store.Store. Tables in which rows stand in the order of time are walked from the oldest row
// on, so that they need no index for this.
func (s *Store) Prune(ctx context.Context, r store.Retention) error {
	now := s.Now()
	ago := func(d time.Duration) int64 { return micros(now.Add(-d)) }
	for _, w := range []walk{
		{"message", "seq", "received_at", ago(r.Bodies), `outcome IS NOT NULL AND done_at < $3 AND size > 0`, []string{
			`UPDATE message SET body = substr(body, 1, 0), preview = substr(preview, 1, 0), size = 0`,
		}},
		{"message", "seq", "received_at", ago(r.Ledger), `outcome IS NOT NULL AND done_at < $3`, []string{
			`DELETE FROM message`,
		}},
		{"delivery", "seq", "created_at", ago(r.Ledger), `settled_at > 0 AND settled_at < $3`, []string{
			`DELETE FROM part WHERE delivery_id IN (SELECT id FROM delivery`,
			`DELETE FROM attempt WHERE delivery_id IN (SELECT id FROM delivery`,
			`DELETE FROM delivery`,
		}},
		{"trace", "seq", "at", ago(r.Trace), `at < $3`, []string{`DELETE FROM trace`}},
		{"webhook", "id", "at", ago(r.Trace), `at < $3`, []string{`DELETE FROM webhook`}},
		{"history", "seq", "stored_at", ago(r.History), `stored_at < $3`, []string{`DELETE FROM history`}},
	} {
		if err := s.forget(ctx, w); err != nil {
			return err
		}
	}
	for _, query := range []string{
		`DELETE FROM receipt WHERE (id, platform, account) IN
			(SELECT id, platform, account FROM receipt WHERE stored_at < $1 LIMIT $2)`,
		`DELETE FROM notice WHERE (id, platform, account) IN
			(SELECT id, platform, account FROM notice WHERE stored_at < $1 LIMIT $2)`,
	} {
		for n := int64(pruneBatch); n == pruneBatch; {
			if err := s.commit.do(ctx, nil, func(w *Writer) (err error) {
				n, err = w.Exec(query, ago(r.Ledger), pruneBatch)
				return err
			}); err != nil {
				return err
			}
		}
	}
	return s.forgetIDs(ctx, ago(max(r.IDs, leastIDs)))
}

// walk is what is to be forgotten of a table whose key rises with the time at.
type walk struct {
	table, key, at string
	before         int64    // in time; $3 of which
	which          string   // a condition
	statements     []string // without their condition, or with an open parenthesis before it
}

// forget runs the statements of a walk, a chunk of rows after the other, from the oldest row on.
func (s *Store) forget(ctx context.Context, k walk) error {
	chunk := fmt.Sprintf(`SELECT max(%[1]s), min(%[2]s), coalesce(sum(CASE WHEN %[3]s THEN 1 ELSE 0 END), 0)
		FROM (SELECT * FROM %[4]s WHERE %[1]s > $1 ORDER BY %[1]s LIMIT $2) AS %[4]s`, k.key, k.at, k.which, k.table)
	for from := int64(0); ; {
		var to, oldest sql.NullInt64
		var some int
		if err := s.Reads.QueryRowContext(ctx, chunk, from, pruneBatch, k.before).Scan(&to, &oldest, &some); err != nil {
			return err
		}
		if !to.Valid || oldest.Int64 >= k.before {
			return nil
		}
		if some > 0 {
			if err := s.commit.do(ctx, nil, func(w *Writer) error {
				for _, statement := range k.statements {
					query := fmt.Sprintf(`%s WHERE %s BETWEEN $1 AND $2 AND %s`, statement, k.key, k.which)
					if strings.Contains(statement, " IN (") {
						query += ")"
					}
					if err := w.later(query, from+1, to.Int64, k.before); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
		from = to.Int64
	}
}

// forgetIDs forgets what duplicates were known by until then. The keys have no order in time, so all are looked
// at, in slices of one byte.
func (s *Store) forgetIDs(ctx context.Context, before int64) error {
	for first := range 256 {
		from, to := []byte{byte(first)}, []byte{byte(first), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		var old int
		if err := s.Reads.QueryRowContext(ctx, `SELECT count(*) FROM seen WHERE key >= $1 AND key <= $2 AND at < $3`,
			from, to, before).Scan(&old); err != nil {
			return err
		}
		if old == 0 {
			continue
		}
		if err := s.commit.do(ctx, nil, func(w *Writer) error {
			err := w.later(`DELETE FROM seen WHERE key >= $1 AND key <= $2 AND at < $3
				AND NOT EXISTS (SELECT 1 FROM message m WHERE m.seq = seen.message AND m.outcome IS NULL)`, from, to, before)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
