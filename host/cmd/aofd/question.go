package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// askTimeout bounds a question to the daemon.
const askTimeout = 10 * time.Second

// target is the daemon that a command asks, and how its answer is shown.
type target struct{ dataDir, config, addr, token, output string }

func (t *target) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.dataDir, "data-dir", "", "folder of the daemon's data, as given to serve (default: ./data)")
	f.StringVarP(&t.config, "config", "c", "", "DaemonConfig file that names the folder")
	f.StringVar(&t.addr, "addr", "", "host:port or https:// address of an admin listener, instead of a folder (env AOFD_ADDR)")
	f.StringVar(&t.token, "token", "", "token of the admin listener; others see command lines, so better by env AOFD_TOKEN")
	f.StringVarP(&t.output, "output", "o", "text", "text or json")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	_ = cmd.MarkFlagDirname("data-dir")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// dial returns a client of the daemon.
func (t *target) dial(ctx context.Context) (hostv1connect.HostServiceClient, error) {
	if t.output != "text" && t.output != "json" {
		return nil, usageError{fmt.Errorf("--output is text or json, not %q", t.output)}
	}
	addr, token := t.addr, t.token
	if addr == "" && t.dataDir == "" && t.config == "" {
		addr, _ = env("AOFD_ADDR")
	}
	if token == "" {
		token, _ = env("AOFD_TOKEN")
	}
	if addr != "" {
		return api.DialAddress(ctx, addr, token)
	}
	s, err := settings(t.config, config.Overrides{DataDir: t.dataDir}, false)
	if err != nil {
		return nil, err
	}
	return api.Dial(ctx, config.DataDir(s))
}

// question is a command that asks the running daemon something and shows the answer.
type question[T proto.Message] struct {
	target
	patience time.Duration // how long the answer may take; 0: askTimeout
	before   func() error  // optional: what is wrong with the flags, before anything is asked
	ask      func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (T, error)
	show     func(w io.Writer, answer T)
	check    func(answer T) error // optional: an answer that the exit code must tell
}

func (q *question[T]) command(use, short string, args cobra.PositionalArgs) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: args, RunE: q.run}
	q.flags(cmd)
	return cmd
}

func (q *question[T]) run(cmd *cobra.Command, args []string) error {
	patience := q.patience
	if patience == 0 {
		patience = askTimeout
	}
	if q.before != nil {
		if err := q.before(); err != nil {
			return usageError{err}
		}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), patience)
	defer cancel()
	client, err := q.dial(ctx)
	if err != nil {
		return err
	}
	answer, err := q.ask(ctx, client, args)
	if err != nil {
		return err
	}
	if q.output == "json" {
		if err := printJSON(cmd.OutOrStdout(), answer); err != nil {
			return err
		}
	} else {
		q.show(cmd.OutOrStdout(), answer)
	}
	if q.check != nil {
		return q.check(answer)
	}
	return nil
}

// printJSON writes indented JSON with the field names of the contract. protojson varies its spacing on
// purpose, so it is laid out again.
func printJSON(w io.Writer, m proto.Message) error {
	raw, err := marshal(m)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(raw)
}

// printLine writes the same on one line.
func printLine(w io.Writer, m proto.Message) error {
	raw, err := marshal(m)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(raw)
}

func marshal(m proto.Message) (json.RawMessage, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write the answer as JSON: %w", err)
	}
	return raw, nil
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q: see %s --help", args[0], cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(children...)
	return cmd
}

// takes checks how many arguments there are; what says what they are.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usageError{fmt.Errorf("%s takes %s; got %d: see %s --help", cmd.CommandPath(), what, len(args), cmd.CommandPath())}
		}
		return nil
	}
}
