package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// askTimeout bounds a question to the daemon.
const askTimeout = 10 * time.Second

// question is a command that asks the running daemon something and shows the answer.
type question[T proto.Message] struct {
	dataDir, config, output string
	ask                     func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (T, error)
	show                    func(w io.Writer, answer T)
	check                   func(answer T) error // optional: an answer that the exit code must tell
}

func (q *question[T]) command(use, short string, args cobra.PositionalArgs) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: args, RunE: q.run}
	cmd.Flags().StringVar(&q.dataDir, "data-dir", "", "folder of the daemon's data, as given to serve (default: ./data)")
	cmd.Flags().StringVarP(&q.config, "config", "c", "", "DaemonConfig file that names the folder")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	cmd.Flags().StringVarP(&q.output, "output", "o", "text", "text or json")
	_ = cmd.MarkFlagDirname("data-dir")
	return cmd
}

func (q *question[T]) run(cmd *cobra.Command, args []string) error {
	if q.output != "text" && q.output != "json" {
		return usageError{fmt.Errorf("--output is text or json, not %q", q.output)}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
	defer cancel()
	s, err := settings(q.config, config.Overrides{DataDir: q.dataDir}, false)
	if err != nil {
		return err
	}
	client, err := api.Dial(ctx, config.DataDir(s))
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
	raw, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return fmt.Errorf("write the answer as JSON: %w", err)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(json.RawMessage(raw))
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

func table(w io.Writer, header string, rows func(row func(...any))) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, header)
	rows(func(cells ...any) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, printable(fmt.Sprint(c)))
		}
		fmt.Fprintln(t)
	})
	_ = t.Flush() // stdout is gone if this fails
}

// printable takes the power over the terminal from what came from elsewhere.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func ago(t *timestamppb.Timestamp) string {
	if t == nil {
		return "never"
	}
	return time.Since(t.AsTime()).Round(time.Second).String() + " ago"
}
