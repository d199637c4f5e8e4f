package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/telemetry"
	"github.com/aof-dev/aofd/sdk/version"
)

// Streams are those of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// RunPlugin runs a subcommand of a platform's plugin for the operator and returns its exit code. The command gets
// the platform's block of the configuration with its secrets, checked as Run would, over a pipe. Without arguments,
// or with --help among them, the plugin explains itself, and the configuration may be of any kind. A configuration
// that cannot be used is a *ConfigError. The running daemon is not asked and not needed.
func RunPlugin(ctx context.Context, s Settings, id string, args []string, streams Streams) (code int, err error) {
	d := &daemon{log: s.Logger, startedAt: time.Now(), cfg: &config.Config{PluginDirs: config.PluginDirs(s.Config)}}
	defer d.close()
	d.metrics = telemetry.New(version.String(), func() (store.Backlog, error) { return store.Backlog{}, nil })
	d.current.now = &setup{cfg: d.cfg, agents: &agents{}}
	var diags config.Diagnostics
	if len(args) == 0 {
		args = []string{"--help"}
	}
	help := slices.ContainsFunc(args, func(a string) bool { return a == "--help" || a == "-h" })
	if !help {
		s.Config.ValidateOnly = true
		if d.cfg, diags = load(s.Config); d.cfg == nil {
			return 0, &ConfigError{diags}
		}
	}
	if d.catalog, err = d.openCatalog(); err != nil {
		return 0, err
	}
	var block []byte
	if !help {
		if block, err = d.blockOf(ctx, id, diags); err != nil {
			return 0, err
		}
	}
	cmd, free, err := d.catalog.Program(ctx, id, block, args...)
	if err != nil {
		return 0, err
	}
	defer free()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = streams.In, streams.Out, streams.Err
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopPlugins
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 0 {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// blockOf returns what the configuration says of a platform, as JSON and with its secrets, after the platform's
// plugin has found nothing wrong with it. What is wrong elsewhere in the configuration does not matter here.
func (d *daemon) blockOf(ctx context.Context, id string, diags config.Diagnostics) ([]byte, error) {
	for _, block := range d.cfg.Platforms {
		if block.ID != id {
			continue
		}
		plugin, err := d.catalog.Start(ctx, id)
		if err != nil {
			return nil, err
		}
		bound, found := block.Bind(plugin.Info().ConfigSchema)
		if !found.HasErrors() {
			judged, err := plugin.ValidateConfig(ctx, bound)
			if err != nil {
				return nil, err
			}
			found = block.Locate(judged)
		}
		if found.HasErrors() {
			return nil, &ConfigError{found}
		}
		return bound, nil
	}
	if diags.HasErrors() {
		return nil, &ConfigError{diags}
	}
	return nil, fmt.Errorf("the configuration has no platform %s that is enabled: add it below spec.platforms", id)
}
