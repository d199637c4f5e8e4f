package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"
)

// Writer is a connection that writes, and the transaction on it. One goroutine uses it.
type Writer struct {
	engine   *Engine
	last     *lastTimes // of all writers
	conn     *sql.Conn  // nil: not connected
	prepared map[string]*sql.Stmt
	tangles  int    // how often the batch was undone because its operations were in each other's way
	direct   direct // the same connection, without database/sql; not used when the engine does not want it

	crowded bool // others wait: what can be done later is

	// Of the transaction.
	ctx        context.Context
	cancel     context.CancelFunc
	now        time.Time
	inside     bool // it has begun
	failed     bool // a statement failed
	committing bool
	current    *task            // the operation that runs; nil: none
	queue      []*Statement     // what the database has still to run
	gathered   []gathered       // and what it is to run at the end
	owners     map[string]*task // of what they are about
	writes     int              // statements that changed something, or may have
	changed    bool             // there is new work for some host
	times      map[way]int64    // when something last came in or went out; written at the end
	pending    pending          // what waits more, or less
}

// begin connects, if need be, and begins a transaction for the operations.
func (w *Writer) begin(ctx context.Context, batch []*operation) (err error) {
	// A context that can end costs a goroutine for each statement, so there is none without need.
	w.ctx, w.cancel = context.WithoutCancel(ctx), func() {}
	if d := w.engine.Deadline; d > 0 {
		w.ctx, w.cancel = context.WithTimeout(ctx, d)
	}
	w.inside, w.failed, w.committing, w.changed, w.writes = false, false, false, false, 0
	w.current, w.queue, w.gathered, w.times, w.pending = nil, nil, nil, nil, pending{}
	if w.conn == nil {
		if w.conn, err = w.engine.Connect(w.ctx); err != nil {
			return fmt.Errorf("store: connect: %w", err)
		}
		w.prepared, w.direct.prepared = map[string]*sql.Stmt{}, map[string]directStmt{}
	}
	var keys []string
	for _, op := range batch {
		keys = append(keys, op.keys...)
	}
	w.inside = true
	if w.now, err = w.engine.Begin(w, keys); err != nil {
		return fmt.Errorf("store: begin: %w", err)
	}
	return nil
}

// run runs an operation. When a transaction that had it may have been committed, that is taken back first.
func (w *Writer) run(op *operation, unsure bool) (err error) {
	defer w.caught(&err)
	if unsure && op.undo != nil {
		if err := op.undo(w); err != nil {
			return err
		}
	}
	return op.run(w)
}

// caught makes an error of a panic, which undoes the transaction and nothing else. It is deferred.
func (w *Writer) caught(err *error) {
	if p := recover(); p != nil {
		*err = bug(p)
		w.wrote()
	}
}

func bug(panicked any) error { return fmt.Errorf("store: bug: an operation panicked: %v", panicked) }

// raw calls do with the driver's connection. A panic becomes an error here, since database/sql would give the
// connection up: nobody could undo the transaction on it, nor write any more.
func raw(conn *sql.Conn, do func(conn any) error) error {
	return conn.Raw(func(c any) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = bug(p)
			}
		}()
		return do(c)
	})
}

// commit writes what was gathered and ends the transaction. It returns the task that is to blame for an error, if
// it is one.
func (w *Writer) commit() (spoiler *task, err error) {
	w.current = nil
	due := w.last.due(w.times)
	if err := w.writeTimes(due); err != nil {
		return nil, err
	}
	w.scatter()
	w.committing = true
	if w.engine.Send != nil {
		spoiler, err = w.flush(true)
	} else {
		err = w.engine.Commit(w)
	}
	switch {
	case spoiler != nil:
		return spoiler, err
	case err != nil:
		return nil, fmt.Errorf("store: commit: %w", err)
	}
	w.inside = false
	w.last.committed(due, w.times)
	return nil, nil
}

// rollback undoes what is left of a transaction.
func (w *Writer) rollback(log *slog.Logger) {
	if !w.inside || w.conn == nil {
		return
	}
	w.inside = false
	if _, err := w.conn.ExecContext(w.ctx, `ROLLBACK`); err != nil {
		log.Debug("nothing to roll back", "err", err)
	}
}

// stop ends the time of a transaction.
func (w *Writer) stop() {
	if w.cancel != nil {
		w.cancel()
	}
}

// gone reports whether the connection is of no use any more after err.
func (w *Writer) gone(err error) bool {
	if w.engine.Gone == nil {
		return false
	}
	return w.conn == nil || w.engine.Gone(w.conn, err)
}

// statement prepares a query once and keeps it, so queries must come from a fixed set.
func (w *Writer) statement(query string) (*sql.Stmt, error) {
	if s := w.prepared[query]; s != nil {
		return s, nil
	}
	s, err := w.conn.PrepareContext(w.ctx, query)
	if err != nil {
		w.failed = true
		return nil, err
	}
	w.prepared[query] = s
	return s, nil
}

