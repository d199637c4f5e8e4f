package turn

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aof-dev/aofd/host/internal/failpoint"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/telemetry"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Plan is what is to be done with a message: run Agent; or send Reply, with Outcome; or end with Outcome
// alone.
type Plan struct {
	Agent   string        // run this agent
	Message *chat.Message // what the agent gets instead of the message as it came; nil: that one
	Command *chat.Command
	Vars    map[string]string
	History int           // turns of history that the agent gets
	Timeout time.Duration // of the agent's run; more than 0

	Reply   *chat.Response // answer at once
	Outcome store.Outcome  // with Reply: the outcome; without: no answer at all

	Cancel   []string // with Reply: causes of the sender's messages that are not to be answered any more
	SetAgent *string  // with Reply: the user's choice from now on; empty takes it back, nil leaves it
	Why      string   // one sentence for the trace: what decided
}

// Planner decides what is to be done with a message. It is used by many goroutines; an error fails the turn.
type Planner interface {
	Plan(ctx context.Context, t store.Turn) (Plan, error)
}

// Agents runs agents. It is used by many goroutines.
type Agents interface {
	// Run returns the terminal event. It calls emit from one goroutine at a time and never after it returned.
	Run(ctx context.Context, r chat.Run, emit func(chat.Event)) chat.Event
}

// Lanes is where messages wait and turns end.
type Lanes interface {
	store.Lanes
	History(ctx context.Context, conversation, agent string, n int) ([]chat.Turn, error)
}

// Settings of a Stage.
type Settings struct {
	Owner   string // of the leases: unique to this process
	Lanes   Lanes
	Planner Planner
	Agents  Agents
	// Enqueued is called after deliveries were put into the outbox, by any goroutine.
	Enqueued func()
	// MaxConcurrent is how many agents may run at once.
	MaxConcurrent int
	// ProgressAfter is when a user is told once that the work goes on; 0: never.
	ProgressAfter time.Duration
	// MaxPerHour is how many messages of one sender in one chat are answered in an hour; 0: all.
	MaxPerHour int
	// MaxAge is how old a message may be, by the platform's time, to be still answered; 0: any age.
	MaxAge time.Duration
	// ExpireAfter is when an answer that could not be sent is of no use any more; 0: never.
	ExpireAfter time.Duration
	// Window is how soon after each other the texts of one sender are answered together; 0: each by itself.
	Window time.Duration
	// Courtesies and Signal are what the sender of a message sees while an agent works on it; nil or empty:
	// nothing.
	Courtesies Courtesies
	Signal     chat.Signal
	Metrics    *telemetry.Metrics
	Tracer     *telemetry.Tracer // nil: no spans
	Logger     *slog.Logger
}

const (
	lease       = 10 * time.Second // on a lane; also what a call of the store may take
	renewEvery  = 3 * time.Second
	renewLead   = time.Second // runs are cut so long before their leases end
	pollEvery   = time.Second // in case nobody calls Wake
	maxAttempts = 3           // a message whose turn was cut so often by crashes is given up
	hostWorkers = 16          // turns that the host answers by itself, at once
)

// Stage hands out turns. Start it once; Stop may be called at any time and any number of times, and Wake by
// any goroutine.
type Stage struct {
	Settings
	wake map[store.LaneKind]chan struct{}
	done chan struct{} // closed when no new turns are to be taken
	once sync.Once
	work context.Context // ends when running turns must end
	cut  context.CancelFunc

	dispatchers sync.WaitGroup // they begin turns, so they end first
	turns       sync.WaitGroup
	renewer     sync.WaitGroup // keeps the leases, so it ends last
	signals     sync.WaitGroup // nobody waits for them but Stop

	mu    sync.Mutex
	held  context.Context // ends when the leases may be lost: others may work on the same messages then
	lapse context.CancelFunc
	until *time.Timer // calls lapsed unless it is put off

	runs   runs
	room   chan struct{} // for signals
	floods floods
	full   atomic.Bool // no turns are given out, as too many answers wait
}

// New returns a stage that does nothing yet.
func New(s Settings) *Stage {
	st := &Stage{
		Settings: s, done: make(chan struct{}), wake: map[store.LaneKind]chan struct{}{},
		room: make(chan struct{}, signalsAtOnce),
	}
	for _, k := range []store.LaneKind{store.LaneTurn, store.LaneNow, store.LaneBusy} {
		st.wake[k] = make(chan struct{}, 1)
	}
	st.work, st.cut = context.WithCancel(context.Background())
	st.held, st.lapse = context.WithCancel(st.work)
	return st
}

