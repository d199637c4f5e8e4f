package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
)

// queued is how many operations may wait.
const queued = 1024

// committer runs operations. All that wait when one transaction has ended share the next one.
type committer struct {
	engine  *Engine
	stored  func(pending) // called with what waits more, or less, after each transaction
	log     *slog.Logger
	queue   chan *operation
	writers sync.WaitGroup
	ctx     context.Context // ends when a store that cannot be reached is not waited for any more
	cancel  context.CancelFunc
	broken  atomic.Pointer[error] // set once the disk failed or the file is gone: nothing is written any more

	mu     sync.RWMutex // held for writing by close only
	closed bool

	arrivals *arrivals     // what the writer does between two transactions
	file     func(*Writer) // does some of it
}

// operation is something to do inside a transaction. It may be run several times, as long as nothing of it was
// committed; run must set its results anew each time.
type operation struct {
	run  func(*Writer) error
	keys []string // what it is about: see Engine.Begin; none: it may be about anything, and runs alone
	// undo takes back what any call of run did, if that was committed; run is then run again, or nobody wants its
	// result any more. It is nil for what may be done twice.
	undo func(*Writer) error
	// committed is called by the writer once the operation is on disk, whether or not its caller still waits. Optional.
	committed func()
	state     atomic.Int32
	err       chan error // the result; buffered, since the caller may have left
}

// The states of an operation.
const (
	waiting int32 = iota
	running
	ended
	left // its caller does not wait any more
)

var errClosed = errors.New("store: closed")