// Writes is how many statements of the transaction changed something, or may have.
func (w *Writer) Writes() int { return w.writes }

// Context is that of the transaction.
func (w *Writer) Context() context.Context { return w.ctx }

// Raw calls do with the driver's connection, inside the transaction.
func (w *Writer) Raw(do func(conn any) error) error {
	err := raw(w.conn, do)
	if err != nil {
		w.failed = true
	}
	return err
}

// fit makes args as the database takes them.
func (w *Writer) fit(args []any) []any {
	if w.engine.Text == nil {
		return args
	}
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = w.engine.Text(s)
		}
	}
	return args
}

// wrote notes that the operation that runs changed something, or may have.
func (w *Writer) wrote() {
	w.writes++
	if w.current != nil {
		w.current.writes++
	}
}

// Exec runs a statement and returns how many rows it changed. Who does not want to know calls later.
func (w *Writer) Exec(query string, args ...any) (changed int64, err error) {
	if w.engine.Send != nil {
		s := &Statement{Query: query, Args: w.fit(args)}
		if err := w.ask(s); err != nil {
			return 0, err
		}
		changed = s.Changed
	} else {
		r, err := w.direct.exec(w.conn, query, args)
		if err == nil {
			changed, err = r.RowsAffected()
		}
		if err != nil {
			w.failed = true
			return 0, err
		}
	}
	if changed > 0 {
		w.wrote()
	}
	return changed, nil
}

// later runs a statement whose result nobody wants. Where round trips cost, it runs with the next one, in the same
// order; should it fail, the transaction does, and the operation that runs now is to blame.
func (w *Writer) later(query string, args ...any) error { return w.then(nil, query, args...) }

// then is later for what only has to be counted: told is called with how many rows were changed, before anybody hears
// of the end of the transaction.
func (w *Writer) then(told func(changed int64), query string, args ...any) error {
	if w.engine.Send != nil {
		w.wrote()
		w.queue = append(w.queue, &Statement{Query: query, Args: w.fit(args), of: w.current, told: told})
		return nil
	}
	changed, err := w.Exec(query, args...)
	if err == nil && told != nil {
		told(changed)
	}
	return err
}

// Row runs a query and scans its first row; ok is false when there is none.
func (w *Writer) Row(query string, args []any, into ...any) (ok bool, err error) {
	if w.engine.Send != nil {
		err := w.ask(&Statement{Query: query, Args: w.fit(args), Scan: func(r Row) (err error) {
			if !ok {
				ok, err = true, r.Scan(into...)
			}
			return err
		}})
		return ok && err == nil, err
	}
	if ok, err = w.direct.row(w.conn, query, args, into); err != nil {
		w.failed = true
	}
	return ok, err
}

// insert runs a statement that returns columns of the row that it wrote; ok is false when it wrote none.
func (w *Writer) insert(query string, args []any, into ...any) (ok bool, err error) {
	ok, err = w.Row(query, args, into...)
	if ok {
		w.wrote()
	}
	return ok, err
}

// add inserts one row and returns its number, which is in that column.
func (w *Writer) add(query, column string, args ...any) (number int64, err error) {
	if w.engine.Send != nil {
		_, err = w.insert(query+" RETURNING "+column, args, &number)
		return number, err
	}
	r, err := w.direct.exec(w.conn, query, args) // SQLite's RETURNING makes a table on the way
	if err != nil {
		w.failed = true
		return 0, err
	}
	w.wrote()
	return r.LastInsertId()
}

// upsert writes one row and reads columns of it; row finds it by the first argument.
func (w *Writer) upsert(query, columns, row string, args []any, into ...any) error {
	if w.engine.Send != nil { // a round trip is what costs
		_, err := w.insert(query+" RETURNING "+columns, args, into...)
		return err
	}
	if _, err := w.Exec(query, args...); err != nil {
		return err
	}
	_, err := w.Row("SELECT "+columns+" FROM "+row, args[:1], into...)
	return err
}

// each runs a query and calls scan for each row.
func (w *Writer) each(query string, args []any, scan func(Row) error) error {
	if w.engine.Send != nil {
		return w.ask(&Statement{Query: query, Args: w.fit(args), Scan: scan})
	}
	s, err := w.statement(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(w.ctx, args...)
	if err = drain(rows, err, func(r *sql.Rows) error { return scan(r) }); err != nil {
		w.failed = true
	}
	return err
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

// close ends the connection; the next transaction makes a new one.
func (w *Writer) close() {
	if w.conn == nil {
		return
	}
	for _, s := range w.prepared {
		_ = s.Close() // the connection is closed next
	}
	w.direct.close(w.conn)
	_ = w.conn.Close() // everything is committed, or lost with the connection
	w.conn, w.prepared = nil, nil
}
