package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/sqlstore"
)

//go:embed migrations/*.sql
var embedded embed.FS

// migrations are the versions of the schema.
var migrations, _ = fs.Sub(embedded, "migrations") // which is there

// Options of Open.
type Options struct {
	Logger *slog.Logger // required
	// Interval answers before a commit is on disk: a power loss may take the last moments.
	Interval bool
	Limits   sqlstore.Limits
	// Committed is called after each transaction, with how many operations shared it. Optional.
	Committed func(operations int, took time.Duration)
	Retry     store.Retry // of what failed after the platform had taken it; nil: never
	// Now is the clock; nil takes the system's.
	Now func() time.Time
}

// Store is the store in an SQLite file. See store.Store.
type Store struct {
	*sqlstore.Store // nil until the file is open

	log    *slog.Logger
	path   string
	file   os.FileInfo // of the file that was opened
	lock   *flock.Flock
	writes *sql.DB // one connection, used by the writer only
	reads  *sql.DB

	unmoved   atomic.Int64  // what was written since the last checkpoint began
	due       chan struct{} // there is enough of it for one; holds one note
	restart   atomic.Bool   // the writer is to move the rest of the log: see Checkpoint
	stop      chan struct{}
	keeper    sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

var _ store.Store = (*Store)(nil)

// readers is how many connections there are for reading.
const readers = 4

// Open opens the store in the file at path and makes it when it is not there; its folder must be there. A
// file that another process uses, or that a newer version wrote, is refused. What a dead process left half
// done is put in order: its lanes are free, and what it was sending is unknown. ctx bounds the opening only.
func Open(ctx context.Context, path string, o Options) (s *Store, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s = &Store{log: o.Logger, path: path, due: make(chan struct{}, 1), stop: make(chan struct{})}
	defer func() {
		if err != nil {
			s.release()
			s = nil
		}
	}()
	if err := s.occupy(path); err != nil {
		return s, err
	}
	// FULL: a commit is on disk when it returns, over power loss too. NORMAL leaves that to the next checkpoint.
	sync := "&_pragma=synchronous(FULL)"
	if o.Interval {
		sync = "&_pragma=synchronous(NORMAL)"
	}
	if s.writes, err = open(path, 1, "&_txlock=immediate&_pragma=cache_size(-16384)"+sync); err != nil {
		return s, err
	}
	if s.reads, err = open(path, readers, "&_pragma=query_only(1)"); err != nil {
		return s, err
	}
	if err := sqlstore.Migrate(ctx, s.writes, goose.DialectSQLite3, migrations, path); err != nil {
		return s, err
	}
	s.Store = sqlstore.New(&sqlstore.Engine{
		Passes: passes,
		Reads:  s.reads, Committed: o.Committed, Connect: s.writes.Conn, Writers: 1, Batch: batched, Now: o.Now, Fatal: fatal,
		Said: `json_extract(CAST(d.response AS TEXT), '$.text')`,
		In:   func(column, arg string) string { return column + ` IN (SELECT value FROM json_each(` + arg + `))` },
		Begin: func(w *sqlstore.Writer, _ []string) (time.Time, error) {
			if s.restart.CompareAndSwap(true, false) {
				if _, err := w.Exec(`PRAGMA wal_checkpoint(PASSIVE)`); err != nil {
					return time.Time{}, err
				}
			}
			_, err := w.Exec(`BEGIN IMMEDIATE`)
			return o.Now(), err
		},
		Commit: func(w *sqlstore.Writer) error {
			_, err := w.Exec(`COMMIT`)
			if s.unmoved.Add(int64(w.Writes())) > moveAfter {
				select {
				case s.due <- struct{}{}:
				default:
				}
			}
			return err
		},
	}, o.Limits, o.Logger)
	s.Retry = o.Retry
	if err := s.FileRest(ctx); err != nil {
		return s, fmt.Errorf("file what was accepted in the store %s: %w", path, err)
	}
	if err := s.recover(ctx); err != nil {
		return s, fmt.Errorf("put the store %s in order: %w", path, err)
	}
	s.keeper.Go(s.checkpoint)
	return s, nil
}

// batched is how many operations share a commit.
const batched = 512

// passes says of an error that it is the machine's and not the row's.
func passes(err error) bool {
	e, ok := errors.AsType[*sqlitedriver.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_IOERR:
		return true
	}
	return false
}

// fatal says that nothing may be written any more. After a failed fsync the system may pretend that the data is
// on disk: only what a new process reads from the disk can be trusted.
func fatal(err error) error {
	e, ok := errors.AsType[*sqlitedriver.Error](err)
	if !ok {
		return nil
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("%w: the disk failed; nothing more is stored until the daemon is started again", err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: the file is damaged; nothing more is stored: stop the daemon and restore a backup", err)
	}
	return nil
}

// occupy takes the lock beside the file and makes the file, readable for this user only.
func (s *Store) occupy(path string) error {
	s.lock = flock.New(path + ".lock")
	switch ok, err := s.lock.TryLock(); {
	case err != nil:
		return fmt.Errorf("lock the store %s: %w", path, err)
	case !ok:
		return fmt.Errorf("the store %s is used by another aofd: stop it, or choose another data directory", path)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	if s.file, err = f.Stat(); err != nil {
		return errors.Join(fmt.Errorf("open the store: %w", err), f.Close())
	}
	return f.Close()
}

// open returns a pool of connections; more is added to the parameters of each.
func open(path string, connections int, more string) (*sql.DB, error) {
	// Checkpoints are made beside the writes; the automatic one is for a day on which that does not keep up.
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String() +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)" +
		"&_pragma=wal_autocheckpoint(16000)&_pragma=temp_store(MEMORY)" + more
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// recover ends what a dead process had begun. Nobody else uses the file, so every lease in it is dead.
func (s *Store) recover(ctx context.Context) error {
	n, err := s.Disown(ctx)
	if n > 0 {
		s.log.Warn("messages were being sent when the daemon died: nobody knows whether they went out, "+
			"so they are not sent again", "count", n)
	}
	return err
}

// A checkpoint is made after moveAfter statements that wrote. Commits wait for the disk as long as one does, so
// many small ones are better than few large ones. The log is begun anew when it has restartAt pages of 4 KiB: the
// longer it is, the more often has a page changed that is moved once. The writer moves about rest of them itself.
const (
	moveAfter = 2000
	restartAt = 8192
	rest      = 512
)

// checkpoint keeps the log short, until Close.
func (s *Store) checkpoint() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			if s.lost() {
				return
			}
		case <-s.due:
		}
		s.Checkpoint()
	}
}

