package egress

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aof-dev/aofd/host/internal/failpoint"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/telemetry"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Sender sends an answer: a platform's plugin. It is used by many goroutines. Its errors are *chat.Error;
// with any other kind it counts as certain that nothing was sent.
type Sender interface {
	SendResponse(ctx context.Context, d chat.Delivery) (chat.Sent, error)
}

// Outbox is where deliveries wait, and where what became of them is kept.
type Outbox interface {
	store.Outbox
	Deliveries(ctx context.Context, f store.Filter) ([]store.Delivery, store.Cursor, error)
	AppendTrace(ctx context.Context, events []store.TraceEvent) error
}

// Settings of a Stage.
type Settings struct {
	Owner  string // of the leases: unique to this process
	Outbox Outbox
	// Sender returns what sends for an account of a platform, and the limits of that account; nil when the
	// platform is not configured.
	Sender  func(platform, account string) (Sender, chat.Limits)
	Policy  Policy
	Metrics *telemetry.Metrics
	Tracer  *telemetry.Tracer // nil: no spans
	Logger  *slog.Logger
}

const (
	width        = 256              // sends at once
	claimMost    = 64               // deliveries that are claimed at once
	lease        = 10 * time.Second // renewed with the other leases of the owner
	claimTimeout = 5 * time.Second
	sendTimeout  = 30 * time.Second
	pollEvery    = time.Second
	patience     = 2 * time.Second // what is kept back for longer waits in the store
	holdEvery    = 3 * time.Second
	holdLease    = 10 * time.Second
)

// Stage sends. Start it once; Stop may be called at any time and any number of times, and Wake by any
// goroutine.
type Stage struct {
	Settings
	wake  chan struct{}
	done  chan struct{} // closed when no new sends are to begin
	once  sync.Once
	loops sync.WaitGroup
	sends sync.WaitGroup
	work  context.Context // ends when sends in flight must end
	cut   context.CancelFunc
	pace  *pacer
	alone lonely
	prime sync.Mutex // held while an account's recent sends are read
}

// New returns a stage that does nothing yet.
func New(s Settings) *Stage {
	s.Policy = s.Policy.withDefaults()
	st := &Stage{Settings: s, wake: make(chan struct{}, 1), done: make(chan struct{}), pace: newPacer()}
	st.work, st.cut = context.WithCancel(context.Background())
	return st
}

// Start begins to send and returns at once.
func (s *Stage) Start() {
	s.loops.Go(s.dispatch)
	s.loops.Go(s.hold)
	s.loops.Go(s.watch)
}

// Wake says that there may be something to send. It never blocks.
func (s *Stage) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Stop begins no new sends and waits for those in flight until ctx ends; then they are cut, and what a cut
// leaves in doubt is unknown. It returns when the last one is over.
func (s *Stage) Stop(ctx context.Context) {
	s.once.Do(func() { close(s.done) })
	finished := make(chan struct{})
	go func() {
		s.loops.Wait() // they begin sends, so they end first
		s.sends.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case <-ctx.Done():
	}
	s.cut()
	<-finished
}

// dispatch begins what is due, until Stop.
func (s *Stage) dispatch() {
	free := make(chan struct{}, width)
	for range width {
		free <- struct{}{}
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-s.wake:
		case <-timer.C:
		}
		more, err := true, error(nil)
		for more && err == nil {
			more, err = s.claim(free)
		}
		if err == nil {
			timer.Reset(s.untilDue(len(free)))
			continue
		}
		if s.work.Err() == nil {
			s.Logger.Error("no deliveries could be claimed; tried again in a second", "err", err)
		}
		select { // no Wake cuts this pause short, so that a store in trouble is not asked all the time
		case <-s.done:
			return
		case <-time.After(pollEvery):
			timer.Reset(0)
		}
	}
}

// untilDue is how long the loop may sleep: until the next retry or the end of an account's rest, a second at
// most. Without a free place the end of a send wakes it.
func (s *Stage) untilDue(free int) time.Duration {
	if free == 0 {
		return pollEvery
	}
	ctx, cancel := context.WithTimeout(s.work, pollEvery)
	defer cancel()
	at, err := s.Outbox.NextDue(ctx)
	if _, first := s.pace.rests(time.Now()); !first.IsZero() && (err != nil || at.IsZero() || first.Before(at)) {
		at = first
	}
	if at.IsZero() {
		return pollEvery
	}
	return min(max(time.Until(at), 10*time.Millisecond), pollEvery)
}

