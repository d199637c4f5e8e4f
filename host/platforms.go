package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/version"
)

// platform is one configured platform: its block of the configuration and its plugin. A platform whose
// plugin does not start is kept and tried again; until then it answers that it is not available.
type platform struct {
	id  string
	log *slog.Logger

	mu     sync.RWMutex    // guards what follows, up to the blank line
	block  config.Platform // of the configuration
	bound  []byte          // what the plugin made of it and runs with; it holds secrets
	former former          // before the last reload
	plugin *catalog.Plugin // nil until it started and took its configuration; never nil again
	reason string          // why it is nil
	faulty bool            // its configuration is to blame

	unshown sync.Map // signals that the platform cannot show

	// Of the goroutine that keeps trying; both nil when there is none.
	cancel context.CancelFunc
	done   chan struct{}
}

func (d *daemon) openCatalog() (*catalog.Catalog, error) {
	return catalog.Open(catalog.Settings{
		Dirs: d.cfg.PluginDirs, HostVersion: version.String(), Logger: d.log, LogLevel: d.cfg.LogLevel,
		Observe: d.metrics.Call,
		OnState: func(plugin string, st catalog.Status, crashed bool) {
			d.metrics.PluginReady(plugin, st.State == catalog.StateReady)
			if crashed {
				d.metrics.PluginCrashed(plugin)
			}
		},
	})
}

// bringUp starts the plugin of each platform and gives it its configuration. What is wrong with the
// configuration is added to diags; a plugin that only does not start is tried again in the background.
func (d *daemon) bringUp(ctx context.Context, diags config.Diagnostics) ([]*platform, config.Diagnostics, error) {
	var out []*platform
	for _, block := range d.cfg.Platforms {
		p := &platform{id: block.ID, block: block, log: d.log.With("platform", block.ID)}
		found, err := p.start(ctx, d.catalog)
		diags = append(diags, found...)
		switch {
		case ctx.Err() != nil:
			return out, diags, ctx.Err()
		case errors.Is(err, catalog.ErrNotFound):
			diags = append(diags, d.noPlugin(block))
			continue
		case err != nil:
			p.log.Error("the plugin did not start", "err", err)
		}
		out = append(out, p)
	}
	return out, diags, nil
}

// noPlugin says why there is no plugin for a platform, as far as the folders tell.
func (d *daemon) noPlugin(block config.Platform) config.Diagnostic {
	out := config.Diagnostic{
		Severity: config.SeverityError, Pos: block.Pos,
		Text: fmt.Sprintf("platform %s is enabled, but no plugin aof-platform-%s was found", block.ID, block.ID),
		Hint: fmt.Sprintf("put aof-platform-%s into %s, or set enabled: false", block.ID, strings.Join(d.cfg.PluginDirs, " or ")),
	}
	var others []string
	for _, f := range d.catalog.Found() {
		switch {
		case f.Kind != chat.PluginPlatform:
		case f.ID == block.ID && f.Refused != "":
			out.Text = fmt.Sprintf("platform %s is enabled, but its plugin %s is not used", block.ID, f.Path)
			out.Hint = f.Refused
			return out
		case f.Refused == "":
			others = append(others, f.ID)
		}
	}
	if len(others) > 0 {
		out.Hint += "; there are plugins for " + strings.Join(others, ", ")
	}
	return out
}

