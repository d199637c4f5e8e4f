package agent

import (
	"context"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Agent answers messages. Its method may be called by many goroutines and must return soon after ctx ends:
// at the run's deadline, or when the run is cancelled.
type Agent interface {
	// Handle runs the agent once and returns the answer; an empty one means that there is nothing to say.
	//
	// What happens on the way goes to emit: deltas, progress, tool calls, and partial answers that are sent
	// at once. emit may be called by one goroutine at a time; its error says that nobody listens any more.
	// A run that ends otherwise than with an answer emits that end itself, as an Interrupt (a question to
	// people), an Error with words for the user, or a Final with what the run cost; what Handle returns
	// is then ignored, and later events are refused.
	//
	// An error of Handle becomes one error event. The user gets the host's own sentence; the operator gets
	// the error's text. It may be a *chat.Error, whose Reason is the code and whose Permanent says that
	// another try is useless.
	Handle(ctx context.Context, run chat.Run, emit func(chat.Event) error) (chat.Response, error)
}

// HandlerFunc is an Agent that is a function.
type HandlerFunc func(ctx context.Context, run chat.Run, emit func(chat.Event) error) (chat.Response, error)

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, run chat.Run, emit func(chat.Event) error) (chat.Response, error) {
	return f(ctx, run, emit)
}

// Spec is an agent program. Name and one of Agent and Handle are required.
type Spec struct {
	Name         string
	Description  string // one line for people
	Version      string // SemVer without "v"
	Capabilities []string
	// Agent answers messages; Handle is short for HandlerFunc(Handle).
	Agent  Agent
	Handle HandlerFunc
	// MaxRuns bounds how many runs there are at once; the host tells the users of others to try again.
	// 0 means no bound.
	MaxRuns int
}

// The codes of error events that this package makes.
const (
	CodeFailed    = "AGENT_FAILED"    // Handle returned an error that names no reason
	CodePanic     = "AGENT_PANIC"     // Handle panicked; the agent's log has the stack
	CodeCancelled = "AGENT_CANCELLED" // the run was cancelled
	CodeTimeout   = "AGENT_TIMEOUT"   // the run's deadline was over
)
