package api

import (
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

func (s service) GetStatus(ctx context.Context, _ *hostv1.GetStatusRequest) (*hostv1.GetStatusResponse, error) {
	st, err := s.daemon.Status(ctx)
	if err != nil {
		return nil, failure(connect.CodeUnavailable, "STORE_DOWN", err)
	}
	out := &hostv1.GetStatusResponse{
		Version: st.Version, StartedAt: timestamppb.New(st.StartedAt), Ready: len(st.Reasons) == 0,
		Reasons: st.Reasons, WebhookAddress: st.WebhookAddress, AdminAddress: st.AdminAddress,
		Development: st.Development, LastMinute: &hostv1.Throughput{},
		Backlog: &hostv1.Backlog{
			InboxPending: uint32(st.Backlog.InboxPending), TurnsRunning: uint32(st.Backlog.TurnsRunning),
			OutboxPending: uint32(st.Backlog.OutboxPending), OutboxUnknown: uint32(st.Backlog.OutboxUnknown),
			OutboxFailed: uint32(st.Backlog.OutboxFailed),
		},
		Config: &hostv1.ConfigStatus{
			File: st.Config.File, LoadedAt: stamp(st.Config.LoadedAt), Generation: uint32(st.Config.Generation),
			Rejected: findings(st.Config.Rejected), NeedsRestart: st.Config.NeedsRestart,
		},
	}
	for _, p := range st.Platforms {
		out.Platforms = append(out.Platforms, platformStatus(p))
	}
	return out, nil
}

func platformStatus(p Platform) *hostv1.PlatformStatus {
	out := &hostv1.PlatformStatus{
		Id: p.ID, DisplayName: p.Name, State: p.State, Reason: p.Reason, Version: p.Version,
		Crashes: uint32(p.Crashes), Pid: uint32(p.PID), WebhookPaths: p.WebhookPaths,
		LastInAt: stamp(p.LastIn), LastOutAt: stamp(p.LastOut), Capabilities: p.Capabilities,
		Limits: &hostv1.PlatformLimits{
			TextMax: p.Limits.TextMax, ButtonsMax: p.Limits.ButtonsMax, ListRowsMax: p.Limits.ListRowsMax,
			ReplyWindowSeconds: uint64(p.Limits.ReplyWindow.Seconds()),
			PerAccount:         rateLimit(p.Limits.PerAccount), PerRecipient: rateLimit(p.Limits.PerRecipient),
		},
	}
	for _, a := range p.Accounts {
		out.Accounts = append(out.Accounts, a.ID)
		rate := a.Rate
		if rate == (chat.Rate{}) {
			rate = p.Limits.PerAccount
		}
		out.AccountDetails = append(out.AccountDetails, &hostv1.AccountStatus{
			Id: a.ID, DisplayName: a.Name, Rate: rateLimit(rate),
		})
	}
	return out
}

// rateLimit is nil when r sets no limit.
func rateLimit(r chat.Rate) *hostv1.RateLimit {
	if r.Period <= 0 {
		return nil
	}
	return &hostv1.RateLimit{Burst: max(r.Burst, 1), PeriodUs: uint64(r.Period.Microseconds())}
}

func findings(list []Finding) (out []*hostv1.Finding) {
	for _, f := range list {
		out = append(out, &hostv1.Finding{Severity: f.Severity, Place: f.Place, Text: f.Text, Hint: f.Hint})
	}
	return out
}

func (s service) ListPlugins(context.Context, *hostv1.ListPluginsRequest) (*hostv1.ListPluginsResponse, error) {
	out := &hostv1.ListPluginsResponse{}
	for _, p := range s.daemon.Plugins() {
		out.Plugins = append(out.Plugins, &hostv1.Plugin{
			Id: p.ID, Kind: p.Kind, Path: p.Path, Version: p.Version, State: p.State, Reason: p.Reason,
			Capabilities: p.Capabilities, Pid: uint32(p.PID), Crashes: uint32(p.Crashes),
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

func (s service) ReloadConfig(ctx context.Context, _ *hostv1.ReloadConfigRequest) (*hostv1.ReloadConfigResponse, error) {
	r := s.daemon.Reload(ctx)
	return &hostv1.ReloadConfigResponse{
		Accepted: r.Accepted, Changes: r.Changes, NeedsRestart: r.NeedsRestart, Findings: findings(r.Findings),
	}, nil
}
