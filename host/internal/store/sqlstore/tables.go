package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/aof-dev/aofd/host/internal/store"
)

// Tables are all that a store keeps. A copy of a store has the rows of all of them.
var Tables = []string{
	"seen", "message", "conversation", "lane", "delivery", "attempt", "part", "receipt", "notice", "sender", "pause",
	"trace", "webhook", "choice", "history", "last_time",
}

// Numbered are those whose rows get a number, and its column.
var Numbered = map[string]string{
	"message": "seq", "conversation": "seq", "delivery": "seq", "trace": "seq", "history": "seq", "webhook": "id",
}

// own is what the tables of one database have and those of another do not.
var own = []string{"tx"}

// Copied says how many rows of each table were copied.
type Copied map[string]int64

// Rows returns how many rows were copied in all.
func (c Copied) Rows() (n int64) {
	for _, rows := range c {
		n += rows
	}
	return n
}

// Insert writes rows of a table and returns how many it wrote.
type Insert func(ctx context.Context, table string, columns []string, rows iter.Seq2[[]any, error]) (int64, error)

// Copy reads all tables in a transaction of one moment and writes them to where there are none, and compares how
// many rows there are. to reads the target, in the transaction that insert writes in.
func Copy(ctx context.Context, from, to *sql.Tx, insert Insert) (Copied, error) {
	out := Copied{}
	for _, table := range Tables {
		if n, err := count(ctx, to, table); err != nil || n > 0 {
			return nil, errorOr(err, "the store to copy to is not empty: its table %s has %d rows", table, n)
		}
	}
	for _, table := range Tables {
		columns, blobs, err := columnsOf(ctx, from, table)
		if err != nil {
			return nil, err
		}
		rows, err := from.QueryContext(ctx, `SELECT `+strings.Join(columns, ", ")+` FROM `+table)
		if err != nil {
			return nil, fmt.Errorf("read the table %s: %w", table, err)
		}
		n, err := insert(ctx, table, columns, each(rows, blobs))
		if err != nil {
			return nil, fmt.Errorf("copy the table %s: %w", table, err)
		}
		there, err := count(ctx, to, table)
		if err != nil {
			return nil, err
		}
		had, err := count(ctx, from, table)
		if err != nil {
			return nil, err
		}
		if n != had || there != had {
			return nil, fmt.Errorf("the table %s has %d rows, %d were written and %d are there", table, had, n, there)
		}
		out[table] = n
	}
	return out, nil
}

func errorOr(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return fmt.Errorf(format, args...)
}

func count(ctx context.Context, tx *sql.Tx, table string) (n int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n)
	if err != nil {
		err = fmt.Errorf("count the table %s: %w", table, err)
	}
	return n, err
}

// columnsOf returns the columns of a table, and which of them hold bytes.
func columnsOf(ctx context.Context, tx *sql.Tx, table string) (columns []string, blobs []bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT * FROM `+table+` LIMIT 0`)
	if err != nil {
		return nil, nil, fmt.Errorf("read the table %s: %w", table, err)
	}
	defer func() { _ = rows.Close() }()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, nil, err
	}
	for _, t := range types {
		if slices.Contains(own, t.Name()) {
			continue
		}
		columns = append(columns, t.Name())
		blobs = append(blobs, t.DatabaseTypeName() == "BLOB" || t.DatabaseTypeName() == "BYTEA")
	}
	return columns, blobs, rows.Err()
}

// each yields the values of rows and closes them. Bytes are never nil: no column of bytes is null.
func each(rows *sql.Rows, blobs []bool) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			values := make([]any, len(blobs))
			into := make([]any, len(blobs))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				yield(nil, err)
				return
			}
			for i, blob := range blobs {
				if blob && values[i] == nil {
					values[i] = []byte{}
				}
			}
			if !yield(values, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// Disown frees all lanes and accounts, and makes unknown what was being sent: whoever held them is no more.
func (s *Store) Disown(ctx context.Context) (unknown int, err error) {
	err = s.commit.do(ctx, nil, func(w *Writer) (err error) {
		for _, query := range []string{
			`UPDATE lane SET owner = '', lease_until = 0 WHERE owner <> ''`,
			`DELETE FROM sender`,
		} {
			if err := w.later(query); err != nil {
				return err
			}
		}
		unknown, err = s.markUnknown(w, `state = 'sending'`)
		return err
	})
	return unknown, err
}

// Abandon ends all that waits, since nobody knows whether it was done after this copy of the store was made:
// messages fail with the reason, and deliveries become unknown. The operator can replay and resend them.
func (s *Store) Abandon(ctx context.Context, reason string) (messages, deliveries int, err error) {
	err = s.commit.do(ctx, nil, func(w *Writer) (err error) {
		messages, deliveries = 0, 0
		var found []store.Turn
		if err := w.each(`SELECT seq, cause FROM message WHERE outcome IS NULL`, nil, func(rows Row) error {
			var t store.Turn
			err := rows.Scan(&t.Seq, &t.Cause)
			found = append(found, t)
			return err
		}); err != nil {
			return err
		}
		for _, t := range found {
			if err := done(w, t, store.OutcomeFailed, reason); err != nil {
				return err
			}
			if err := trace(w, t.Cause, []store.TraceEvent{{At: w.now, Hop: store.HopTurnEnd, Detail: "failed: " + reason}}); err != nil {
				return err
			}
		}
		messages = len(found)
		if err := w.later(`DELETE FROM lane`); err != nil {
			return err
		}
		deliveries, err = s.markUnknown(w, `state IN ('queued', 'sending', 'held')`)
		return err
	})
	return messages, deliveries, err
}
