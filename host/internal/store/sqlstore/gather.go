package sqlstore

import (
	"errors"
	"strconv"
	"strings"
)

// insertion is the insertion of rows into a table that no transaction reads or changes rows of that it has just
// written: it does not matter when they are written.
type insertion struct {
	columns int
	queries []string // by how many rows they write: see chunks
}

// chunks are how many rows one statement writes, so that there are few texts of it.
var chunks = []int{64, 8, 1}

// inserting is an insertion. into is an INSERT without its values.
func inserting(into string, columns int) *insertion {
	i := &insertion{columns: columns}
	for _, rows := range chunks {
		i.queries = append(i.queries, into+" VALUES "+values(rows, columns))
	}
	return i
}

// values are the arguments of rows: ($1, $2), ($3, $4).
func values(rows, columns int) string {
	var b strings.Builder
	for n := range rows * columns {
		switch {
		case n == 0:
			b.WriteString("($")
		case n%columns == 0:
			b.WriteString("), ($")
		default:
			b.WriteString(", $")
		}
		b.WriteString(strconv.Itoa(n + 1))
	}
	return b.String() + ")"
}

// gathered are rows on their way into a table.
type gathered struct {
	into *insertion
	args []any
}

// errGathered means that rows of several operations were refused together, so that nobody knows whose was to blame.
var errGathered = errors.New("store: rows that were written together")

// gather writes a row. Where statements cost, those of all operations are written together before the commit.
func (w *Writer) gather(into *insertion, row ...any) error {
	if w.engine.Send == nil || w.tangles > 0 {
		return w.later(into.queries[len(chunks)-1], row...)
	}
	w.wrote()
	for i := range w.gathered {
		if w.gathered[i].into == into {
			w.gathered[i].args = append(w.gathered[i].args, row...)
			return nil
		}
	}
	w.gathered = append(w.gathered, gathered{into, row})
	return nil
}

// scatter queues what was gathered.
func (w *Writer) scatter() {
	for _, g := range w.gathered {
		args := w.fit(g.args)
		for i, rows := range chunks {
			for n := rows * g.into.columns; len(args) >= n; args = args[n:] {
				w.queue = append(w.queue, &Statement{Query: g.into.queries[i], Args: args[:n:n], gathered: true})
			}
		}
	}
	w.gathered = nil
}
