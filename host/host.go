package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/uuid"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/host/internal/egress"
	"github.com/aof-dev/aofd/host/internal/media"
	"github.com/aof-dev/aofd/host/internal/runner"
	"github.com/aof-dev/aofd/host/internal/stats"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/telemetry"
	"github.com/aof-dev/aofd/host/internal/turn"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/version"
)

// Settings is what the program that embeds the daemon passes.
type Settings struct {
	Config config.Settings // where the configuration is
	Logger *slog.Logger    // required
	// Serving is called once by Run with the address (host:port) of the webhook listener. Optional.
	Serving func(address string)
	// Reload has the configuration read again with each value, such as a SIGHUP. Optional.
	Reload <-chan os.Signal
	// Watch has it read again whenever one of its files changes, whatever the files say. Optional.
	Watch bool
	// Development says that the daemon serves a playground.
	Development bool
}

// How long the parts of a graceful stop may take; then they are cut.
const (
	stopHTTP    = 5 * time.Second
	stopTurns   = 20 * time.Second
	stopSends   = 5 * time.Second
	stopPlugins = 5 * time.Second
)

// Run starts the daemon and serves until ctx ends; then it stops gracefully and returns nil. It also stops
// when a listener fails, and returns that error. A configuration that cannot be used is a *ConfigError; then
// no message was taken.
func Run(ctx context.Context, s Settings) error {
	cfg, diags := load(s.Config)
	if diags.HasErrors() {
		return everythingWrong(ctx, s, diags)
	}
	d := &daemon{settings: s, cfg: cfg, log: s.Logger, startedAt: time.Now(), serving: s.Serving}
	defer d.close()
	if err := d.build(ctx, diags); err != nil {
		return err
	}
	return d.serve(ctx)
}

// everythingWrong also asks the plugins about a configuration with errors, so that the operator sees all
// errors at once.
func everythingWrong(ctx context.Context, s Settings, diags config.Diagnostics) error {
	if _, err := Validate(ctx, s); errors.As(err, new(*ConfigError)) {
		return err
	}
	return &ConfigError{diags}
}

// load reads the configuration. It tells config which plugins are installed, so that triggers of the
// platforms without one are left out.
func load(s config.Settings) (*config.Config, config.Diagnostics) {
	s.Installed = func(platform string, dirs []string) bool {
		return catalog.Installed(chat.PluginPlatform, platform, dirs)
	}
	return config.Load(s)
}

// ConfigError is a configuration that cannot be used.
type ConfigError struct{ Diagnostics config.Diagnostics }

// Error says how many errors there are; Diagnostics has them all.
func (e *ConfigError) Error() string {
	if n := e.Diagnostics.Errors(); n != 1 {
		return fmt.Sprintf("the configuration has %d errors", n)
	}
	return "the configuration has an error"
}

// daemon is one running host. This file is the only one that knows the order of its stages.
type daemon struct {
	settings  Settings
	cfg       *config.Config // as it was at the start; what a reload replaces is in current
	log       *slog.Logger
	startedAt time.Time
	serving   func(string)
	address   string // of the webhook listener; empty until it listens

	adminAddress string                  // of the admin listener; empty: there is none
	webhooks     map[string]http.Handler // by platform

	metrics   *telemetry.Metrics
	tracer    *telemetry.Tracer // nil: no traces
	lock      *flock.Flock      // of the data directory
	stats     *stats.Recorder
	store     store.Store
	owner     string // of leases: unique to this process
	catalog   *catalog.Catalog
	platforms []*platform
	current   current
	reloading reloading
	turn      *turn.Stage
	egress    *egress.Stage
	files     *media.Server
	servers   servers
}

