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

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/config"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
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

func statusCommand() *cobra.Command {
	q := &question[*hostv1.GetStatusResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, _ []string) (*hostv1.GetStatusResponse, error) {
			return c.GetStatus(ctx, &hostv1.GetStatusRequest{})
		},
		show: showStatus,
		check: func(st *hostv1.GetStatusResponse) error {
			if !st.GetReady() {
				return errQuiet
			}
			return nil
		},
	}
	cmd := q.command("status", "Show how the running daemon is", noArgs)
	cmd.Long = "status shows how the running daemon is. Exit code 0: everything configured runs; 1: something does not;\n" +
		"3: no daemon runs there."
	return cmd
}

func showStatus(w io.Writer, st *hostv1.GetStatusResponse) {
	state := "ready"
	if !st.GetReady() {
		state = "not ready"
	}
	fmt.Fprintf(w, "aofd %s is %s, up %s, webhooks on %s\n", st.GetVersion(), state,
		time.Since(st.GetStartedAt().AsTime()).Round(time.Second), st.GetWebhookAddress())
	for _, r := range st.GetReasons() {
		fmt.Fprintf(w, "  ! %s\n", printable(r))
	}
	for _, p := range st.GetPlatforms() {
		if p.GetReason() != "" && p.GetState() == "ready" {
			fmt.Fprintf(w, "  ! platform %s: %s\n", p.GetId(), printable(p.GetReason()))
		}
	}
	b := st.GetBacklog()
	fmt.Fprintf(w, "inbox %d waiting, %d running; outbox %d waiting, %d unknown, %d failed\n\n",
		b.GetInboxPending(), b.GetTurnsRunning(), b.GetOutboxPending(), b.GetOutboxUnknown(), b.GetOutboxFailed())
	table(w, "PLATFORM\tSTATE\tVERSION\tACCOUNTS\tPID\tCRASHES\tLAST IN\tLAST OUT\tWEBHOOKS", func(row func(...any)) {
		for _, p := range st.GetPlatforms() {
			row(p.GetId(), p.GetState(), dash(p.GetVersion()), dash(strings.Join(p.GetAccounts(), ",")), p.GetPid(),
				p.GetCrashes(), ago(p.GetLastInAt()), ago(p.GetLastOutAt()), strings.Join(p.GetWebhookPaths(), " "))
		}
	})
}

func pluginCommand() *cobra.Command {
	q := &question[*hostv1.ListPluginsResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, _ []string) (*hostv1.ListPluginsResponse, error) {
			return c.ListPlugins(ctx, &hostv1.ListPluginsRequest{})
		},
		show: func(w io.Writer, l *hostv1.ListPluginsResponse) {
			table(w, "PLUGIN\tKIND\tSTATE\tVERSION\tCAPABILITIES\tFILE\tREASON", func(row func(...any)) {
				for _, p := range l.GetPlugins() {
					row(p.GetId(), p.GetKind(), p.GetState(), dash(p.GetVersion()),
						dash(strings.Join(p.GetCapabilities(), ",")), p.GetPath(), dash(p.GetReason()))
				}
			})
		},
	}
	return group("plugin", "Look at plugins", q.command("list", "List the plugins that were found and what became of them", noArgs))
}

func agentCommand() *cobra.Command {
	q := &question[*hostv1.ListAgentsResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, _ []string) (*hostv1.ListAgentsResponse, error) {
			return c.ListAgents(ctx, &hostv1.ListAgentsRequest{})
		},
		show: func(w io.Writer, l *hostv1.ListAgentsResponse) {
			table(w, "AGENT\tRUNNER\tAVAILABLE\tDESCRIPTION\tFILE\tREASON", func(row func(...any)) {
				for _, a := range l.GetAgents() {
					row(a.GetName(), a.GetRunner(), a.GetAvailable(), dash(a.GetDescription()), a.GetFile(), dash(a.GetReason()))
				}
			})
		},
	}
	return group("agent", "Look at agents", q.command("list", "List the loaded agents", noArgs))
}

func traceCommand() *cobra.Command {
	q := &question[*hostv1.GetTraceResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.GetTraceResponse, error) {
			answer, err := c.GetTrace(ctx, &hostv1.GetTraceRequest{Id: args[0]})
			if connect.CodeOf(err) == connect.CodeNotFound {
				return nil, fmt.Errorf("trace %s: %w", args[0], err)
			}
			return answer, err
		},
		show: showTrace,
	}
	cmd := q.command("trace <id>", "Show what happened to a message", cobra.ArbitraryArgs)
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("trace takes one id, got %d: of a message, a delivery, or the (ref …) in an apology", len(args))}
		}
		return nil
	}
	cmd.Long = "trace shows every hop of a message, from its webhook to its receipts, with the reason of each decision.\n" +
		"The id is that of the inbound message, of a delivery, of a message that the platform took, or the reference\n" +
		"in an apology such as (ref ABC123). Exit code 4: nothing has this id."
	return cmd
}

func showTrace(w io.Writer, tr *hostv1.GetTraceResponse) {
	var start time.Time
	for i, e := range tr.GetEvents() {
		at := e.GetAt().AsTime()
		if i == 0 {
			start = at
			fmt.Fprintf(w, "%s  %s\n", printable(e.GetCause()), at.Local().Format(time.RFC3339))
		}
		took := ""
		if us := e.GetDurationUs(); us > 0 {
			took = fmt.Sprintf(" [%s]", (time.Duration(us) * time.Microsecond).Round(10*time.Microsecond))
		}
		fmt.Fprintf(w, "%+10.3fs  %-18s %s%s\n", at.Sub(start).Seconds(), printable(e.GetHop()), printable(e.GetDetail()), took)
	}
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