func startCommitter(s *Store) *committer {
	e := s.Engine
	c := &committer{
		engine: e, stored: s.stored, log: s.log, queue: make(chan *operation, queued), arrivals: &s.arrivals, file: s.fileSome,
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	last := &lastTimes{}
	for range e.Writers {
		c.writers.Go(func() { c.loop(&Writer{engine: e, last: last}) })
	}
	return c
}

// do runs an operation and returns when it is on disk. When ctx ends before it began, nothing was stored and
// the error is store.ErrBusy.
func (c *committer) do(ctx context.Context, keys []string, run func(*Writer) error) error {
	return c.submit(ctx, &operation{run: run, keys: keys})
}

func (c *committer) submit(ctx context.Context, op *operation) error {
	if err := c.broken.Load(); err != nil {
		return *err
	}
	op.err = make(chan error, 1)
	if err := c.enqueue(ctx, op); err != nil {
		return err
	}
	select {
	case err := <-op.err:
		return err
	case <-ctx.Done():
	}
	switch {
	case op.state.CompareAndSwap(waiting, left):
		return fmt.Errorf("%w: %w", store.ErrBusy, ctx.Err())
	case op.state.CompareAndSwap(running, left):
		return fmt.Errorf("store: no answer in time, so nobody knows whether it was stored: %w", ctx.Err())
	}
	return <-op.err
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
	if c.engine.Deadline > 0 {
		stop := time.AfterFunc(c.engine.Deadline, c.cancel)
		defer stop.Stop()
	}
	c.writers.Wait()
	c.cancel()
}

func (c *committer) loop(w *Writer) {
	defer w.close()
	for open := true; open; {
		select {
		case op, ok := <-c.queue:
			if open = ok; ok {
				batch := c.gather(op)
				if len(batch) >= fileTogether {
					c.fileAll(w)
				}
				few := 1 < len(batch) && len(batch) < fileTogether
				w.crowded = c.engine.Writers == 1 && (few || c.arrivals.any())
				c.commit(w, batch)
			}
		case <-c.arrivals.ripe(): // and nobody waits
		}
		for c.arrivals.due(false) {
			if c.file(w); len(c.queue) > 0 && !c.arrivals.over() {
				break // who waits is next
			}
		}
	}
	c.fileAll(w)
}

// fileAll files what can be filed.
func (c *committer) fileAll(w *Writer) {
	for c.arrivals.due(true) {
		c.file(w)
	}
}

// gather adds what waits behind the first operation.
func (c *committer) gather(first *operation) []*operation {
	batch := []*operation{first}
	for len(batch) < c.engine.Batch {
		select {
		case next, ok := <-c.queue:
			if !ok {
				return batch
			}
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction. When an operation fails, the others are run again without it.
func (c *committer) commit(w *Writer, batch []*operation) {
	batch = slices.DeleteFunc(batch, func(op *operation) bool { return !op.state.CompareAndSwap(waiting, running) })
	w.tangles = 0
	unsure := false // a transaction whose end is not known may have been committed
	for tries := 0; len(batch) > 0; tries++ {
		results, err := c.attempt(w, batch, unsure)
		var rest []*operation
		for i, op := range batch {
			switch {
			case results[i] != nil && !errors.Is(results[i], errAgain):
				c.end(op, results[i])
			case err == nil && results[i] == nil:
				if op.committed != nil {
					op.committed()
				}
				c.end(op, nil)
			default:
				rest = append(rest, op)
			}
		}
		batch = rest
		if err == nil {
			continue
		}
		var again bool
		if again, unsure = c.mend(w, batch, err, tries, unsure); !again {
			for _, op := range batch {
				c.end(op, err)
			}
			return
		}
	}
}

// errAgain marks an operation of a transaction that was undone because of another one.
var errAgain = errors.New("store: undone with its transaction")

// attempt runs a batch in one transaction. Its error is that of the transaction as a whole; nothing was stored
// then, or it is not known. results get the errors of single operations; the others of a transaction that was
// undone because of one of them get errAgain.
func (c *committer) attempt(w *Writer, batch []*operation, unsure bool) (results []error, err error) {
	results = make([]error, len(batch))
	if err := c.broken.Load(); err != nil {
		return results, *err
	}
	defer w.stop()
	begin := time.Now()
	if err := w.begin(c.ctx, batch); err != nil {
		w.rollback(c.log)
		return results, c.final(err)
	}
	spoiler, err := w.work(batch, unsure, results)
	if err == nil {
		spoiler, err = w.commit()
	}
	if err != nil {
		w.rollback(c.log)
		if w.tangled(err) {
			w.tangles++
			return undone(batch), nil
		}
		whole := spoiler == nil || w.failed && (w.gone(err) || c.engine.Again != nil && c.engine.Again(err))
		if final := c.final(err); whole || final != err {
			return make([]error, len(batch)), final
		}
		results = undone(batch)
		results[spoiler.index] = err
		return results, nil
	}
	if c.engine.Committed != nil {
		c.engine.Committed(len(batch), time.Since(begin))
	}
	c.stored(w.pending)
	if w.changed && c.engine.Wrote != nil {
		c.engine.Wrote()
	}
	return results, nil
}

// tangled reports whether a transaction failed because of how its operations ran together, so that it is to be
// repeated with one after the other.
func (w *Writer) tangled(err error) bool {
	switch {
	case w.tangles == conflicts:
		return false
	case errors.Is(err, errGathered):
		return !w.gone(err)
	}
	return errors.Is(err, errEntangled) || errors.Is(err, errRace)
}

// undone are the results of a transaction that is to be repeated.
func undone(batch []*operation) []error {
	results := make([]error, len(batch))
	for i := range results {
		results[i] = errAgain
	}
	return results
}

// final ends all writing when err demands it, and returns what is to be said of it: err otherwise.
func (c *committer) final(err error) error {
	if c.engine.Fatal == nil {
		return err
	}
	final := c.engine.Fatal(err)
	if final == nil {
		return err
	}
	c.fail(final)
	return final
}

// Repeated transactions wait for a random part of these.
const (
	retryBase = 20 * time.Millisecond
	retryMax  = 2 * time.Second
	conflicts = 20 // how often a transaction is repeated because of others
)

// mend prepares for another attempt after one that failed as a whole, and reports whether there is to be one.
func (c *committer) mend(w *Writer, batch []*operation, err error, tries int, unsure bool) (again, stillUnsure bool) {
	gone := w.gone(err)
	switch {
	case c.broken.Load() != nil, c.ctx.Err() != nil:
		return false, unsure
	case gone:
		unsure = unsure || w.committing
		w.close()
		// Who does not wait any more is not kept, unless something must be taken back.
		if wanted(batch) == 0 && !unsure {
			return false, unsure
		}
	case c.engine.Again == nil || !c.engine.Again(err) || tries >= conflicts:
		return false, unsure
	}
	if tries == 0 && gone {
		c.log.Warn("the store cannot be reached; tried again until it can", "err", err)
	}
	wait := min(retryBase<<min(tries, 10), retryMax)
	select {
	case <-c.ctx.Done():
	case <-time.After(wait/2 + rand.N(wait)):
	}
	return true, unsure
}

// wanted is how many callers still wait.
func wanted(batch []*operation) (n int) {
	for _, op := range batch {
		if op.state.Load() == running {
			n++
		}
	}
	return n
}

// end hands a result to its caller. What nobody wants any more is taken back.
func (c *committer) end(op *operation, err error) {
	if op.state.CompareAndSwap(running, ended) {
		op.err <- err
		return
	}
	if err != nil || op.undo == nil {
		return
	}
	// On its own, since the caller of end serves the queue.
	c.writers.Go(func() {
		back := &operation{run: op.undo, keys: op.keys}
		if err := c.submit(c.ctx, back); err != nil && !errors.Is(err, errClosed) {
			c.log.Warn("what a caller had claimed and did not wait for stays claimed until its lease ends", "err", err)
		}
	})
}

// fail makes every later operation fail with err.
func (c *committer) fail(err error) {
	if c.broken.CompareAndSwap(nil, &err) {
		c.log.Error("nothing is stored any more", "err", err)
	}
}
