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
	"github.com/aof-dev/aofd/host/internal/dev"
	"github.com/aof-dev/aofd/sdk/version"
)

// Exit codes that scripts can use.
const (
	exitOK       = 0
	exitFailed   = 1 // it ran and failed, or something configured does not run
	exitUsage    = 2 // the command line or the configuration is wrong; nothing was started
	exitNoDaemon = 3 // no daemon runs there
	exitNotFound = 4 // no such id
	exitRefused  = 5 // not possible in the state that it is in
	exitDenied   = 6 // the token is missing or wrong, or this is not for callers from afar
	exitWaiting  = 7 // it did not happen in the time that was given
)

// exitHelp documents them.
const exitHelp = `Exit codes of all commands:

  0  done; for status: everything that is configured runs
  1  it ran and failed; for status: something that is configured does not run
  2  the command line or the configuration is wrong; nothing was changed
  3  no daemon runs there
  4  nothing has this id
  5  not possible in the state that the message, delivery or platform is in, or while too much waits
  6  the token is missing or wrong, or the answer is not for callers from afar
  7  it did not happen in the time that was given
`

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
		fmt.Fprintf(stderr, "aofd: error: %s\n", printable(said(err)))
	}
	return exitCode(err)
}

// errQuiet says by the exit code alone what went wrong: the answer is printed already.
var errQuiet = errors.New("not well")

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitError is the exit code of a plugin's command, which has said itself why.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func (exitError) Is(target error) bool { return target == errQuiet } //nolint:errorlint // it is not wrapped

func exitCode(err error) int {
	if code, ok := errors.AsType[exitError](err); ok {
		return int(code)
	}
	_, usage := errors.AsType[usageError](err)
	switch {
	case usage, errors.Is(err, errRejected), errors.Is(err, dev.ErrConfig):
		return exitUsage
	case errors.Is(err, api.ErrNoDaemon):
		return exitNoDaemon
	}
	if code, ok := exitCodes[connect.CodeOf(err)]; ok {
		return code
	}
	return exitFailed
}

// exitCodes are those of what the API answers.
var exitCodes = map[connect.Code]int{
	connect.CodeInvalidArgument: exitUsage, connect.CodeNotFound: exitNotFound,
	connect.CodeFailedPrecondition: exitRefused, connect.CodeUnauthenticated: exitDenied,
	connect.CodePermissionDenied: exitDenied, connect.CodeDeadlineExceeded: exitWaiting,
	connect.CodeResourceExhausted: exitRefused,
}

// said is an error as people read it: without the code of the protocol, which the exit code tells.
func said(err error) string {
	if e, ok := errors.AsType[*connect.Error](err); ok && e.Message() != "" {
		return e.Message()
	}
	return err.Error()
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
	root.AddGroup(&cobra.Group{ID: "run", Title: "Run:"}, &cobra.Group{ID: "look", Title: "Look:"}, &cobra.Group{ID: "steer", Title: "Steer:"},
		&cobra.Group{ID: "keep", Title: "Keep:"})
	of := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	of("run", devCommand(), serveCommand(), validateCommand(), reloadCommand())
	of("look", statusCommand(), tailCommand(), traceCommand(), conversationsCommand(), messagesCommand(), deliveriesCommand(), agentCommand())
	of("steer", sendCommand(), cancelCommand(), replayCommand(), dlqCommand(), pauseCommand(), resumeCommand(), pluginCommand())
	of("keep", backupCommand(), restoreCommand(), migrateCommand())
	root.AddCommand(referenceCommand(), versionCommand(),
		&cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitHelp})
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