// Start begins to take turns and returns at once.
func (s *Stage) Start() {
	s.dispatchers.Go(func() { s.dispatch(store.LaneTurn, s.MaxConcurrent) })
	s.dispatchers.Go(func() { s.dispatch(store.LaneNow, hostWorkers) })
	s.dispatchers.Go(func() { s.dispatch(store.LaneBusy, hostWorkers) })
	s.until = time.AfterFunc(lease-renewLead, s.lapsed)
	s.renewer.Go(s.renew)
}

// Wake says that there may be work in lanes of these kinds; without any, in all. It never blocks.
func (s *Stage) Wake(kinds ...store.LaneKind) {
	for _, k := range kinds {
		s.wakeLane(k)
	}
	if len(kinds) > 0 {
		return
	}
	for k := range s.wake {
		s.wakeLane(k)
	}
}

func (s *Stage) wakeLane(k store.LaneKind) {
	select {
	case s.wake[k] <- struct{}{}:
	default:
	}
}

// Stop takes no new turns and waits for the running ones until ctx ends; then they are cut and their
// messages go back to the inbox. It returns when the last one is over.
func (s *Stage) Stop(ctx context.Context) {
	s.once.Do(func() { close(s.done) })
	finished := make(chan struct{})
	go func() {
		s.dispatchers.Wait()
		s.turns.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case <-ctx.Done():
		s.Logger.Warn("turns are cut; their messages will be answered after the next start")
	}
	s.cut()
	<-finished
	s.renewer.Wait()
	s.signals.Wait()
}

// dispatch keeps up to width turns of one kind of lane running.
func (s *Stage) dispatch(kind store.LaneKind, width int) {
	free := make(chan struct{}, width)
	for range width {
		free <- struct{}{}
	}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-s.wake[kind]:
		case <-poll.C:
		}
		for s.claim(kind, free) {
		}
	}
}

// claim starts as many turns as there are free slots and reports whether there may be more to claim.
func (s *Stage) claim(kind store.LaneKind, free chan struct{}) bool {
	select {
	case <-s.done:
		return false
	default:
	}
	n := len(free)
	if n == 0 {
		return false // a finishing turn wakes the loop
	}
	ctx, cancel := context.WithTimeout(s.work, lease)
	defer cancel()
	held := s.tenure()
	turns, err := s.Lanes.Claim(ctx, s.Owner, kind, n, lease)
	if s.pressed(err) {
		return false
	}
	if err != nil {
		if s.work.Err() == nil {
			s.Logger.Error("no turns could be claimed; tried again in a second", "err", err)
		}
		return false
	}
	for _, t := range turns {
		<-free
		s.turns.Go(func() {
			s.handle(held, t, free)
			free <- struct{}{}
			s.wakeLane(kind)
		})
	}
	return len(turns) == n && len(free) > 0
}

// pressed reports whether no turns are to begin since too many answers wait to be sent already. It tells the log
// when that begins and ends.
func (s *Stage) pressed(err error) bool {
	full := errors.Is(err, store.ErrFull)
	switch {
	case full && s.full.CompareAndSwap(false, true):
		s.Logger.Warn("no more messages are answered until some of the answers that wait are sent: look at `aofd status`, and whether an account is paused",
			"err", err)
	case err == nil && s.full.CompareAndSwap(true, false):
		s.Logger.Info("messages are answered again")
	}
	return full
}

// renew keeps the leases of everything that this process holds, until the last turn is over.
func (s *Stage) renew() {
	defer s.until.Stop()
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.work.Done():
			return
		case <-tick.C:
		}
		start := time.Now() // the new leases begin later than that
		ctx, cancel := context.WithTimeout(s.work, renewEvery)
		err := s.Lanes.Renew(ctx, s.Owner, lease)
		cancel()
		switch {
		case err == nil:
			s.until.Reset(lease - renewLead - time.Since(start))
			s.cutLost()
		case s.work.Err() == nil:
			s.Logger.Error("leases could not be renewed; turns may be repeated", "err", err)
		}
	}
}

// lapsed cuts all runs: their leases end, and another host may begin to work on their messages. What they
// would say is void in any case.
func (s *Stage) lapsed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lapse()
	s.held, s.lapse = context.WithCancel(s.work)
	if s.work.Err() == nil {
		s.until.Reset(lease - renewLead) // for what is claimed before the next renewal
	}
}