// Checkpoint moves what was committed from the log into the file, beside the writes. The log can only begin anew
// at a moment when all of it was moved, and there is none while writes go on. So once little is left the writer
// moves that itself, between two transactions: it takes a few milliseconds instead of hundreds.
func (s *Store) Checkpoint() {
	s.unmoved.Store(0)
	for last := 0; ; {
		var busy, pages, moved int
		if err := s.reads.QueryRow(`PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &pages, &moved); err != nil {
			// Were it tried again after a failed sync, the log would begin anew over what is not on the disk.
			if final := fatal(err); final != nil {
				s.Fail(final)
				return
			}
			s.log.Warn("the store's log could not be moved into its file; tried again", "err", err)
			return
		}
		if pages < restartAt {
			return
		}
		if moved-last < rest { // what came in the meantime is little, too
			s.restart.Store(true)
			return
		}
		last = moved
	}
}

// lost reports whether the file was taken away. What is written then is in no file that anybody can open
// again, so nothing is written any more.
func (s *Store) lost() bool {
	info, err := os.Stat(s.path)
	if err == nil && os.SameFile(info, s.file) {
		return false
	}
	s.Fail(fmt.Errorf("store: the file %s is gone or was replaced: put it back and start the daemon again", s.path))
	return true
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	s.lost()
	return s.Store.Ping(ctx)
}

// Changed implements store.Store: nobody else uses the file.
func (s *Store) Changed() <-chan struct{} { return nil }

// Close implements store.Store.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.stop)
		s.keeper.Wait()
		s.closeErr = s.release()
	})
	return s.closeErr
}

// release closes what is open; what is queued is written first. It may be called when Open stopped halfway.
func (s *Store) release() error {
	var errs []error
	if s.Store != nil {
		s.Store.Close()
	}
	for _, db := range []*sql.DB{s.reads, s.writes} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Unlock())
	}
	return errors.Join(errs...)
}
