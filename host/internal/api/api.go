package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aof-dev/aofd/host/internal/store"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// Daemon is what the API tells about.
type Daemon interface {
	Status(ctx context.Context) (Status, error)
	Plugins() []Plugin
	Agents() []Agent
	Trace(ctx context.Context, id string) ([]store.TraceEvent, error)
}

// Status is how the daemon is.
type Status struct {
	Version        string
	StartedAt      time.Time
	Reasons        []string // why it is not ready; empty: ready
	Platforms      []Platform
	Backlog        store.Backlog
	WebhookAddress string
}

// Platform is how one configured platform is.
type Platform struct {
	ID, State, Reason, Version string
	Accounts                   []string
	Crashes, PID               int
	LastIn, LastOut            time.Time
	WebhookPaths               []string
}

// Plugin is a plugin that was found.
type Plugin struct {
	ID, Kind, Path, Version, State, Reason string
	Capabilities                           []string
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
	mux.Handle(hostv1connect.NewHostServiceHandler(service{d}, connect.WithReadMaxBytes(1<<20)))
	return mux
}

type service struct{ daemon Daemon }

func (s service) GetStatus(ctx context.Context, _ *hostv1.GetStatusRequest) (*hostv1.GetStatusResponse, error) {
	st, err := s.daemon.Status(ctx)
	if err != nil {
		return nil, failure(connect.CodeUnavailable, "STORE_DOWN", err)
	}
	out := &hostv1.GetStatusResponse{
		Version: st.Version, StartedAt: timestamppb.New(st.StartedAt), Ready: len(st.Reasons) == 0,
		Reasons: st.Reasons, WebhookAddress: st.WebhookAddress,
		Backlog: &hostv1.Backlog{
			InboxPending: uint32(st.Backlog.InboxPending), TurnsRunning: uint32(st.Backlog.TurnsRunning),
			OutboxPending: uint32(st.Backlog.OutboxPending), OutboxUnknown: uint32(st.Backlog.OutboxUnknown),
			OutboxFailed: uint32(st.Backlog.OutboxFailed),
		},
	}
	for _, p := range st.Platforms {
		out.Platforms = append(out.Platforms, &hostv1.PlatformStatus{
			Id: p.ID, State: p.State, Reason: p.Reason, Version: p.Version, Accounts: p.Accounts,
			Crashes: uint32(p.Crashes), Pid: uint32(p.PID), WebhookPaths: p.WebhookPaths,
			LastInAt: stamp(p.LastIn), LastOutAt: stamp(p.LastOut),
		})
	}
	return out, nil
}

func (s service) ListPlugins(context.Context, *hostv1.ListPluginsRequest) (*hostv1.ListPluginsResponse, error) {
	out := &hostv1.ListPluginsResponse{}
	for _, p := range s.daemon.Plugins() {
		out.Plugins = append(out.Plugins, &hostv1.Plugin{
			Id: p.ID, Kind: p.Kind, Path: p.Path, Version: p.Version, State: p.State, Reason: p.Reason,
			Capabilities: p.Capabilities,
		})
	}
	return out, nil
}

func (s service) ListAgents(context.Context, *hostv1.ListAgentsRequest) (*hostv1.ListAgentsResponse, error) {
	out := &hostv1.ListAgentsResponse{}
	for _, a := range s.daemon.Agents() {
		out.Agents = append(out.Agents, &hostv1.Agent{
			Name: a.Name, Description: a.Description, Runner: a.Runner, File: a.File, Available: a.Available,
			Reason: a.Reason,
		})
	}
	return out, nil
}

func (s service) GetTrace(ctx context.Context, r *hostv1.GetTraceRequest) (*hostv1.GetTraceResponse, error) {
	events, err := s.daemon.Trace(ctx, r.GetId())
	if errors.Is(err, store.ErrNotFound) {
		return nil, failure(connect.CodeNotFound, "UNKNOWN_ID",
			errors.New("no message, delivery or platform message has this id"))
	}
	if err != nil {
		return nil, failure(connect.CodeUnavailable, "STORE_DOWN", err)
	}
	out := &hostv1.GetTraceResponse{}
	for _, e := range events {
		out.Events = append(out.Events, &hostv1.TraceEvent{
			At: timestamppb.New(e.At), Hop: e.Hop, Detail: e.Detail, DurationUs: uint64(e.Duration.Microseconds()),
			Cause: e.Cause, DeliveryId: e.DeliveryID,
		})
	}
	return out, nil
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
