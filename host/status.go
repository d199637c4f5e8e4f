package host

import (
	"context"
	"fmt"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/version"
)

// reasons says why the daemon is not ready, one sentence each; none means that it is.
func (d *daemon) reasons(ctx context.Context) (out []string) {
	if err := d.store.Ping(ctx); err != nil {
		out = append(out, fmt.Sprintf("the store takes no writes: %v", err))
	}
	for _, p := range d.platforms {
		if st := p.status(); st.State != catalog.StateReady {
			out = append(out, fmt.Sprintf("platform %s is %s: %s", p.id, st.State, st.Reason))
		}
	}
	return out
}

// Status implements api.Daemon.
func (d *daemon) Status(ctx context.Context) (api.Status, error) {
	backlog, err := d.store.Backlog(ctx)
	if err != nil {
		return api.Status{}, err
	}
	times, err := d.store.LastTimes(ctx)
	if err != nil {
		return api.Status{}, err
	}
	out := api.Status{
		Version: version.String(), StartedAt: d.startedAt, Reasons: d.reasons(ctx), Backlog: backlog,
		WebhookAddress: d.address, AdminAddress: d.adminAddress,
		Config: d.configStatus(), Development: d.settings.Development,
	}
	for _, p := range d.platforms {
		st := p.status()
		entry := api.Platform{
			ID: p.id, State: string(st.State), Reason: st.Reason, Version: st.Version,
			Crashes: st.Crashes, PID: st.PID,
			LastIn: times[p.id].In, LastOut: times[p.id].Out, WebhookPaths: d.webhookPaths(p.id),
		}
		if st.State == catalog.StateReady {
			entry.Reason = p.trouble(ctx)
		}
		for _, a := range st.Accounts {
			entry.Accounts = append(entry.Accounts, api.Account{ID: a.ID, Name: a.DisplayName, Rate: a.Rate})
		}
		if plugin := p.live(); plugin != nil {
			info := plugin.Info()
			entry.Capabilities = info.Capabilities
			if info.Platform != nil {
				entry.Name, entry.Limits = info.Platform.DisplayName, info.Platform.Limits
			}
		}
		out.Platforms = append(out.Platforms, entry)
	}
	return out, nil
}

// trouble asks a plugin that runs what is wrong between it and its platform; empty: nothing.
func (p *platform) trouble(ctx context.Context) string {
	h, err := p.live().CheckHealth(ctx)
	switch {
	case err != nil:
		return "it does not say how it is: " + err.Error()
	case h.State != chat.HealthOK:
		return string(h.State) + ": " + h.Message
	}
	return ""
}

// Plugins implements api.Daemon.
func (d *daemon) Plugins() (out []api.Plugin) {
	for _, f := range d.catalog.Found() {
		entry := api.Plugin{ID: f.ID, Kind: string(f.Kind), Path: f.Path, State: "available"}
		if f.Refused != "" {
			entry.State, entry.Reason = "refused", f.Refused
		}
		if p := d.platform(f.ID); p != nil && f.Refused == "" && f.Kind == chat.PluginPlatform {
			st := p.status()
			entry.State, entry.Reason, entry.Version = string(st.State), st.Reason, st.Version
			entry.PID, entry.Crashes = st.PID, st.Crashes
			if plugin := p.live(); plugin != nil {
				entry.Capabilities = plugin.Info().Capabilities
			}
		}
		out = append(out, entry)
	}
	return out
}

// Agents implements api.Daemon.
func (d *daemon) Agents() (out []api.Agent) {
	now := d.current.get()
	for _, a := range now.cfg.Agents {
		reason := now.agents.trouble(a)
		out = append(out, api.Agent{
			Name: a.Name, Description: a.Description, Runner: a.Runner(), File: a.Pos.File,
			Available: reason == "", Reason: reason,
		})
	}
	return out
}
