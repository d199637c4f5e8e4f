package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// direct runs statements on the driver of a connection, without what database/sql does around each: for a
// database in this process that is as much as the statement itself. One goroutine uses it.
type direct struct {
	prepared map[string]directStmt
	args     []driver.NamedValue // of the statement that runs; kept, so that they are allocated once
	values   []driver.Value      // of the row that is read
}

// directStmt is what a driver's statements must be.
type directStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// do calls fn with a prepared statement and its arguments.
func (d *direct) do(conn *sql.Conn, query string, args []any, fn func(directStmt, []driver.NamedValue) error) error {
	return raw(conn, func(c any) error {
		s, err := d.statement(c, query)
		if err != nil {
			return err
		}
		d.args = d.args[:0]
		for i, a := range args {
			v, err := driver.DefaultParameterConverter.ConvertValue(a)
			if err != nil {
				return fmt.Errorf("argument %d of %s: %w", i+1, query, err)
			}
			d.args = append(d.args, driver.NamedValue{Ordinal: i + 1, Value: v})
		}
		return fn(s, d.args)
	})
}

// statement prepares a query once and keeps it.
func (d *direct) statement(conn any, query string) (directStmt, error) {
	if s := d.prepared[query]; s != nil {
		return s, nil
	}
	s, err := conn.(driver.Conn).Prepare(query)
	if err != nil {
		return nil, err
	}
	d.prepared[query] = s.(directStmt)
	return s.(directStmt), nil
}

func (d *direct) exec(conn *sql.Conn, query string, args []any) (r driver.Result, err error) {
	err = d.do(conn, query, args, func(s directStmt, args []driver.NamedValue) (err error) {
		r, err = s.ExecContext(context.Background(), args)
		return err
	})
	return r, err
}

func (d *direct) row(conn *sql.Conn, query string, args, into []any) (ok bool, err error) {
	err = d.do(conn, query, args, func(s directStmt, args []driver.NamedValue) (err error) {
		rows, err := s.QueryContext(context.Background(), args)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		d.values = append(d.values[:0], make([]driver.Value, len(into))...)
		if err = rows.Next(d.values); err == nil {
			ok, err = true, assign(into, d.values)
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	})
	return ok && err == nil, err
}

// assign copies the values of a row. It knows the types that this package reads.
func assign(into []any, values []driver.Value) error {
	for i, v := range values {
		ok := false
		switch p := into[i].(type) {
		case *int64:
			*p, ok = v.(int64)
		case *int:
			var n int64
			n, ok = v.(int64)
			*p = int(n)
		case *string:
			*p, ok = v.(string)
		case *[]byte:
			if b, is := v.([]byte); is {
				*p, ok = append([]byte(nil), b...), true
			}
		case sql.Scanner:
			if err := p.Scan(v); err != nil {
				return err
			}
			ok = true
		}
		if !ok {
			return fmt.Errorf("store: bug: column %d is a %T and is read into a %T", i+1, v, into[i])
		}
	}
	return nil
}

func (d *direct) close(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { // the connection is closed next
		for _, s := range d.prepared {
			_ = s.Close()
		}
		return nil
	})
	d.prepared = nil
}
