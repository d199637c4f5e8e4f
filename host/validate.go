package host

import (
	"context"
	"time"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/telemetry"
	"github.com/aof-dev/aofd/sdk/version"
)

// Validate checks a configuration as Run would, with each platform's plugin asked about its block, and
// returns the warnings. It takes no messages, opens no listener and leaves the data directory alone. A
// configuration that cannot be used is a *ConfigError. Any other error says why it could not be checked.
func Validate(ctx context.Context, s Settings) (config.Diagnostics, error) {
	s.Config.ValidateOnly = true
	cfg, diags := load(s.Config)
	if cfg == nil {
		return nil, &ConfigError{diags}
	}
	d := &daemon{cfg: cfg, log: s.Logger, startedAt: time.Now()}
	defer d.close()
	d.metrics = telemetry.New(version.String(), func() (store.Backlog, error) { return store.Backlog{}, nil })
	agents, diags := newAgents(cfg, d.log, diags)
	d.current.now = &setup{cfg: cfg, agents: agents}
	var err error
	if d.catalog, err = d.openCatalog(); err != nil {
		return nil, err
	}
	platforms, diags, err := d.bringUp(ctx, diags)
	if err != nil {
		return nil, err
	}
	for _, p := range platforms {
		if st := p.status(); p.live() == nil && !p.faulty {
			diags = append(diags, config.Diagnostic{
				Severity: config.SeverityError, Pos: p.block.Pos,
				Text: "the plugin of platform " + p.id + " does not start: " + st.Reason,
			})
		}
	}
	if diags.HasErrors() {
		return nil, &ConfigError{diags}
	}
	return diags, nil
}
