package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aof-dev/aofd/host/internal/stats"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Daemon is what the API tells about and steers. Its methods may be called by many goroutines. Those that return
// an error return one of the store's, or one that Refuse made.
type Daemon interface {
	Status(ctx context.Context) (Status, error)
	Plugins() []Plugin
	Agents() []Agent
	// ReplyWindow is how long after a person's last message a free answer may go out; 0: always, or not known.
	ReplyWindow(platform string) time.Duration
	// Send puts a message of the operator's into the outbox; with dry it only finds out whether it could. The
	// warnings say what may keep it from arriving.
	Send(ctx context.Context, m Outgoing, dry bool) (d store.Delivery, warnings []string, err error)
	// Cancel ends a message that waits or runs, by its cause, and tells its sender. Its errors are those of
	// store.Lanes.Cancel.
	Cancel(ctx context.Context, cause, reason string) error
	// Replay repeats a part of the way of a cause's message, or with dry tells what that would do.
	Replay(ctx context.Context, cause, from string, dry bool) (Replayed, error)
	// Resend is called after deliveries were queued again.
	Resend()
	// RestartPlugin ends a plugin's process, which is then started again, and returns its id.
	RestartPlugin(ctx context.Context, id string, kill bool) (pid int, err error)
	// Reload reads the configuration again. What is wrong with it is in the answer.
	Reload(ctx context.Context) Reload
	// Stopping is closed when streams are to end.
	Stopping() <-chan struct{}
}

// Store is what the API shows of the store and changes in it.
type Store interface {
	store.Ledger
	store.Operator
	AgentChoice(ctx context.Context, conversation, userID string) (string, error)
	Delivery(ctx context.Context, id string) (store.Delivery, error)
	Trace(ctx context.Context, id string) ([]store.TraceEvent, error)
	TraceAfter(ctx context.Context, after int64, limit int) ([]store.TraceEvent, int64, error)
	Webhook(ctx context.Context, cause string) (chat.Request, error)
}

// Status is how the daemon is.
type Status struct {
	Version        string
	StartedAt      time.Time
	Reasons        []string // why it is not ready; empty: ready
	Platforms      []Platform
	Backlog        store.Backlog
	WebhookAddress string
	AdminAddress   string // empty: no admin listener
	Config         Config
	Development    bool
}

// Config is how the configuration is.
type Config struct {
	File         string
	LoadedAt     time.Time
	Generation   int       // from 1; higher after a reload
	Rejected     []Finding // of the last attempt to reload, when it failed
	NeedsRestart []string
}

// Reload is what became of a reload.
type Reload struct {
	Accepted     bool
	Changes      []string // one line each; none: nothing changed
	NeedsRestart []string // keys
	Findings     []Finding
}

// Finding is something about the configuration.
type Finding struct{ Severity, Place, Text, Hint string }

// Platform is how one configured platform is.
type Platform struct {
	ID, Name, State, Reason, Version string
	Accounts                         []Account
	Crashes, PID                     int
	LastIn, LastOut                  time.Time
	WebhookPaths                     []string
	Limits                           chat.Limits
	Capabilities                     []string
}

// Account is how one identity on a platform is.
type Account struct {
	ID, Name string
	Rate     chat.Rate
}

// Plugin is a plugin that was found.
type Plugin struct {
	ID, Kind, Path, Version, State, Reason string
	Capabilities                           []string
	PID, Crashes                           int
}

// Agent is a loaded agent.
type Agent struct {
	Name, Description, Runner, File string
	Available                       bool
	Reason                          string // why it is not available
}

// Outgoing is a message of the operator's: to a conversation, or to a channel of a platform's account.
type Outgoing struct {
	Conversation                 string
	Platform, Account, ChannelID string
	Response                     chat.Response
	Key                          string // what makes a repeated call the same message; empty: nothing
}

// Replayed is what a replay did, or would do.
type Replayed struct {
	Steps     []ReplayStep
	Cause     string // to look at; empty: none
	Effective bool
}

// ReplayStep is one step of a replay.
type ReplayStep struct {
	Hop, Detail string
	Stops       bool // the way ends here without an effect
}

// Settings of the API.
type Settings struct {
	Daemon Daemon
	Store  Store
	Stats  *stats.Recorder
}

// Handler serves the API over Connect, gRPC and gRPC-Web.
func Handler(s Settings) http.Handler {
	mux := http.NewServeMux()
	srv := &service{Settings: s, streams: make(chan struct{}, maxStreams)}
	mux.Handle(hostv1connect.NewHostServiceHandler(srv, connect.WithReadMaxBytes(1<<20)))
	return mux
}

// service answers what is asked.
type service struct {
	Settings
	streams chan struct{} // a place for each stream that goes on

	loading sync.Mutex // guards what follows
	loads   map[string]loads
}

// Refuse makes an error of the API: code and reason are those of the tables in aof/host/v1.
func Refuse(code connect.Code, reason, text string) error {
	return failure(code, reason, errors.New(text))
}

func failure(code connect.Code, reason string, err error) error {
	out := connect.NewError(code, err)
	if d, derr := connect.NewErrorDetail(&errdetails.ErrorInfo{Reason: reason, Domain: "aof.dev"}); derr == nil {
		out.AddDetail(d)
	}
	return out
}

// problem is what an error of the daemon or the store means to the caller.
func problem(err error) error {
	if _, ok := errors.AsType[*connect.Error](err); ok {
		return err
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Refuse(connect.CodeNotFound, "UNKNOWN_ID",
			"no message, delivery, conversation or platform message has this id")
	case errors.Is(err, store.ErrFull):
		return failure(connect.CodeResourceExhausted, "STORE_FULL", err)
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, err)
	}
	return failure(connect.CodeUnavailable, "STORE_DOWN", err)
}

func badArgument(format string, args ...any) error {
	return failure(connect.CodeInvalidArgument, "BAD_ARGUMENT", fmt.Errorf(format, args...))
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