// claim begins as many sends as there are free places and reports whether there may be more to claim.
func (s *Stage) claim(free chan struct{}) (more bool, err error) {
	select {
	case <-s.done:
		return false, nil
	default:
	}
	n := min(len(free), claimMost, s.pace.room(time.Now()))
	if n == 0 {
		return false, nil // a finishing send wakes the loop
	}
	ctx, cancel := context.WithTimeout(s.work, claimTimeout)
	defer cancel()
	rests, _ := s.pace.rests(time.Now())
	due, err := s.Outbox.ClaimDeliveries(ctx, s.Owner, n, lease, rests...)
	if err != nil {
		return false, err
	}
	for _, d := range due {
		<-free
		s.sends.Go(func() {
			s.deliver(d)
			free <- struct{}{}
			s.Wake()
		})
	}
	return len(due) == n && len(free) > 0, nil
}

// hold keeps this host the sender of the accounts that it has begun to send for, so that their limits are
// counted in one place, and forgets those that another host has taken over.
func (s *Stage) hold() {
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		known := s.pace.known()
		if len(known) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(s.work, claimTimeout)
		held, err := s.Outbox.HoldSenders(ctx, s.Owner, known, holdLease)
		cancel()
		if err != nil {
			if s.work.Err() == nil {
				s.Logger.Error("the accounts that this host sends for could not be kept; another one may take them over", "err", err)
			}
			held = nil // what was counted may not be all any more
		}
		for _, a := range known {
			if !slices.Contains(held, a) {
				s.pace.forget(a)
			}
		}
	}
}

// deliver makes one attempt and records how it ended.
func (s *Stage) deliver(d store.Delivery) {
	start := time.Now()
	failpoint.Here(failpoint.Sending)
	verdict := s.attempt(d)
	failpoint.Here(failpoint.Sent)
	verdict.DeliveryID, verdict.Account, verdict.Conversation, verdict.Attempt = d.ID, accountOf(d), d.Conversation, d.Attempt
	if !verdict.Deferred {
		s.Metrics.Send(d.Platform, verdict.State, reasonOf(verdict), time.Since(start))
	}
	verdict.Instead = instead(d, verdict)
	log := s.Logger.With("delivery", d.ID, "cause", d.Cause, "ref", store.Reference(d.Cause), "attempt", d.Attempt,
		"state", verdict.State)
	report(log, verdict, time.Since(start))
	s.settle(verdict, log)
	failpoint.Here(failpoint.Settled)
}

func reasonOf(v store.Settlement) chat.Reason {
	if v.Error == nil {
		return ""
	}
	return v.Error.Reason
}

// report logs how an attempt ended. One that failed is for the operator to look at.
func report(log *slog.Logger, v store.Settlement, took time.Duration) {
	switch {
	case v.Error == nil:
		log.Info("delivery", "took", took.Round(time.Millisecond))
	case v.State == store.StateQueued:
		log.Warn("delivery is tried again", "at", v.NextAt.Format(time.RFC3339), "reason", v.Error.Reason,
			"err", v.Error.Message)
	default:
		attrs := []any{"reason", v.Error.Reason, "err", v.Error.Message}
		if v.Error.Hint != "" {
			attrs = append(attrs, "hint", v.Error.Hint)
		}
		log.Error("delivery", attrs...)
	}
}

// settle records how an attempt ended. While the store fails it keeps trying until sends are cut.
func (s *Stage) settle(v store.Settlement, log *slog.Logger) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.work), 10*time.Second)
		err := s.Outbox.Settle(ctx, v)
		cancel()
		if err == nil {
			return
		}
		log.Error("the end of a delivery could not be stored; tried again", "err", err)
		select {
		case <-s.work.Done():
			return // it becomes unknown when its lease ends: never sent again blindly
		case <-time.After(wait):
		}
	}
}
