package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/host"
	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/sdk/version"
)

// Exit codes that scripts can use.
const (
	exitOK       = 0
	exitFailed   = 1 // it ran and failed, or something configured does not run
	exitUsage    = 2 // the command line or the configuration is wrong; nothing was started
	exitNoDaemon = 3 // no daemon runs there
	exitNotFound = 4 // no such id
)

// run executes one command line and returns the exit code. Answers go to stdout, everything else to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if bad, ok := errors.AsType[*host.ConfigError](err); ok {
		bad.Diagnostics.Print(stderr, isTerminal(stderr))
		fmt.Fprintf(stderr, "aofd: %v; nothing was started\n", err)
		return exitUsage
	}
	if !errors.Is(err, errQuiet) {
		fmt.Fprintf(stderr, "aofd: error: %s\n", printable(err.Error()))
	}
	return exitCode(err)
}

// errQuiet says by the exit code alone what went wrong: the answer is printed already.
var errQuiet = errors.New("not well")

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	_, usage := errors.AsType[usageError](err)
	switch {
	case usage, errors.Is(err, errRejected):
		return exitUsage
	case errors.Is(err, api.ErrNoDaemon):
		return exitNoDaemon
	case connect.CodeOf(err) == connect.CodeNotFound:
		return exitNotFound
	}
	return exitFailed
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "aofd",
		Short: "Puts agents into chats",
		Long: "aofd puts agents into chats. Platform plugins turn webhooks into messages; aofd keeps every message\n" +
			"safe, routes it to an agent declared in YAML, and sends the answer.",
		Version: version.String(), SilenceUsage: true, SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q: see aofd --help", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(serveCommand(), validateCommand(), statusCommand(), pluginCommand(), agentCommand(),
		traceCommand(), reloadCommand(), referenceCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "aofd", version.String()) },
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, got %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

func env(name string) (string, bool) { return os.LookupEnv(name) }
