package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/aof-dev/aofd/host/internal/store"
)

const (
	queued  = 1024 // operations that may wait
	batched = 512  // operations that share a commit
)

// committer runs operations one after the other. All that wait when one transaction has ended share the
// next one.
type committer struct {
	log    *slog.Logger
	queue  chan *operation
	done   chan struct{}
	broken atomic.Pointer[error] // set once the disk failed or the file is gone: nothing is written any more

	mu     sync.RWMutex // held for writing by close only
	closed bool
}

// operation is something to do inside a transaction. It may be run only once.
type operation struct {
	run     func(*writer) error
	claimed atomic.Bool // by the committer, or by a caller that gave up
	err     chan error  // the result; buffered, since the caller may have left
}

var errClosed = errors.New("store: closed")

func startCommitter(conn *sql.Conn, log *slog.Logger) *committer {
	c := &committer{log: log, queue: make(chan *operation, queued), done: make(chan struct{})}
	go c.loop(&writer{conn: conn, prepared: map[string]*sql.Stmt{}})
	return c
}

// do runs an operation and returns when it is on disk. When ctx ends before it began, nothing was stored and
// the error is store.ErrBusy.
func (c *committer) do(ctx context.Context, run func(*writer) error) error {
	if err := c.broken.Load(); err != nil {
		return *err
	}
	op := &operation{run: run, err: make(chan error, 1)}
	if err := c.enqueue(ctx, op); err != nil {
		return err
	}
	select {
	case err := <-op.err:
		return err
	case <-ctx.Done():
		if op.claimed.CompareAndSwap(false, true) {
			return fmt.Errorf("%w: %w", store.ErrBusy, ctx.Err())
		}
		return <-op.err // it has begun, and ends soon
	}
}

// enqueue waits for a place in the queue.
func (c *committer) enqueue(ctx context.Context, op *operation) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return errClosed
	}
	select {
	case c.queue <- op:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", store.ErrBusy, ctx.Err())
	}
}

// close takes no more operations and waits for those that are queued. It may be called twice.
func (c *committer) close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.queue)
	}
	c.mu.Unlock()
	<-c.done
}

func (c *committer) loop(w *writer) {
	defer close(c.done)
	defer w.close()
	for op := range c.queue {
		batch := []*operation{op}
	gather:
		for len(batch) < batched {
			select {
			case next, ok := <-c.queue:
				if !ok {
					break gather
				}
				batch = append(batch, next)
			default:
				break gather
			}
		}
		c.commit(w, batch)
	}
}

// commit runs a batch in one transaction. An operation that fails is undone by itself.
func (c *committer) commit(w *writer, batch []*operation) {
	results := make([]error, len(batch))
	err := c.transaction(w, batch, results)
	for i, op := range batch {
		if results[i] == nil {
			results[i] = err
		}
		op.err <- results[i]
	}
}

// transaction returns what failed the batch as a whole; results get the errors of single operations.
func (c *committer) transaction(w *writer, batch []*operation, results []error) error {
	if err := c.broken.Load(); err != nil {
		return *err
	}
	if _, err := w.exec(`BEGIN IMMEDIATE`); err != nil {
		return fmt.Errorf("store: begin: %w", err)
	}
	for i, op := range batch {
		if !op.claimed.CompareAndSwap(false, true) {
			continue // its caller has left
		}
		results[i] = w.isolated(op.run)
	}
	_, err := w.exec(`COMMIT`)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("store: commit: %w", err)
	if _, undo := w.exec(`ROLLBACK`); undo != nil {
		c.log.Debug("nothing to roll back after a failed commit", "err", undo)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xff == sqlite3.SQLITE_IOERR {
		// After a failed fsync the system may pretend that the data is on disk. Only what a new process
		// reads from the disk can be trusted.
		err = fmt.Errorf("%w: the disk failed; nothing more is stored until the daemon is started again", err)
		c.fail(err)
	}
	return err
}

// fail makes every later operation fail with err.
func (c *committer) fail(err error) {
	if c.broken.CompareAndSwap(nil, &err) {
		c.log.Error("nothing is stored any more", "err", err)
	}
}

// writer is the connection that writes. Only the committer's goroutine uses it. Its statements take no
// context: what has begun is ended, since others share the transaction.
type writer struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

// isolated runs an operation so that its failure undoes what it did and nothing else.
func (w *writer) isolated(run func(*writer) error) (err error) {
	if _, err := w.exec(`SAVEPOINT operation`); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: bug: an operation panicked: %v", p)
		}
		if err != nil {
			if _, undo := w.exec(`ROLLBACK TO operation`); undo != nil {
				err = errors.Join(err, undo)
			}
		}
		if _, end := w.exec(`RELEASE operation`); end != nil {
			err = errors.Join(err, end)
		}
	}()
	return run(w)
}

// statement prepares a query once and keeps it, so queries must come from a fixed set.
func (w *writer) statement(query string) (*sql.Stmt, error) {
	if s := w.prepared[query]; s != nil {
		return s, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	w.prepared[query] = s
	return s, nil
}

// exec runs a statement and returns how many rows it changed.
func (w *writer) exec(query string, args ...any) (changed int64, err error) {
	s, err := w.statement(query)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// row runs a query and scans its first row; ok is false when there is none.
func (w *writer) row(query string, args []any, into ...any) (ok bool, err error) {
	s, err := w.statement(query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(context.Background(), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// each runs a query and calls scan for each row.
func (w *writer) each(query string, args []any, scan func(*sql.Rows) error) error {
	s, err := w.statement(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), args...)
	return drain(rows, err, scan)
}

// drain calls scan for each row and closes rows. err is that of the query which made them.
func drain(rows *sql.Rows, err error, scan func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err tells what went wrong
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (w *writer) close() {
	for _, s := range w.prepared {
		_ = s.Close() // the connection is closed next
	}
	_ = w.conn.Close() // everything is committed
}
