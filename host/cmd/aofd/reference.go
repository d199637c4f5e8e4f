package main

import (
	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/host/internal/config"
)

func referenceCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reference", Short: "Print the configuration reference as Markdown", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return config.WriteReference(cmd.OutOrStdout()) },
	}
}
