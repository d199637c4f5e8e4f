package sqlstore

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/aof-dev/aofd/host/internal/store"
)

// Statement is one on its way to a database that takes many in one round trip: see Engine.Send.
type Statement struct {
	Query string
	Args  []any
	Scan  func(Row) error // called for each row; nil: the rows are not wanted

	Changed int64 // how many rows there were
	Err     error // why it failed; those after it did not run

	of       *task // nil: the transaction's own, or of several
	gathered bool  // of several
	told     func(changed int64)
}

// Row is a row that is read.
type Row interface{ Scan(into ...any) error }

// task is an operation on its way through a transaction.
type task struct {
	op     *operation
	index  int // in the batch
	writes int // statements that changed something, or may have
	err    error

	// Of those that run together with others.
	keys  []string                   // what it is about: its operation's, and what it locked on the way
	wants []string                   // what it waits for, because another task is about that
	next  func() (struct{}, bool)    // goes on until it waits again; false once it has ended
	stop  func()                     // ends it where it waits
	park  func(struct{}) (goOn bool) // waits; false: the transaction is undone
}

// spoils reports whether a task has ended in a way that undoes the transaction. One that failed and did nothing
// does not concern the others.
func (t *task) spoils(w *Writer) bool { return t.err != nil && (t.writes > 0 || w.failed) }

// errEntangled means that tasks wait for each other.
var errEntangled = errors.New("store: operations of one transaction wait for each other")

// work runs the operations of a batch. It returns the error that undoes the transaction, and the task that is to
// blame, if it is one. results get the errors of those that failed and did nothing.
func (w *Writer) work(batch []*operation, unsure bool, results []error) (spoiler *task, err error) {
	var tasks []*task
	for i, op := range batch {
		if op.state.Load() == left && (op.undo == nil || !unsure) {
			results[i] = store.ErrBusy // while the database could not be reached
			continue
		}
		tasks = append(tasks, &task{op: op, index: i})
	}
	if w.engine.Send != nil {
		spoiler, err = w.together(tasks, unsure)
	} else {
		spoiler, err = w.inTurn(tasks, unsure)
	}
	for _, t := range tasks {
		results[t.index] = t.err
	}
	return spoiler, err
}

// inTurn runs one task after the other.
func (w *Writer) inTurn(tasks []*task, unsure bool) (*task, error) {
	for _, t := range tasks {
		w.current = t
		if t.err = w.run(t.op, unsure); t.spoils(w) {
			return t, t.err
		}
	}
	return nil, nil
}

// together runs tasks about different keys in lock step: each runs until it wants to know something of the
// database, and what all of them want is asked in one round trip. Only one of them runs at any moment. Tasks that
// are about the same key run one after the other, in their order, and those without keys alone, at the end. All run
// alone once they were in each other's way.
func (w *Writer) together(tasks []*task, unsure bool) (*task, error) {
	var alone []*task
	tasks = slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool {
		if w.tangles > 0 || len(t.op.keys) == 0 {
			alone = append(alone, t)
			return true
		}
		return false
	})
	if spoiler, err := w.lockStep(tasks, unsure); err != nil {
		return spoiler, err
	}
	for _, t := range alone {
		if spoiler, err := w.lockStep([]*task{t}, unsure); err != nil {
			return spoiler, err
		}
	}
	return nil, nil
}

func (w *Writer) lockStep(tasks []*task, unsure bool) (*task, error) {
	w.owners = map[string]*task{}
	for _, t := range tasks {
		t.wants = t.op.keys
		t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
			t.park = yield
			t.err = w.run(t.op, unsure)
		})
		defer t.stop()
	}
	for len(tasks) > 0 {
		moved := false
		var waiting []*task
		for _, t := range tasks {
			if !w.own(t) {
				waiting = append(waiting, t)
				continue
			}
			moved = true
			w.current = t
			if _, more := t.next(); more {
				waiting = append(waiting, t)
				continue
			}
			if t.spoils(w) {
				return t, t.err
			}
			for _, k := range t.keys {
				delete(w.owners, k)
			}
		}
		if !moved {
			return nil, errEntangled
		}
		if tasks = waiting; len(tasks) == 0 {
			break // what is queued may go with the commit
		}
		if spoiler, err := w.flush(false); err != nil {
			return spoiler, err
		}
	}
	return nil, nil
}

// own makes a task the owner of the keys that it wants, unless another one has one of them.
func (w *Writer) own(t *task) bool {
	for _, k := range t.wants {
		if o := w.owners[k]; o != nil && o != t {
			return false
		}
	}
	for _, k := range t.wants {
		w.owners[k] = t
	}
	t.keys, t.wants = append(t.keys, t.wants...), nil
	return true
}

// lock adds keys to those of the transaction, and of the task.
func (w *Writer) lock(keys ...string) error {
	if w.engine.Lock == nil || len(keys) == 0 {
		return nil
	}
	t := w.current
	for t.wants = keys; !w.own(t); {
		if !t.park(struct{}{}) {
			return errAgain
		}
	}
	query, args := w.engine.Lock(keys)
	w.queue = append(w.queue, &Statement{Query: query, Args: args, of: t})
	return nil
}

// ask has a statement run and returns once its result is there. What was queued before runs before.
func (w *Writer) ask(s *Statement) error {
	s.of = w.current
	if scan := s.Scan; scan != nil { // which is not called from the operation
		s.Scan = func(r Row) (err error) {
			defer w.caught(&err)
			return scan(r)
		}
	}
	w.queue = append(w.queue, s)
	if !w.current.park(struct{}{}) {
		return errAgain
	}
	return s.Err
}

// flush runs what is queued, and commits then if that is wanted. It returns the task that is to blame for an error.
func (w *Writer) flush(commit bool) (*task, error) {
	queue := w.queue
	w.queue = nil
	if len(queue) == 0 && !commit {
		return nil, nil
	}
	err := w.engine.Send(w, queue, commit)
	w.failed = w.failed || err != nil
	for _, s := range queue {
		switch {
		case err == nil && s.told != nil:
			s.told(s.Changed)
		case s.Err != nil && s.gathered:
			return nil, fmt.Errorf("%w: %w", errGathered, s.Err)
		case s.Err != nil:
			return s.of, s.Err
		}
	}
	return nil, err
}
