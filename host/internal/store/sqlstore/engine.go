package sqlstore

import (
	"context"
	"database/sql"
	"time"
)

// Engine is a database. All its functions may be called by many goroutines, unless they say otherwise.
type Engine struct {
	// Reads is for what needs no transaction.
	Reads *sql.DB
	// Connect returns a connection that writes, for one goroutine.
	Connect func(ctx context.Context) (*sql.Conn, error)
	Writers int // transactions at the same time
	Batch   int // operations that may share one
	// Deadline bounds one transaction; 0: it takes the time that it takes.
	Deadline time.Duration

	// Begin begins a transaction on a writer's connection, in which nobody else works on the keys, and returns
	// the time, by the clock that all hosts share.
	Begin func(w *Writer, keys []string) (time.Time, error)
	// Commit ends it.
	Commit func(w *Writer) error
	// Send runs statements in their order, in one round trip, and commits after them if commit says so. It sets
	// what became of each, up to the first one that failed, and returns an error when one did or when the commit
	// did. It is for databases to which a round trip takes long; it replaces Commit there. Where it is nil,
	// statements run one at a time, as they come, and what returns one row or none goes past database/sql: see direct.
	// Such a driver works in this process and knows the number of the row that was inserted.
	Send func(w *Writer, statements []*Statement, commit bool) error
	// Lock returns a statement that adds keys to those of the transaction; nil where Begin shuts out all others.
	// It is for engines with Send.
	Lock func(keys []string) (query string, args []any)
	// Now is that clock, nearly, for what is only read.
	Now func() time.Time
	// Skip is what follows a SELECT that claims rows of the table d, so that two claims do not wait for each
	// other; empty where there is one writer.
	Skip string
	// Settled is a condition on the table trace that holds for rows before which no others can turn up any
	// more; empty where there is one writer.
	Settled string

	// Said is an expression for the text of a delivery d. It has no question mark in it.
	Said string

	// In returns a condition that holds for a column whose number is in a JSON array, the argument with that name.
	In func(column, arg string) string

	// Text is a text as the database takes it; nil: as it is.
	Text func(string) string

	// Gone says that a connection is of no use any more and the transaction may be repeated on another one.
	Gone func(conn *sql.Conn, err error) bool
	// Again says that a transaction may succeed when it is repeated on the same connection.
	Again func(err error) bool
	// Passes says that what failed may succeed later, as it is: the disk was full, say. It is for engines with one
	// writer.
	Passes func(err error) bool
	// Fatal returns an error when nothing may be written any more after err, or nil.
	Fatal func(err error) error
	// Committed is called after each transaction, with how many operations shared it. Optional.
	Committed func(operations int, took time.Duration)
	// Wrote is called after transactions that stored work for some host. It does not block.
	Wrote func()
}

// inConversation is a column whose least value is looked for among the rows of one conversation. PostgreSQL
// would walk all rows of the table in the order of the column when it knows too little of the conversations; as
// an expression it has no order.
func (e *Engine) inConversation(column string) string {
	if e.Skip == "" {
		return column
	}
	return column + " + 0"
}
