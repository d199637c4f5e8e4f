package egress

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strings"
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

// Settings of a Stage.
type Settings struct {
	Owner  string // of the leases: unique to this process
	Outbox store.Outbox
	// Sender returns what sends for a platform, and the platform's limits; nil when it is not configured.
	Sender  func(platform string) (Sender, chat.Limits)
	Metrics *telemetry.Metrics
	Logger  *slog.Logger
}

const (
	width        = 128              // sends at once
	lease        = 60 * time.Second // more than a send takes
	claimTimeout = 5 * time.Second
	sendTimeout  = 30 * time.Second
	pollEvery    = time.Second

	maxAttempts = 10             // that count: see store.Settlement.Deferred
	maxAge      = 24 * time.Hour // from the delivery's creation; then it has failed
	backoffBase = time.Second
	backoffMax  = 5 * time.Minute
	// While a token is rejected nothing is lost: the operator has maxAge to renew it.
	credentialsWait = 15 * time.Second
	downWait        = 500 * time.Millisecond // the plugin is being restarted
)

// Stage sends. Start it once; Stop may be called at any time and any number of times, and Wake by any
// goroutine.
type Stage struct {
	Settings
	wake  chan struct{}
	done  chan struct{} // closed when no new sends are to begin
	once  sync.Once
	loop  sync.WaitGroup
	sends sync.WaitGroup
	work  context.Context // ends when sends in flight must end
	cut   context.CancelFunc
	pace  *pacer
}

// New returns a stage that does nothing yet.
func New(s Settings) *Stage {
	st := &Stage{Settings: s, wake: make(chan struct{}, 1), done: make(chan struct{}), pace: newPacer()}
	st.work, st.cut = context.WithCancel(context.Background())
	return st
}

// Start begins to send and returns at once.
func (s *Stage) Start() { s.loop.Go(s.dispatch) }

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
		s.loop.Wait() // it begins sends, so it ends first
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

