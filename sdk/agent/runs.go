package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/wire"
)

// runs serves a Spec: it knows which runs there are, and sees to it that each ends with exactly one
// terminal event.
type runs struct {
	spec  Spec
	agent Agent

	mu       sync.Mutex
	running  map[string]context.CancelCauseFunc // by run id
	stopping bool
}

var _ wire.Agent = (*runs)(nil)

// errCancelled is the cause of a context that Cancel ended.
type errCancelled struct{ reason string }

func (e errCancelled) Error() string {
	if e.reason == "" {
		return "the run was cancelled"
	}
	return "the run was cancelled: " + e.reason
}

func newRuns(s Spec) (*runs, error) {
	r := &runs{spec: s, agent: s.Agent, running: map[string]context.CancelCauseFunc{}}
	switch {
	case s.Name == "":
		return nil, errors.New("agent.Spec: Name is empty")
	case s.Agent == nil && s.Handle == nil:
		return nil, errors.New("agent.Spec: neither Agent nor Handle is set")
	case s.Agent != nil && s.Handle != nil:
		return nil, errors.New("agent.Spec: Agent and Handle are both set")
	case s.Agent == nil:
		r.agent = s.Handle
	}
	return r, nil
}

// Describe implements wire.Agent.
func (r *runs) Describe(context.Context) (wire.AgentInfo, error) {
	return wire.AgentInfo{
		Name: r.spec.Name, Description: r.spec.Description, Version: r.spec.Version, Capabilities: r.spec.Capabilities,
	}, nil
}

// Cancel implements wire.Agent. A run that is over, or never was, is none to cancel.
func (r *runs) Cancel(_ context.Context, runID, reason string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cancel := r.running[runID]; cancel != nil {
		cancel(errCancelled{reason})
	}
	return nil
}

// Handle implements wire.Agent.
func (r *runs) Handle(ctx context.Context, run chat.Run, emit func(chat.Event) error) error {
	ctx, leave, err := r.enter(ctx, run)
	if err != nil {
		return err
	}
	defer leave()
	s := &stream{emit: emit}
	response, err := r.call(ctx, run, s.send)
	return s.end(outcome(ctx, response, err))
}

// enter admits a run, or says why not.
func (r *runs) enter(ctx context.Context, run chat.Run) (_ context.Context, leave func(), err error) {
	refuse := func(reason chat.Reason, permanent bool, text string) (context.Context, func(), error) {
		return nil, nil, &chat.Error{Reason: reason, Permanent: permanent, Text: text}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case run.ID == "":
		return refuse(chat.ReasonBadRequest, true, "the run has no run_id")
	case (run.Message == nil) == (run.Resume == nil):
		return refuse(chat.ReasonBadRequest, true, "a run has either a message or a resume")
	case r.stopping:
		return refuse(chat.ReasonNotReady, false, "the agent is stopping")
	case r.running[run.ID] != nil: // the host asks twice only when it lost sight of the first
		return refuse(chat.ReasonBusy, false, "a run with this run_id is still going on")
	case r.spec.MaxRuns > 0 && len(r.running) >= r.spec.MaxRuns:
		return refuse(chat.ReasonBusy, false, fmt.Sprintf("%d runs are going on, and no more are taken", len(r.running)))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.CancelFunc(func() {})
	if !run.Deadline.IsZero() {
		ctx, stop = context.WithDeadline(ctx, run.Deadline)
	}
	r.running[run.ID] = cancel
	return ctx, func() {
		r.mu.Lock()
		delete(r.running, run.ID)
		r.mu.Unlock()
		stop()
		cancel(nil)
	}, nil
}

// stop refuses new runs.
func (r *runs) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping = true
}

// cancelAll ends the runs that are going on.
func (r *runs) cancelAll(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, cancel := range r.running {
		cancel(errCancelled{reason})
	}
}

// errPanic stands for a panic that the log has.
var errPanic = errors.New("the agent's code panicked; its log has the stack")

// call keeps a panic from costing more than its run.
func (r *runs) call(ctx context.Context, run chat.Run, emit func(chat.Event) error) (_ chat.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("the agent panicked", "run", run.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	return r.agent.Handle(ctx, run, emit)
}

// outcome is the event that a run ends with.
func outcome(ctx context.Context, response chat.Response, err error) chat.Event {
	fail := func(code, detail string, retryable bool) chat.Event {
		return chat.Event{Error: &chat.AgentError{Code: code, Detail: detail, Retryable: retryable}}
	}
	if err == nil {
		return chat.Event{Final: &chat.Final{Response: response}}
	}
	if errors.Is(err, errPanic) {
		return fail(CodePanic, err.Error(), false)
	}
	if c, ok := errors.AsType[errCancelled](context.Cause(ctx)); ok {
		return fail(CodeCancelled, c.Error(), false)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fail(CodeTimeout, "the deadline was over: "+err.Error(), true)
	}
	if e, ok := errors.AsType[*chat.Error](err); ok {
		return fail(string(e.Reason), err.Error(), !e.Permanent)
	}
	return fail(CodeFailed, err.Error(), false)
}

// stream sends the events of one run.
type stream struct {
	mu    sync.Mutex
	emit  func(chat.Event) error
	ended bool
}

// errEnded is what an agent gets that emits after its end.
var errEnded = errors.New("the run has ended: nothing can follow a final, an interrupt or an error")

// send is the agent's emit. It takes turns, although the agent should.
func (s *stream) send(e chat.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errEnded
	}
	if err := s.emit(e); err != nil {
		return err
	}
	s.ended = e.Terminal()
	return nil
}

// end sends the last event, if the agent did not. A caller that has left gets nothing.
func (s *stream) end(e chat.Event) error {
	if err := s.send(e); err != nil && !errors.Is(err, errEnded) {
		return err
	}
	return nil
}
