package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cli/browser"
	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/host/internal/dev"
)

func devCommand() *cobra.Command {
	var s dev.Settings
	var pluginsDir, level, output string
	var stay bool
	cmd := &cobra.Command{
		Use: "dev [folder]", Short: "A playground: the daemon, emulators of the platforms, and a page that shows both",
		Args: takes(0, 1, "at most one folder"),
		Long: "dev starts all that it takes to see messages come and go on this machine, without an account: an emulator of\n" +
			"each platform that has one, the daemon as it is in production, and one page with a phone beside the way of its\n" +
			"messages. Changes of the configuration, the agents and the triggers are taken at once. Ctrl-C ends it.\n\n" +
			"Without a folder everything is gone at the end. A folder that is named is kept: it gets the example agents when\n" +
			"it is new. With -c it is your own configuration; the blocks of its platforms are led to the emulators, with\n" +
			"test secrets instead of yours.",
		Example: "  aofd dev\n  aofd dev my-bot\n  aofd dev -c config.yaml --no-open",
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return usageError{fmt.Errorf("--output is text or json, not %q", output)}
			}
			if len(args) > 0 {
				s.Folder = args[0]
			}
			dirs, err := pluginDirs(s.Config, pluginsDir)
			if err != nil {
				return err
			}
			s.PluginDirs, s.Log = dirs, cmd.ErrOrStderr()
			s.Serve = []string{"--log-level", level}
			if isTerminal(cmd.ErrOrStderr()) {
				s.Serve = append(s.Serve, "--log-format", "text")
			}
			if pluginsDir != "" {
				s.Serve = append(s.Serve, "--plugins-dir", dirs[0])
			}
			s.Ready = func(r dev.Ready) {
				announce(cmd.OutOrStdout(), r, output)
				if !stay && output == "text" && display() {
					browser.Stdout, browser.Stderr = io.Discard, io.Discard
					_ = browser.OpenURL(r.URL) // the address is printed, too
				}
			}
			return dev.Run(cmd.Context(), s)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&s.Config, "config", "c", "", "DaemonConfig file of your own")
	f.StringVar(&s.Listen, "listen", "127.0.0.1:0", "address of the page, on this machine; port 0 takes a free one")
	f.StringVar(&pluginsDir, "plugins-dir", "", "folder of the plugins (default: plugins beside aofd, then ./plugins)")
	f.StringVar(&level, "log-level", "warn", "debug, info, warn or error")
	f.BoolVar(&stay, "no-open", false, "open no browser")
	f.StringVarP(&output, "output", "o", "text", "text or json: how the address is printed")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	_ = cmd.MarkFlagDirname("plugins-dir")
	return cmd
}

// pluginDirs are the folders that the daemon would look into.
func pluginDirs(path, flag string) ([]string, error) {
	s, err := settings(path, config.Overrides{PluginsDir: flag}, false)
	if err != nil {
		return nil, err
	}
	return config.PluginDirs(s), nil
}

// display reports whether there is a screen to open a browser on.
func display() bool {
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY"} {
		if v, _ := env(name); v != "" {
			return true
		}
	}
	_, err := os.Stat("/usr/bin/open") // macOS
	return err == nil
}

func announce(w io.Writer, r dev.Ready, output string) {
	if output == "json" {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"event": "ready", "url": r.URL, "phones": r.Phones, "config": r.Config, "agents": r.Agents,
		}) // stdout is gone if this fails
		return
	}
	fmt.Fprintf(w, "\n  %s  %s\n\n", paint(w, bold, "aofd dev"), paint(w, blue, r.URL))
	if r.Agents != "" {
		fmt.Fprintf(w, "  agents  %s  (changes are taken at once)\n", r.Agents)
	} else {
		fmt.Fprintf(w, "  config  %s  (changes are taken at once)\n", r.Config)
	}
	if r.Temporary && r.Agents != "" {
		fmt.Fprintln(w, "          gone at the end; keep them with: aofd dev my-bot")
	}
	fmt.Fprintf(w, "\n  Nothing here reaches a real platform. Ctrl-C ends it.\n\n")
}

// playground reads what `aofd dev` tells the daemon: the keys that lead its plugins to emulators.
func playground(path string) (out map[string]map[string]string, err error) {
	text, err := os.ReadFile(filepath.Clean(path))
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("read where the emulators are: %w", err)
	}
	return out, nil
}
