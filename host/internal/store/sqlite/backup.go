package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/aof-dev/aofd/host/internal/store/sqlstore"
)

// Backup implements store.Store.
func (s *Store) Backup(ctx context.Context, path string) error { return Backup(ctx, s.path, path) }

// Backup writes a copy of the store in a file, as it is at one moment, to a new file, readable for this user
// only. The store may be in use, by this process or another one.
func Backup(ctx context.Context, from, to string) error {
	db, err := reading(from)
	if err != nil {
		return fmt.Errorf("back up the store: %w", err)
	}
	defer func() { _ = db.Close() }()
	return fresh(to, func(whole string) error {
		if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, whole); err != nil {
			return fmt.Errorf("back up the store %s: %w", from, err)
		}
		return nil
	})
}

// Create makes a new file at path with the rows of another store, readable for this user only.
func Create(ctx context.Context, path string, from *sql.Tx) (copied sqlstore.Copied, err error) {
	err = fresh(path, func(whole string) error {
		s, err := Open(ctx, whole, Options{Logger: slog.New(slog.DiscardHandler)}) // for the schema
		if err != nil {
			return err
		}
		if err := s.Close(); err != nil {
			return err
		}
		db, err := open(whole, 1, "&_pragma=synchronous(OFF)") // it is synced when it is whole
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // no effect after the commit
		if copied, err = sqlstore.Copy(ctx, from, tx, insert(tx)); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
			return err
		}
		return db.Close()
	})
	return copied, err
}

// insert writes rows one by one.
func insert(tx *sql.Tx) sqlstore.Insert {
	return func(ctx context.Context, table string, columns []string, rows iter.Seq2[[]any, error]) (n int64, err error) {
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ")
		stmt, err := tx.PrepareContext(ctx, `INSERT INTO `+table+` (`+strings.Join(columns, ", ")+`) VALUES (`+marks+`)`)
		if err != nil {
			return 0, err
		}
		defer func() { _ = stmt.Close() }()
		for values, err := range rows {
			if err != nil {
				return n, err
			}
			if _, err := stmt.ExecContext(ctx, values...); err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
}

// fresh has a new file made in a folder of its own, syncs it, and gives it its name once it is whole.
func fresh(path string, make func(whole string) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s exists: choose another name", path)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".store-*") // for this user only
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	whole := filepath.Join(dir, "store.db")
	if err := make(whole); err != nil {
		return err
	}
	if err := os.Chmod(whole, 0o600); err != nil {
		return err
	}
	if err := syncFile(whole); err != nil {
		return err
	}
	if err := os.Link(whole, path); err != nil { // fails when path exists by now
		return err
	}
	return syncFile(filepath.Dir(path))
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// reading opens a file for reading only.
func reading(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String() + "?mode=ro&_pragma=busy_timeout(5000)"
	return sql.Open("sqlite", dsn)
}

// Check reads the whole file at path and returns an error unless it is an undamaged store that this version
// understands.
func Check(ctx context.Context, path string) error {
	db, err := reading(path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return fmt.Errorf("%s is damaged, or no store at all: %w", path, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%s is damaged: %s", path, verdict)
	}
	var version int64
	if err := db.QueryRowContext(ctx, `SELECT max(version_id) FROM `+goose.DefaultTablename).Scan(&version); err != nil {
		return fmt.Errorf("%s is no store of aofd: %w", path, err)
	}
	if newest := sqlstore.Newest(migrations); version > newest {
		return fmt.Errorf("%s was written by a newer aofd (schema %d, this one knows %d)", path, version, newest)
	}
	return nil
}

// Read calls do with a transaction that reads the file at path, which is not in use.
func Read(ctx context.Context, path string, do func(*sql.Tx) error) error {
	db, err := reading(path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	return do(tx)
}
