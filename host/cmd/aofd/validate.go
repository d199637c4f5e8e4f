package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/host"
	"github.com/aof-dev/aofd/host/internal/config"
)

func validateCommand() *cobra.Command {
	var o config.Overrides
	var path string
	var strict bool
	cmd := &cobra.Command{
		Use: "validate", Short: "Check a configuration and start nothing", Args: noArgs,
		Long: "validate loads a configuration with its agents and triggers, asks each platform's plugin about its\n" +
			"block, and prints every finding with its place. Exit code 2 when there are errors.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := settings(path, o, strict)
			if err != nil {
				return err
			}
			diags, err := host.Validate(cmd.Context(), host.Settings{Config: s, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				return err
			}
			diags.Print(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
			switch n := len(diags); n {
			case 0:
				fmt.Fprintln(cmd.OutOrStdout(), "the configuration is valid")
			case 1:
				fmt.Fprintln(cmd.OutOrStdout(), "the configuration is valid, with a warning")
			default:
				fmt.Fprintf(cmd.OutOrStdout(), "the configuration is valid, with %d warnings\n", n)
			}
			return nil
		},
	}
	configFlags(cmd, &path, &o, &strict)
	return cmd
}
