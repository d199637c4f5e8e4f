package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/aof-dev/aofd/host/internal/store/sqlite"
	"github.com/aof-dev/aofd/host/internal/store/sqlstore"
)

// Backup implements store.Store.
func (s *Store) Backup(ctx context.Context, path string) error {
	db := s.patientPool()
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("back up the store %s: %w", s.name, err)
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	if _, err := sqlite.Create(ctx, path, tx); err != nil {
		return fmt.Errorf("back up the store %s: %w", s.name, err)
	}
	return nil
}

// Fill writes the rows of another store into this one, which must be empty: all or none. from reads a file of SQLite
// that was opened once, so that what was accepted in it is filed. What could not be is left there, and told.
func (s *Store) Fill(ctx context.Context, from *sql.Tx) (copied sqlstore.Copied, err error) {
	db := s.patientPool()
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("fill the store %s: %w", s.name, err)
	}
	defer func() { _ = conn.Close() }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("fill the store %s: %w", s.name, err)
	}
	defer func() { _ = tx.Rollback() }()    // no effect after the commit
	for _, table := range sqlstore.Tables { // a host that runs waits
		if _, err := tx.ExecContext(ctx, `LOCK TABLE `+table+` IN EXCLUSIVE MODE`); err != nil {
			return nil, fmt.Errorf("fill the store %s: %w", s.name, err)
		}
	}
	if copied, err = sqlstore.Copy(ctx, from, tx, stream(conn)); err != nil {
		return nil, fmt.Errorf("fill the store %s: %w", s.name, err)
	}
	for table, column := range sqlstore.Numbered {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`SELECT setval(pg_get_serial_sequence('%[1]s', '%[2]s'), max(%[2]s))
			FROM %[1]s HAVING max(%[2]s) > 0`, table, column)); err != nil {
			return nil, fmt.Errorf("fill the store %s: count on in %s: %w", s.name, table, err)
		}
	}
	var unfiled int
	if err := from.QueryRowContext(ctx, `SELECT count(*) FROM arrival`).Scan(&unfiled); err != nil {
		return nil, fmt.Errorf("fill the store %s: %w", s.name, err)
	}
	if unfiled > 0 {
		s.log.Error("webhooks that were accepted could not be filed, and are not copied: keep the file, which has them in its table arrival",
			"count", unfiled)
	}
	return copied, tx.Commit()
}

// patientPool is for what takes longer than a transaction of a host may.
func (s *Store) patientPool() *sql.DB {
	slow := s.config.Copy()
	for _, limit := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		slow.RuntimeParams[limit] = "0"
	}
	return pool(slow, 3)
}

// stream writes rows as the COPY of PostgreSQL, inside the transaction of the connection.
func stream(conn *sql.Conn) sqlstore.Insert {
	return func(ctx context.Context, table string, columns []string, rows iter.Seq2[[]any, error]) (n int64, err error) {
		next, stop := iter.Pull2(rows)
		defer stop()
		err = conn.Raw(func(c any) error {
			n, err = c.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
				values, err, ok := next()
				if !ok || err != nil {
					return nil, err
				}
				for i, v := range values {
					if t, is := v.(string); is {
						values[i] = text(t)
					}
				}
				return values, nil
			}))
			return err
		})
		return n, err
	}
}