// tenure returns a context that ends when the leases of the turns that are claimed now may be lost.
func (s *Stage) tenure() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// handle takes one turn from claim to outcome. It has a place from free, and has one again when it returns.
func (s *Stage) handle(held context.Context, t store.Turn, free chan struct{}) {
	log := s.Logger.With("cause", t.Cause)
	failpoint.Here(failpoint.Claimed)
	held, over := s.runs.begin(held, t)
	defer over()
	var more []store.Turn
	if s.Window > 0 && t.Lane == store.LaneTurn && gathers(t.Message) {
		// Whoever waits for the rest of a burst is not in the way of others.
		free <- struct{}{}
		s.wakeLane(t.Lane)
		var ok bool
		more, ok = s.gather(held, t, log)
		<-free
		if !ok {
			s.giveBack(t, log)
			return
		}
		t = together(t, more)
	}
	start := time.Now()
	if t.Attempt == 1 && !t.Message.ReceivedAt.IsZero() {
		s.Metrics.Waited(t.Lane, start.Sub(t.Message.ReceivedAt))
	}
	within, span := s.Tracer.Start(chat.ResumeTraceparent(held, t.Message.Metadata), "turn", "cause", t.Cause, "lane", string(t.Lane))
	t.Message.Metadata = chat.KeepTraceparent(within, t.Message.Metadata) // what follows is part of the turn
	r, cut := s.take(within, t, log)
	span.Note("outcome", string(r.Outcome), "reason", r.Reason)
	span.End(nil)
	failpoint.Here(failpoint.Answered)
	if cut {
		s.giveBack(t, log)
		return
	}
	if r.Merged = more; len(more) > 0 {
		r.Trace = append([]store.TraceEvent{gathered(more)}, r.Trace...)
	}
	r.Trace = append(r.Trace, store.TraceEvent{
		At: time.Now(), Hop: store.HopTurnEnd, Duration: time.Since(start),
		Detail: strings.TrimSuffix(string(r.Outcome)+": "+r.Reason, ": "),
	})
	if !s.finish(t, r, log) {
		return
	}
	failpoint.Here(failpoint.Finished)
	s.Metrics.Turn(r.Outcome, time.Since(start))
	report(log, t, r, time.Since(start))
	if len(r.Deliveries) > 0 {
		s.Enqueued()
	}
}

// report logs how a turn ended. One that failed or was interrupted is for the operator to look at.
func report(log *slog.Logger, t store.Turn, r store.Result, took time.Duration) {
	level := slog.LevelInfo
	if r.Outcome == store.OutcomeFailed || r.Outcome == store.OutcomeInterrupted {
		level = slog.LevelWarn
	}
	attrs := []any{"outcome", r.Outcome, "ref", store.Reference(t.Cause), "took", took.Round(time.Millisecond)}
	if r.Reason != "" {
		attrs = append(attrs, "reason", r.Reason)
	}
	log.Log(context.Background(), level, "turn finished", attrs...)
}

// giveBack frees the lane of a turn that was cut. While the store fails it keeps trying: as long as this
// process renews its leases, nobody else would take the message.
func (s *Stage) giveBack(t store.Turn, log *slog.Logger) {
	why := "the lease could not be renewed, so another host may answer"
	select {
	case <-s.done:
		why = "the daemon stops"
	default:
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.work), time.Second)
	err := s.Lanes.Enqueue(ctx, t, nil, []store.TraceEvent{{
		At: time.Now(), Hop: store.HopCut, Detail: why + "; the message is answered later",
	}})
	cancel()
	if err != nil {
		log.Debug("the trace lacks that the message was given back", "err", err)
	}
	s.persist(log, "the message could not be given back", func(ctx context.Context) error { return s.Lanes.Release(ctx, t) })
}

// finish records the result and reports whether it did. While the store fails it keeps trying, until the
// lease is lost or the turn is cut.
func (s *Stage) finish(t store.Turn, r store.Result, log *slog.Logger) bool {
	return s.persist(log, "the turn's result could not be stored", func(ctx context.Context) error {
		return s.Lanes.Finish(ctx, t, r)
	})
}

// persist makes a write of a turn and reports whether it has its effect. While the store fails it tries again;
// it gives up when the lease was lost, or when the process ends: the message is still in the inbox then.
func (s *Stage) persist(log *slog.Logger, failure string, write func(context.Context) error) bool {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.work), lease)
		err := write(ctx)
		cancel()
		switch {
		case err == nil:
			return true
		case errors.Is(err, store.ErrFenced):
			log.Warn("the turn was taken over; what it would write is void")
			return false
		}
		log.Error(failure+"; tried again", "err", err)
		select {
		case <-s.work.Done():
			return false
		case <-time.After(wait):
		}
	}
}