// start launches the plugin and configures it. Diagnostics with errors come without an error and mean that
// the configuration is at fault, so that trying again is of no use.
func (p *platform) start(ctx context.Context, c *catalog.Catalog) (config.Diagnostics, error) {
	plugin, err := c.Start(ctx, p.id)
	if err != nil {
		p.fail(err.Error())
		return nil, err
	}
	bound, diags, err := p.bind(ctx, plugin, p.configured())
	switch {
	case err != nil:
		p.fail(err.Error())
		return diags, err
	case diags.HasErrors():
		p.misconfigured()
		return diags, nil
	}
	if _, err := plugin.Configure(ctx, bound); err != nil {
		p.fail(err.Error())
		return diags, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plugin, p.bound, p.reason, p.faulty = plugin, bound, "", false
	return diags, nil
}

// bind turns a block into what the plugin takes, and asks the plugin about it.
func (p *platform) bind(
	ctx context.Context, plugin *catalog.Plugin, block config.Platform,
) ([]byte, config.Diagnostics, error) {
	bound, diags := block.Bind(plugin.Info().ConfigSchema)
	if diags.HasErrors() {
		return nil, diags, nil
	}
	found, err := plugin.ValidateConfig(ctx, bound)
	return bound, append(diags, block.Locate(found)...), err
}

// configured returns the platform's block.
func (p *platform) configured() config.Platform {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.block
}

// check finds out whether the plugin takes another block; nothing is applied. A plugin that does not run is
// asked once it does.
func (p *platform) check(ctx context.Context, block config.Platform) ([]byte, config.Diagnostics, error) {
	plugin := p.live()
	if plugin == nil {
		return nil, nil, nil
	}
	return p.bind(ctx, plugin, block)
}

// reconfigure puts a block in force that check found good. changed is false when the plugin runs with just that
// already, or does not run yet. The plugin keeps what it had when there is an error.
func (p *platform) reconfigure(
	ctx context.Context, c *catalog.Catalog, block config.Platform, bound []byte,
) (changed bool, err error) {
	p.mu.Lock()
	plugin, same, faulty := p.plugin, bytes.Equal(p.bound, bound), p.faulty
	p.former = former{p.block, p.bound}
	p.block = block
	p.mu.Unlock()
	switch {
	case plugin == nil && faulty: // it was given up, and may be mended now
		p.stop()
		p.keepTrying(c)
		return true, nil
	case plugin == nil || same:
		return false, nil
	}
	if _, err := plugin.Configure(ctx, bound); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.block = p.former.block
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bound = bound
	return true, nil
}

// former is what a platform ran with before a reload.
type former struct {
	block config.Platform
	bound []byte
}

// restore takes reconfigure back.
func (p *platform) restore(ctx context.Context) error {
	p.mu.Lock()
	plugin, was, same := p.plugin, p.former, bytes.Equal(p.former.bound, p.bound)
	p.block = was.block
	p.mu.Unlock()
	if plugin == nil || same || was.bound == nil {
		return nil
	}
	if _, err := plugin.Configure(ctx, was.bound); err != nil {
		return fmt.Errorf("platform %s has its new configuration all the same: %w", p.id, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bound = was.bound
	return nil
}

// fail records why the plugin does not run.
func (p *platform) fail(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reason = reason
}

// errMisconfigured is why a plugin with a configuration at fault does not run.
var errMisconfigured = errors.New("its configuration is not valid")

func (p *platform) misconfigured() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reason, p.faulty = errMisconfigured.Error(), true
}

// keepTrying starts a plugin that did not start, in the background, until it does or stop is called.
func (p *platform) keepTrying(c *catalog.Catalog) {
	if p.live() != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done = cancel, make(chan struct{})
	go func() {
		defer close(p.done)
		_, err := backoff.Retry(ctx, func() (struct{}, error) {
			diags, err := p.start(ctx, c)
			for _, w := range diags {
				p.log.Error(w.Text, "at", w.Pos.String(), "hint", w.Hint)
			}
			if diags.HasErrors() {
				return struct{}{}, backoff.Permanent(errMisconfigured)
			}
			return struct{}{}, err
		}, backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(0),
			backoff.WithNotify(func(err error, wait time.Duration) {
				p.log.Error("the plugin did not start; it is tried again", "in", wait.Round(time.Second), "err", err)
			}))
		if err != nil && ctx.Err() == nil {
			p.log.Error("the plugin cannot be used; mend its configuration, then `aofd reload`", "err", err)
		}
	}()
}

// stop ends the trying. The catalog stops the plugin itself.
func (p *platform) stop() {
	if p.cancel != nil {
		p.cancel()
		<-p.done
	}
}

// live returns the plugin; nil until it started and took its configuration.
func (p *platform) live() *catalog.Plugin {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.plugin
}

// limits are what the plugin says of its platform; zero while nothing is known.
func (p *platform) limits() chat.Limits {
	if plugin := p.live(); plugin != nil && plugin.Info().Platform != nil {
		return plugin.Info().Platform.Limits
	}
	return chat.Limits{}
}

// limitsOf are the limits of one account.
func (p *platform) limitsOf(account string) chat.Limits {
	out := p.limits()
	if plugin := p.live(); plugin != nil {
		for _, a := range plugin.Status().Accounts {
			if a.ID == account && a.Rate.Period > 0 {
				out.PerAccount = a.Rate
			}
		}
	}
	return out
}

// contentTypes are the media types of the platform's webhooks; empty while nothing is known.
func (p *platform) contentTypes() []string {
	if plugin := p.live(); plugin != nil && plugin.Info().Platform != nil {
		return plugin.Info().Platform.WebhookContentTypes
	}
	return nil
}

// status returns the state of the plugin; a platform whose plugin never started is "missing".
func (p *platform) status() catalog.Status {
	p.mu.RLock()
	plugin, reason := p.plugin, p.reason
	p.mu.RUnlock()
	if plugin == nil {
		return catalog.Status{State: catalog.StateMissing, Reason: reason}
	}
	return plugin.Status()
}

// ParseMessage implements ingress.Parser: it asks the plugin.
func (p *platform) ParseMessage(ctx context.Context, r chat.Request) (chat.Batch, error) {
	plugin := p.live()
	if plugin == nil {
		return chat.Batch{}, p.unavailable()
	}
	return plugin.ParseMessage(ctx, r)
}

// SendResponse implements egress.Sender: it asks the plugin.
func (p *platform) SendResponse(ctx context.Context, d chat.Delivery) (chat.Sent, error) {
	plugin := p.live()
	if plugin == nil {
		return chat.Sent{}, p.unavailable()
	}
	return plugin.SendResponse(ctx, d)
}

func (p *platform) unavailable() error {
	return &chat.Error{Reason: chat.ReasonUnavailable, Text: "platform(" + p.id + "): the plugin does not run"}
}
