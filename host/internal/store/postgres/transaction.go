package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/aof-dev/aofd/host/internal/store/sqlstore"
)

// begin begins a transaction, locks its keys and returns the time, in one round trip. The time is read after
// the locks were waited for.
func (s *Store) begin(w *sqlstore.Writer, keys []string) (now time.Time, err error) {
	statements := []*sqlstore.Statement{{Query: `BEGIN`}}
	if len(keys) > 0 {
		query, args := s.lock(keys)
		statements = append(statements, &sqlstore.Statement{Query: query, Args: args})
	}
	statements = append(statements, &sqlstore.Statement{
		Query: `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`,
		Scan: func(r sqlstore.Row) error {
			var us int64
			err := r.Scan(&us)
			now = time.UnixMicro(us)
			return err
		},
	})
	before := time.Now()
	if err := send(w, statements, false); err != nil {
		return now, err
	}
	if s.now != nil {
		return s.now(), nil
	}
	s.ahead.Store(int64(now.Sub(before)))
	return now, nil
}

// send runs statements in one round trip, and commits after them if that is wanted. After one that failed the
// server runs none, nor does it commit.
func send(w *sqlstore.Writer, statements []*sqlstore.Statement, commit bool) error {
	return w.Raw(func(c any) error {
		conn := c.(*stdlib.Conn).Conn()
		var batch pgx.Batch
		for _, s := range statements {
			batch.Queue(s.Query, s.Args...)
		}
		if commit {
			if _, err := conn.Prepare(w.Context(), committing, `COMMIT`); err != nil { // once for each connection
				return err
			}
			batch.Queue(committing)
		}
		results := conn.SendBatch(w.Context(), &batch)
		for _, s := range statements {
			if s.Err = read(results, s); s.Err != nil {
				_ = results.Close() // it is the same error
				return s.Err
			}
		}
		if commit {
			if tag, err := results.Exec(); err == nil && tag.String() != "COMMIT" {
				return errors.Join(fmt.Errorf("the database answered %q to a commit", tag), results.Close())
			}
		}
		return results.Close()
	})
}

// committing is the name of the statement that commits.
const committing = "aofd_commit"

// read reads what became of a statement.
func read(results pgx.BatchResults, s *sqlstore.Statement) error {
	if s.Scan == nil {
		tag, err := results.Exec()
		s.Changed = tag.RowsAffected()
		return err
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := s.Scan(rows); err != nil {
			return err
		}
		s.Changed++
	}
	return rows.Err()
}

// lock is a statement that takes a lock for each key until the transaction ends. All take theirs in the same order;
// but those that are added on the way come when they come, so two transactions may wait for each other then: the
// database ends one of them, and it is repeated.
func (s *Store) lock(keys []string) (query string, args []any) {
	ids := make([]int64, len(keys))
	for i, k := range keys {
		ids[i] = hash(s.schema + "\x00" + k)
	}
	slices.Sort(ids)
	return `SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) k`, []any{slices.Compact(ids)}
}

// hash is a key as the number that the database locks by. Two keys with the same number only wait for each
// other in vain.
func hash(key string) int64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, key) // which never fails
	return int64(h.Sum64())
}

// gone reports whether a connection is of no use any more.
func gone(conn *sql.Conn, err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		class := e.Code[:2]
		// Connections, resources (but not locks), an operator who ends the server, and a server that became a
		// standby.
		return class == "08" || class == "57" && e.Code != "57014" || e.Code == "53300" || e.Code == "25006"
	}
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err) {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	closed := false
	if conn.Raw(func(c any) error { closed = c.(*stdlib.Conn).Conn().IsClosed(); return nil }) != nil {
		return true
	}
	return closed
}

// again reports whether a transaction may succeed when it is repeated: others were in its way.
func again(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code[:2] == "40" || e.Code == "55P03" || e.Code == "53200")
}

// readWrite refuses a server that takes no writes: a standby, or one that was demoted, which is left for the one that
// took over.
func readWrite(ctx context.Context, c *pgconn.PgConn) error {
	if err := pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, c); err != nil {
		return fmt.Errorf("the server takes no writes, as a replica: name the primary server: %w", err)
	}
	return nil
}
