package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aof-dev/aofd/host/internal/store"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

func (s *service) GetStatus(ctx context.Context, _ *hostv1.GetStatusRequest) (*hostv1.GetStatusResponse, error) {
	st, err := s.Daemon.Status(ctx)
	if err != nil {
		return nil, problem(err)
	}
	pauses, err := s.Store.Paused(ctx)
	if err != nil {
		return nil, problem(err)
	}
	out := &hostv1.GetStatusResponse{
		Version: st.Version, StartedAt: timestamppb.New(st.StartedAt), Ready: len(st.Reasons) == 0,
		Reasons: st.Reasons, WebhookAddress: st.WebhookAddress, AdminAddress: st.AdminAddress,
		Development: st.Development, LastMinute: s.lastMinute(),
		Backlog: &hostv1.Backlog{
			InboxPending: uint32(st.Backlog.InboxPending), TurnsRunning: uint32(st.Backlog.TurnsRunning),
			OutboxPending: uint32(st.Backlog.OutboxPending), OutboxUnknown: uint32(st.Backlog.OutboxUnknown),
			OutboxFailed: uint32(st.Backlog.OutboxFailed), OutboxHeld: uint32(st.Backlog.OutboxHeld),
		},
		Config: &hostv1.ConfigStatus{
			File: st.Config.File, LoadedAt: stamp(st.Config.LoadedAt), Generation: uint32(st.Config.Generation),
			Rejected: findings(st.Config.Rejected), NeedsRestart: st.Config.NeedsRestart,
		},
	}
	for _, p := range st.Platforms {
		load, err := s.load(ctx, p)
		if err != nil {
			return nil, problem(err)
		}
		out.Platforms = append(out.Platforms, platformStatus(p, pauses, load))
	}
	return out, nil
}

// lastMinute is what happened lately.
func (s *service) lastMinute() *hostv1.Throughput {
	sum := func(name string) uint64 { return uint64(s.Stats.Sum(name, time.Minute)) }
	return &hostv1.Throughput{
		Received: sum("received"), Duplicates: sum("duplicates"), Answered: sum("answered"), Failed: sum("failed"),
		Sent: sum("sent"), SendFailed: sum("send_failed"),
	}
}

// loads is what accounts of a platform have to do, as it was a moment ago.
type loads struct {
	at       time.Time
	accounts map[string]store.Load
}

// loadsKept is how long a count is good enough: it reads many rows where much is going on.
const loadsKept = 2 * time.Second

func (s *service) load(ctx context.Context, p Platform) (map[string]store.Load, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	if l, ok := s.loads[p.ID]; ok && time.Since(l.at) < loadsKept {
		return l.accounts, nil
	}
	window := p.Limits.ReplyWindow
	if window == 0 {
		window = 24 * time.Hour
	}
	accounts, err := s.Store.Loads(ctx, p.ID, time.Now().Add(-window))
	if err != nil {
		return nil, err
	}
	if s.loads == nil {
		s.loads = map[string]loads{}
	}
	s.loads[p.ID] = loads{time.Now(), accounts}
	return accounts, nil
}

// pauseOf is nil when exactly that is not paused.
func pauseOf(pauses []store.Pause, a store.Account) *hostv1.Pause {
	for _, p := range pauses {
		if p.Account == a {
			return &hostv1.Pause{Since: stamp(p.Since), Reason: p.Reason}
		}
	}
	return nil
}

func platformStatus(p Platform, pauses []store.Pause, load map[string]store.Load) *hostv1.PlatformStatus {
	out := &hostv1.PlatformStatus{
		Id: p.ID, DisplayName: p.Name, State: p.State, Reason: p.Reason, Version: p.Version,
		Crashes: uint32(p.Crashes), Pid: uint32(p.PID), WebhookPaths: p.WebhookPaths,
		LastInAt: stamp(p.LastIn), LastOutAt: stamp(p.LastOut), Capabilities: p.Capabilities,
		Pause: pauseOf(pauses, store.Account{Platform: p.ID}),
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
			Pause:         pauseOf(pauses, store.Account{Platform: p.ID, Account: a.ID}),
			OutboxPending: uint32(load[a.ID].Pending), OpenWindows: uint32(load[a.ID].OpenWindows),
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

func (s *service) ListPlugins(context.Context, *hostv1.ListPluginsRequest) (*hostv1.ListPluginsResponse, error) {
	out := &hostv1.ListPluginsResponse{}
	for _, p := range s.Daemon.Plugins() {
		out.Plugins = append(out.Plugins, &hostv1.Plugin{
			Id: p.ID, Kind: p.Kind, Path: p.Path, Version: p.Version, State: p.State, Reason: p.Reason,
			Capabilities: p.Capabilities, Pid: uint32(p.PID), Crashes: uint32(p.Crashes),
		})
	}
	return out, nil
}

func (s *service) ListAgents(context.Context, *hostv1.ListAgentsRequest) (*hostv1.ListAgentsResponse, error) {
	out := &hostv1.ListAgentsResponse{}
	for _, a := range s.Daemon.Agents() {
		out.Agents = append(out.Agents, &hostv1.Agent{
			Name: a.Name, Description: a.Description, Runner: a.Runner, File: a.File, Available: a.Available,
			Reason: a.Reason,
		})
	}
	return out, nil
}

func (s *service) ReloadConfig(ctx context.Context, _ *hostv1.ReloadConfigRequest) (*hostv1.ReloadConfigResponse, error) {
	r := s.Daemon.Reload(ctx)
	return &hostv1.ReloadConfigResponse{
		Accepted: r.Accepted, Changes: r.Changes, NeedsRestart: r.NeedsRestart, Findings: findings(r.Findings),
	}, nil
}