// untilDue is how long the loop may sleep: until the next retry, a second at most. Without a free place the
// end of a send wakes it.
func (s *Stage) untilDue(free int) time.Duration {
	if free == 0 {
		return pollEvery
	}
	ctx, cancel := context.WithTimeout(s.work, pollEvery)
	defer cancel()
	at, err := s.Outbox.NextDue(ctx)
	if err != nil || at.IsZero() {
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
	n := len(free)
	if n == 0 {
		return false, nil // a finishing send wakes the loop
	}
	ctx, cancel := context.WithTimeout(s.work, claimTimeout)
	defer cancel()
	due, err := s.Outbox.ClaimDeliveries(ctx, s.Owner, n, lease)
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

// deliver makes one attempt and records how it ended.
func (s *Stage) deliver(d store.Delivery) {
	start := time.Now()
	failpoint.Here(failpoint.Sending)
	verdict := s.attempt(d)
	failpoint.Here(failpoint.Sent)
	verdict.DeliveryID, verdict.Conversation, verdict.Attempt = d.ID, d.Conversation, d.Attempt
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

// attempt sends once, if the platform's limits allow it now.
func (s *Stage) attempt(d store.Delivery) (v store.Settlement) {
	sender, limits := s.Sender(d.Platform)
	if sender == nil {
		return failed(&chat.Error{
			Reason: chat.ReasonMisconfigured, Permanent: true, Text: "the platform is not configured any more",
			Hint: "configure it again and send the message anew",
		}, d)
	}
	if wait := s.pace.reserve(d, limits.PerAccount, time.Now()); wait > 0 {
		s.Metrics.Limited(d.Platform, wait)
		return store.Settlement{
			State: store.StateQueued, Deferred: true, NextAt: time.Now().Add(wait), MessageIDs: d.MessageIDs,
		}
	}
	ctx, cancel := context.WithTimeout(s.work, sendTimeout)
	defer cancel()
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			s.Logger.Error("bug: a send panicked", "delivery", d.ID, "panic", p, "stack", string(debug.Stack()))
			v = store.Settlement{State: store.StateUnknown, MessageIDs: d.MessageIDs, Error: &chat.DeliveryError{
				Reason: chat.ReasonInternal, Message: "the host panicked while sending",
			}}
		}
		v.Trace = append(v.Trace, attempted(d, v, start))
	}()
	sent, err := sender.SendResponse(ctx, chat.Delivery{
		ID: d.ID, Account: d.Account, ChannelID: d.ChannelID, Response: d.Response,
		Attempt: d.Attempt, PartsSent: d.PartsSent,
	})
	if err != nil {
		return conclude(chat.AsError(err), d)
	}
	s.pace.spend(d, limits.PerAccount, len(sent.MessageIDs)-1, time.Now())
	v = store.Settlement{State: store.StateSent, MessageIDs: append(d.MessageIDs, sent.MessageIDs...)}
	for _, g := range sent.Degradations {
		v.Trace = append(v.Trace, store.TraceEvent{
			At: time.Now(), Hop: store.HopDegraded, Detail: g.What + ": " + g.Detail, DeliveryID: d.ID,
		})
	}
	return v
}

// attempted is the trace of one attempt.
func attempted(d store.Delivery, v store.Settlement, start time.Time) store.TraceEvent {
	detail := "state " + string(v.State)
	if v.Error != nil {
		detail += ": " + string(v.Error.Reason) + ": " + v.Error.Message
		if v.Error.Hint != "" {
			detail += " (" + v.Error.Hint + ")"
		}
	}
	return store.TraceEvent{
		At: start, Hop: store.HopAttempt, Detail: detail, Duration: time.Since(start), DeliveryID: d.ID,
	}
}

// conclude decides what an error means for a delivery.
func conclude(e *chat.Error, d store.Delivery) store.Settlement {
	v := store.Settlement{MessageIDs: append(d.MessageIDs, e.MessageIDs...), Error: deliveryError(e)}
	switch {
	case e.Sent == chat.SentYes:
		v.State = store.StateSent
	case e.Sent == chat.SentUnknown:
		v.State = store.StateUnknown
	case errors.Is(e, &chat.Error{Reason: chat.ReasonCredentialsRejected}) && time.Since(d.CreatedAt) < maxAge:
		v.State, v.NextAt = store.StateQueued, time.Now().Add(credentialsWait)
		v.Deferred = true
	case errors.Is(e, &chat.Error{Reason: chat.ReasonUnavailable}) && time.Since(d.CreatedAt) < maxAge:
		v.State, v.NextAt = store.StateQueued, time.Now().Add(jitter(2*downWait))
		v.Deferred = true
	case len(e.MessageIDs) > 0 && !e.Permanent && time.Since(d.CreatedAt) < maxAge:
		// Some parts are out, so it gets on: it is no failed attempt.
		v.State, v.NextAt = store.StateQueued, time.Now().Add(e.RetryAfter)
		v.Deferred = true
	case e.Permanent || d.Attempt >= maxAttempts || time.Since(d.CreatedAt) >= maxAge:
		v.State = store.StateFailed
	default:
		v.State, v.NextAt = store.StateQueued, time.Now().Add(max(e.RetryAfter, backoff(d.Attempt)))
	}
	return v
}

// substitute ends the id of a delivery that goes out instead of another one.
const substitute = "-instead"

// instead is what the user gets for an answer that the platform can never show: its text, if it has one, or a
// sentence.
func instead(d store.Delivery, v store.Settlement) []store.Delivery {
	shown := v.Error == nil || len(v.MessageIDs) > 0 || strings.HasSuffix(d.ID, substitute)
	if shown || v.State != store.StateFailed ||
		v.Error.Reason != chat.ReasonContentRejected && v.Error.Reason != chat.ReasonUnsupportedContent {
		return nil
	}
	ref := "(ref " + store.Reference(d.Cause) + ")."
	answer := chat.Response{
		Status: chat.StatusError, Text: "The answer cannot be shown here " + ref, ThreadID: d.Response.ThreadID,
	}
	if text := strings.TrimSpace(d.Response.Text); text != "" && len(d.Response.Native) == 0 {
		answer.Text = text + "\n\nThe rest of the answer cannot be shown here " + ref
		answer.Status, answer.Format = d.Response.Status, d.Response.Format
	}
	return []store.Delivery{{
		ID: d.ID + substitute, Cause: d.Cause, Ordinal: d.Ordinal, Platform: d.Platform, Account: d.Account,
		Conversation: d.Conversation, ChannelID: d.ChannelID, Agent: d.Agent, Response: answer, CreatedAt: time.Now(),
	}}
}

func failed(e *chat.Error, d store.Delivery) store.Settlement {
	return store.Settlement{State: store.StateFailed, MessageIDs: d.MessageIDs, Error: deliveryError(e)}
}

func deliveryError(e *chat.Error) *chat.DeliveryError {
	return &chat.DeliveryError{
		Reason: e.Reason, PlatformCode: e.PlatformCode, Message: e.Text, Hint: e.Hint, Permanent: e.Permanent,
	}
}

// backoff is exponential with full jitter. attempt is from 1.
func backoff(attempt int) time.Duration {
	d := backoffBase << min(attempt-1, 20)
	return jitter(min(d, backoffMax))
}

// jitter is a random time of up to d, which must be more than 0.
func jitter(d time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(d))) + time.Millisecond
}
