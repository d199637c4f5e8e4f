package turn

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
)

// runs are the turns that this process works on, so that they can be cut.
type runs struct {
	mu sync.Mutex
	by map[string]run // by cause
}

type run struct {
	seq, epoch int64
	cut        context.CancelFunc
}

// begin notes a turn; its context ends when it is cut. over must be called at its end.
func (r *runs) begin(held context.Context, t store.Turn) (mine context.Context, over func()) {
	mine, cut := context.WithCancel(held)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]run{}
	}
	if former, ok := r.by[t.Cause]; ok { // its lane was taken from it, so what it leads to is void
		former.cut()
	}
	r.by[t.Cause] = run{t.Seq, t.Epoch, cut}
	return mine, func() {
		cut()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.by[t.Cause].epoch == t.Epoch { // and not of a later turn
			delete(r.by, t.Cause)
		}
	}
}

// cut ends the work on a cause, if there is any.
func (r *runs) cut(cause string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run, ok := r.by[cause]; ok {
		run.cut()
	}
}

func (r *runs) all() map[string]run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.by)
}

// cutLost ends the work on messages that were cancelled by way of another host, or that moved with their
// conversation: what it would lead to is void.
func (s *Stage) cutLost() {
	before := s.runs.all()
	if len(before) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(s.work, renewEvery)
	defer cancel()
	holds, err := s.Lanes.Holds(ctx, s.Owner)
	if err != nil {
		s.Logger.Debug("what this host still works on could not be read", "err", err)
		return
	}
	for cause, r := range before {
		if holds[r.seq] != r.epoch {
			s.Logger.Debug("the work on a message is cut: it is not this host's any more", "cause", cause)
			r.cut()
		}
	}
}

// cancelled is why there is no answer to what nobody wants an answer to any more.
const cancelled = "CANCELLED"

// Cancel ends a message that waits or runs, on whatever host, with one sentence to its sender. It returns
// store.ErrNotFound and store.ErrState as the store does.
func (s *Stage) Cancel(ctx context.Context, t store.Turn, why string) error {
	r := s.apology(t, store.OutcomeInterrupted, "This was stopped by the operator", cancelled, why)
	r.Trace = []store.TraceEvent{{At: time.Now(), Hop: store.HopCancelled, Detail: r.Reason}}
	return s.cancel(ctx, t.Cause, r)
}

// cancelOwn ends messages because their sender says so with t, who is told by the answer to that.
func (s *Stage) cancelOwn(t store.Turn, causes []string) error {
	ctx, done := context.WithTimeout(s.work, lease)
	defer done()
	for _, cause := range causes {
		r := silent(store.OutcomeInterrupted, cancelled+": by its sender, with "+t.Cause, store.HopCancelled)
		err := s.cancel(ctx, cause, r)
		if err != nil && !errors.Is(err, store.ErrState) && !errors.Is(err, store.ErrNotFound) { // it has ended by itself
			return err
		}
	}
	return nil
}

func (s *Stage) cancel(ctx context.Context, cause string, r store.Result) error {
	r.Trace = append(r.Trace, store.TraceEvent{
		At: time.Now(), Hop: store.HopTurnEnd, Detail: string(r.Outcome) + ": " + r.Reason,
	})
	if err := s.Lanes.Cancel(ctx, cause, r); err != nil {
		return err
	}
	s.runs.cut(cause)
	s.Metrics.Turn(r.Outcome, 0)
	s.Logger.Info("message cancelled", "cause", cause, "ref", store.Reference(cause), "reason", r.Reason)
	s.Wake(store.LaneTurn)
	if len(r.Deliveries) > 0 {
		s.Enqueued()
	}
	return nil
}
