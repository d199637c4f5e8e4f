package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/host"
	"github.com/aof-dev/aofd/host/internal/config"
)

func serveCommand() *cobra.Command {
	var o config.Overrides
	var path, emulators string
	var strict bool
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the daemon", Args: noArgs,
		Long: "serve runs the daemon in the foreground until SIGTERM or Ctrl-C. A configuration that cannot be used\n" +
			"ends it with exit code 2 and every error with its place, before anything is started. SIGHUP has it read\n" +
			"the configuration again, as `aofd reload` does.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if emulators != "" {
				var err error
				if o.Platforms, err = playground(emulators); err != nil {
					return err
				}
				o.NoAdmin = true
				ctx = untilEOF(ctx, os.Stdin)
			}
			s, err := settings(path, o, strict)
			if err != nil {
				return err
			}
			level, format := config.LogSettings(s)
			hangup := make(chan os.Signal, 1)
			signal.Notify(hangup, syscall.SIGHUP)
			defer signal.Stop(hangup)
			return host.Run(ctx, host.Settings{
				Config: s, Logger: logger(cmd.ErrOrStderr(), level, format), Reload: hangup,
				Watch: emulators != "", Development: emulators != "",
			})
		},
	}
	configFlags(cmd, &path, &o, &strict)
	// How `aofd dev` starts it: with emulators in the place of the platforms, and until its stdin ends.
	cmd.Flags().StringVar(&emulators, "playground", "", "")
	_ = cmd.Flags().MarkHidden("playground")
	return cmd
}

// untilEOF ends with r, which whoever started this process holds the other end of.
func untilEOF(ctx context.Context, r io.Reader) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, r) // whatever ends it, the other side is gone
		cancel(errors.New("the playground ended"))
	}()
	return ctx
}

func configFlags(cmd *cobra.Command, path *string, o *config.Overrides, strict *bool) {
	f := cmd.Flags()
	f.StringVarP(path, "config", "c", "", "DaemonConfig file")
	f.IntVarP(&o.Port, "port", "p", 0, "port of the webhook listener (overrides spec.server.port)")
	f.StringVar(&o.Host, "host", "", "address of the webhook listener (overrides spec.server.host)")
	f.StringVar(&o.AdminListen, "admin-listen", "", "address of the admin API and console, such as 127.0.0.1:9090 (overrides spec.admin.listen)")
	f.StringVar(&o.PluginsDir, "plugins-dir", "", "folder of the plugins (default: plugins beside aofd, then ./plugins)")
	f.StringVar(&o.DataDir, "data-dir", "", "folder of the daemon's data (default: ./data)")
	f.StringVar(&o.AgentsDir, "agents-dir", "", "folder of agent files (overrides spec.agents)")
	f.StringVar(&o.TriggersDir, "triggers-dir", "", "folder of trigger files (overrides spec.triggers)")
	f.StringVar(&o.LogLevel, "log-level", "", "debug, info, warn or error (default info)")
	f.StringVar(&o.LogFormat, "log-format", "", "text or json (default: text on a terminal, else json)")
	f.BoolVar(strict, "strict", false, "treat unknown keys as errors")
	for _, kind := range []string{"flows", "fleets"} {
		f.String(kind+"-dir", "", "")
		_ = f.MarkDeprecated(kind+"-dir", kind+" are not run")
	}
	for _, name := range []string{"config"} {
		_ = cmd.MarkFlagFilename(name, "yaml", "yml")
	}
	for _, name := range []string{"plugins-dir", "data-dir", "agents-dir", "triggers-dir"} {
		_ = cmd.MarkFlagDirname(name)
	}
}

func settings(path string, o config.Overrides, strict bool) (config.Settings, error) {
	wd, err := os.Getwd()
	if err != nil {
		return config.Settings{}, fmt.Errorf("find the working directory: %w", err)
	}
	s := config.Settings{Path: path, Overrides: o, Env: env, Strict: strict, WorkDir: wd}
	if exe, err := os.Executable(); err == nil {
		s.BesideBinary = filepath.Dir(exe)
	}
	return s, nil
}

// logger writes to w: coloured lines on a terminal, else one JSON object per line.
func logger(w io.Writer, level slog.Level, format string) *slog.Logger {
	terminal := isTerminal(w)
	if format == "" && !terminal || format == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: readable}))
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, NoColor: !terminal || os.Getenv("NO_COLOR") != ""}))
}

// readable writes durations as people do, such as 1.2s: a bare number does not say what it counts.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}
