package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/host"
	"github.com/aof-dev/aofd/host/internal/config"
)

// runPluginCommand runs a command of a plugin. The plugin's flags are not known here, so this command looks for its
// own ones itself.
func runPluginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run <plugin> [command [argument...]]",
		Short: "Run a command of a plugin with the configuration of its platform",
		Long: "run has the plugin execute one of its own commands, with the platform's block of the configuration, which\n" +
			"it gets over a pipe. Without a command the plugin lists what it can do. The daemon need not run.\n\n" +
			"  aofd plugin run <plugin> doctor -c config.yaml\n\n" +
			"-c (--config), --plugins-dir and --data-dir are aofd's wherever they stand, the last without effect; what comes\n" +
			"behind -- is the plugin's.",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			call, err := splitPluginCall(args)
			if err != nil {
				return usageError{err}
			}
			if call.help {
				return cmd.Help()
			}
			s, err := settings(call.config, config.Overrides{PluginsDir: call.plugins}, false)
			if err != nil {
				return err
			}
			code, err := host.RunPlugin(cmd.Context(), host.Settings{Config: s, Logger: slog.New(slog.DiscardHandler)}, call.id, call.args,
				host.Streams{In: cmd.InOrStdin(), Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr()})
			if err != nil || code == exitOK {
				return err
			}
			return exitError(code)
		},
	}
	return cmd
}

// pluginCall is a command line of plugin run.
type pluginCall struct {
	id              string
	args            []string
	config, plugins string
	help            bool // about plugin run itself
}

func splitPluginCall(args []string) (c pluginCall, err error) {
	own := map[string]*string{"-c": &c.config, "--config": &c.config, "--plugins-dir": &c.plugins, "--data-dir": new(string)}
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(args[i], "=")
		switch to := own[name]; {
		case args[i] == "--":
			c.args = append(c.args, args[i+1:]...)
			i = len(args)
		case to != nil && inline:
			*to = value
		case to != nil && i+1 == len(args):
			return c, fmt.Errorf("%s needs a value", name)
		case to != nil:
			i++
			*to = args[i]
		case c.id == "" && (args[i] == "-h" || args[i] == "--help"):
			c.help = true
		case c.id == "":
			c.id = args[i]
		default:
			c.args = append(c.args, args[i])
		}
	}
	if c.id == "" && !c.help {
		return c, errors.New("say which plugin: see aofd plugin list and aofd plugin run --help")
	}
	return c, nil
}