// build makes everything, in the order in which it is needed, and starts nothing that takes messages.
func (d *daemon) build(ctx context.Context, diags config.Diagnostics) (err error) {
	d.metrics = telemetry.New(version.String(), d.backlog)
	if d.tracer, err = telemetry.NewTracer(ctx, d.cfg.Telemetry.OTLPEndpoint, version.String(), d.log); err != nil {
		return err
	}
	d.stats = stats.New(d.metrics)
	agents, diags := newAgents(d.cfg, d.log, diags)
	d.current.now = &setup{cfg: d.cfg, agents: agents, generation: 1, loadedAt: d.startedAt}
	if d.catalog, err = d.openCatalog(); err != nil {
		return err
	}
	if d.platforms, diags, err = d.bringUp(ctx, diags); err != nil {
		return err
	}
	if diags.HasErrors() {
		return &ConfigError{diags}
	}
	for _, p := range d.platforms {
		p.keepTrying(d.catalog)
	}
	for _, w := range diags {
		attrs := []any{"at", w.Pos.String()}
		if w.Hint != "" {
			attrs = append(attrs, "hint", w.Hint)
		}
		d.log.Warn(w.Text, attrs...)
	}
	if d.lock, err = occupy(d.cfg.DataDir); err != nil {
		return err
	}
	if d.store, err = openStore(ctx, d.cfg, d.log, d.metrics); err != nil {
		return err
	}
	if n := runner.EndLeftovers(d.cfg.DataDir); n > 0 {
		d.log.Warn("a daemon that was killed left programs of agents running; they were ended", "processes", n)
	}
	if d.files, err = media.Listen(d.fetchMedia, d.log); err != nil {
		return err
	}
	d.owner = uuid.NewString()
	d.egress = egress.New(egress.Settings{
		Owner: d.owner, Outbox: d.store, Sender: d.sender, Policy: policy(d.cfg),
		Metrics: d.metrics, Tracer: d.tracer, Logger: d.log,
	})
	d.current.now.plan = d.newPlanner(d.cfg)
	d.turn = turn.New(turn.Settings{
		Owner: d.owner, Lanes: d.store, Planner: &d.current, Agents: withFiles{&d.current, d}, Enqueued: d.egress.Wake,
		MaxConcurrent: d.cfg.Runtime.MaxConcurrentTasks, ProgressAfter: d.cfg.Runtime.ProgressAfter,
		MaxPerHour: d.cfg.Runtime.MaxMessagesPerHour,
		MaxAge:     d.cfg.Runtime.MaxMessageAge, ExpireAfter: d.cfg.Delivery.ExpireAfter, Window: d.cfg.Runtime.CoalesceWindow,
		Courtesies: courtesies{d}, Signal: d.cfg.Runtime.Signal,
		Metrics: d.metrics, Tracer: d.tracer, Logger: d.log,
	})
	return d.servers.build(d)
}

// serve takes messages until ctx ends or a listener fails. The stages still run when it returns.
func (d *daemon) serve(ctx context.Context) error {
	d.egress.Start()
	d.turn.Start()
	keeping, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	for _, run := range []func(context.Context){d.forget, d.watch, d.heed, d.stats.Run} {
		work.Go(func() { run(keeping) })
	}
	defer func() { stop(); work.Wait() }()
	err := d.servers.serve(ctx, func() {
		d.log.Info("aofd serves", "version", version.String(), "address", d.address, "platforms", len(d.platforms),
			"agents", len(d.cfg.Agents), "data", d.cfg.DataDir, "admin", d.adminAddress)
		if d.serving != nil {
			d.serving(d.address)
		}
	})
	d.log.Info("stopping", "reason", context.Cause(ctx))
	return err
}

// close stops whatever was built, in the order in which messages flow, so that each stage can still hand on
// what it has. It is called once, at the end.
func (d *daemon) close() {
	bounded := func(t time.Duration, stop func(context.Context)) {
		ctx, cancel := context.WithTimeout(context.Background(), t)
		defer cancel()
		stop(ctx)
	}
	bounded(stopHTTP, d.servers.stop)
	if d.turn != nil {
		bounded(stopTurns, d.turn.Stop)
	}
	if d.egress != nil {
		bounded(stopSends, d.egress.Stop)
	}
	d.reloading.mu.Lock() // a reload that goes on ends first
	defer d.reloading.mu.Unlock()
	d.current.close()
	if d.files != nil {
		d.files.Stop()
	}
	for _, p := range d.platforms {
		p.stop()
	}
	if d.catalog != nil {
		bounded(stopPlugins, func(ctx context.Context) {
			if err := d.catalog.Close(ctx); err != nil {
				d.log.Warn("plugins did not stop cleanly", "err", err)
			}
		})
	}
	bounded(stopHTTP, func(ctx context.Context) {
		if err := d.tracer.Close(ctx); err != nil {
			d.log.Warn("the last traces could not be sent", "err", err)
		}
	})
	d.leave()
	if d.address != "" {
		d.log.Info("stopped")
	}
}

// sender returns what sends for an account of a platform, and the limits of that account; nil when the platform
// is not configured.
func (d *daemon) sender(platform, account string) (egress.Sender, chat.Limits) {
	if p := d.platform(platform); p != nil {
		return p, p.limitsOf(account)
	}
	return nil, chat.Limits{}
}

// platform returns a configured platform; nil when there is none of that id.
func (d *daemon) platform(id string) *platform {
	for _, p := range d.platforms {
		if p.id == id {
			return p
		}
	}
	return nil
}

// backlog is for the metrics, which may be asked for at any time.
func (d *daemon) backlog() (store.Backlog, error) {
	if d.store == nil {
		return store.Backlog{}, errors.New("no store yet")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return d.store.Backlog(ctx)
}

var _ api.Daemon = (*daemon)(nil)
