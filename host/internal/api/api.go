package api

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Daemon is what the API tells about.
type Daemon interface {
	Status(ctx context.Context) (Status, error)
	Plugins() []Plugin
	Agents() []Agent
	Trace(ctx context.Context, id string) ([]store.TraceEvent, error)
	// Reload reads the configuration again. What is wrong with it is in the answer.
	Reload(ctx context.Context) Reload
	// Stopping is closed when streams are to end.
	Stopping() <-chan struct{}
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

// Handler serves the API over Connect, gRPC and gRPC-Web.
func Handler(d Daemon) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(hostv1connect.NewHostServiceHandler(service{daemon: d}, connect.WithReadMaxBytes(1<<20)))
	return mux
}

// service answers what is asked.
type service struct {
	hostv1connect.UnimplementedHostServiceHandler
	daemon Daemon
}

func failure(code connect.Code, reason string, err error) error {
	out := connect.NewError(code, err)
	if d, derr := connect.NewErrorDetail(&errdetails.ErrorInfo{Reason: reason, Domain: "aof.dev"}); derr == nil {
		out.AddDetail(d)
	}
	return out
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
