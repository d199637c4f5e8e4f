package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Runner runs one agent. It may be used by many goroutines.
type Runner interface {
	// Run has the agent answer and returns the terminal event; a failure of any kind is one with an Error.
	// What happens on the way goes to emit, which is called by one goroutine at a time and never after Run
	// has returned. The run ends with ctx.
	Run(ctx context.Context, r chat.Run, emit func(chat.Event)) chat.Event
	// Check says why the agent could not run now, as far as this machine can tell without running it; nil
	// when nothing is known against it.
	Check() error
	// Close frees what the runner holds. No run may be going on.
	Close() error
}

// Settings of a Runner.
type Settings struct {
	Logger *slog.Logger // required
	// Mark is put into the environment of programs, so that EndLeftovers finds them. It must belong to one
	// daemon alone, such as its data directory.
	Mark string
}

// New returns the runner that the agent's file asks for; an agent without exec, http and grpc gets one that
// answers that it cannot run. The error says why the agent cannot run here; there is no runner then.
func New(a config.Agent, s Settings) (Runner, error) {
	g := guard{log: s.Logger}
	switch {
	case a.Exec != nil:
		g.inner = newProgram(*a.Exec, a.Dir, s)
		return g, nil
	case a.HTTP != nil:
		g.inner = newService(*a.HTTP, s.Logger)
		return g, nil
	case a.GRPC != nil:
		c, err := newServer(*a.GRPC)
		if err != nil {
			return nil, err
		}
		g.inner = c
		return g, nil
	}
	return missing{a.Name}, nil
}

// The codes of errors that runners make. The user gets the host's sentence for them; the trace has the
// detail.
const (
	codeTimeout  = "AGENT_TIMEOUT"   // the run's deadline was over
	codeStart    = "AGENT_NOT_FOUND" // the program cannot be started, the service cannot be reached
	codeExit     = "AGENT_EXIT"      // the program ended with an exit code other than 0
	codeStatus   = "AGENT_STATUS"    // the service answered with another status than 2xx
	codeGarbage  = "AGENT_GARBAGE"   // the answer is in none of the three forms or broke off
	codeTooLarge = "AGENT_TOO_LARGE" // the answer is over one of the limits, such as maxOutput
	codeNoEnd    = "AGENT_NO_END"    // events without a terminal one
	codePanic    = "RUNNER_PANIC"    // a bug of the host's
	codeMissing  = "RUNTIME_MISSING" // the agent needs a runtime for models
)

// inner is what an agent's kind brings: a Runner whose run may fail. With an error the event means nothing.
type inner interface {
	run(ctx context.Context, r chat.Run, emit func(chat.Event)) (chat.Event, error)
	Check() error
	Close() error
}

// failure is an error with a code of its own.
type failure struct {
	code, detail string
}

func (f failure) Error() string { return f.code + ": " + f.detail }

func failed(code, format string, args ...any) error {
	return failure{code, fmt.Sprintf(format, args...)}
}

// guard handles what is the same for all kinds: panics, timeouts, and answers that hold what they must not.
type guard struct {
	inner inner
	log   *slog.Logger
}

// Check implements Runner.
func (g guard) Check() error { return g.inner.Check() }

// Close implements Runner.
func (g guard) Close() error { return g.inner.Close() }

// Run implements Runner.
func (g guard) Run(ctx context.Context, r chat.Run, emit func(chat.Event)) (end chat.Event) {
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			end = errorEvent(codePanic, "", fmt.Sprintf("the runner panicked: %v", p))
		}
	}()
	log := g.log.With("run", r.ID)
	end, err := g.inner.run(ctx, r, func(e chat.Event) {
		defer func() { // it may be called by a goroutine of its own
			if p := recover(); p != nil {
				log.Error("bug: an agent's event caused a panic; the event is lost", "panic", p)
			}
		}()
		if e.Partial != nil {
			e.Partial.Response = acceptable(e.Partial.Response, log)
		}
		emit(e)
	})
	switch {
	// A server that keeps the same deadline may notice it first.
	case errors.Is(err, &chat.Error{Reason: chat.ReasonTimeout}),
		errors.Is(ctx.Err(), context.DeadlineExceeded) && (err != nil || end.Final == nil):
		took := time.Since(start).Round(time.Second)
		return errorEvent(codeTimeout, "Stopped after "+took.String(),
			fmt.Sprintf("the agent did not answer within %s", took))
	case err != nil:
		return failureEvent(err)
	case end.Final != nil && len(end.Final.Response.Text) > maxText:
		return errorEvent(codeTooLarge, "The answer is too long",
			fmt.Sprintf("the agent's text has %d bytes, the limit is %d", len(end.Final.Response.Text), maxText))
	case end.Final != nil:
		end.Final.Response = acceptable(end.Final.Response, log)
	}
	return end
}

// failureEvent is the terminal event of a run that failed.
func failureEvent(err error) chat.Event {
	if f, ok := errors.AsType[failure](err); ok {
		return errorEvent(f.code, "", f.detail)
	}
	e := chat.AsError(err)
	if e.Reason == chat.ReasonUnavailable {
		return errorEvent(codeStart, "", "the agent's server cannot be reached: "+e.Text)
	}
	return errorEvent(string(e.Reason), "", e.Text)
}

func errorEvent(code, userText, detail string) chat.Event {
	return chat.Event{Error: &chat.AgentError{Code: code, UserText: userText, Detail: detail}}
}

// missing stands for an agent whose runtime is not installed.
type missing struct{ name string }

// Run implements Runner.
func (m missing) Run(context.Context, chat.Run, func(chat.Event)) chat.Event {
	return errorEvent(codeMissing,
		"The agent "+m.name+" needs a language model, and no runtime for models is installed here",
		"the agent has a model and none of exec, http and grpc; this version runs only those")
}

// Check implements Runner.
func (missing) Check() error {
	return errors.New("it needs a runtime for models, which is not installed")
}

// Close implements Runner.
func (missing) Close() error { return nil }
