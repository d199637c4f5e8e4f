package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

func sendCommand() *cobra.Command {
	r := &hostv1.SendMessageRequest{}
	var file string
	q := &question[*hostv1.SendMessageResponse]{
		patience: 6 * time.Minute,
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.SendMessageResponse, error) {
			r.Text = strings.Join(args, " ")
			if file != "" {
				raw, err := read(file)
				if err != nil {
					return nil, err
				}
				r.ResponseJson = string(raw)
			}
			return c.SendMessage(ctx, r)
		},
		show: func(w io.Writer, a *hostv1.SendMessageResponse) { showSent(w, a, r.GetDryRun()) },
		check: func(a *hostv1.SendMessageResponse) error {
			switch d := a.GetDelivery(); d.GetState() {
			case "failed", "expired", "suppressed", "unknown":
				return fmt.Errorf("the message is %s: %s; see aofd trace %s", d.GetState(), d.GetProblem().GetMessage(), d.GetId())
			}
			return nil
		},
	}
	cmd := q.command("send [text]", "Send a message to somebody", nil)
	cmd.Long = "send sends a message as the operator: into a conversation, or to a channel of a platform, which need not have\n" +
		"written before. It goes the way of every answer: it is on disk when the command ends, keeps its place in the\n" +
		"conversation, and is never sent twice blindly. With --wait the command waits for the platform's receipt."
	cmd.Example = "  aofd send --to 'echo/bot/anna' 'Maintenance is over'\n" +
		"  aofd send --platform echo --channel anna --wait delivered 'Hello'\n" +
		"  aofd send --to KEY --json answer.json --dry-run"
	f := cmd.Flags()
	f.StringVar(&r.Conversation, "to", "", "key of a `conversation`, as aofd conversations shows it")
	f.StringVar(&r.Platform, "platform", "", "id of a platform, with --channel")
	f.StringVar(&r.Account, "account", "", "identity that sends, when the platform has several")
	f.StringVar(&r.ChannelId, "channel", "", "person or chat, as the platform names it")
	f.StringVar(&file, "json", "", "file with a whole answer (buttons, lists, files, templates) as JSON; - is stdin")
	f.StringVar(&r.IdempotencyKey, "key", "", "a repeated command with the same key sends nothing new")
	f.StringVar(&r.Wait, "wait", "", "sent, delivered or read: wait until it is")
	f.Uint32Var(&r.WaitSeconds, "wait-seconds", 30, "how long to wait at most, up to 300")
	f.BoolVar(&r.DryRun, "dry-run", false, "check everything and send nothing")
	return cmd
}

func read(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(file)
}

func showSent(w io.Writer, a *hostv1.SendMessageResponse, dry bool) {
	for _, warning := range a.GetWarnings() {
		fmt.Fprintf(w, "%s %s\n", paint(w, yellow, "!"), printable(warning))
	}
	d := a.GetDelivery()
	if dry {
		fmt.Fprintf(w, "nothing was sent; it would go to %s\n", printable(d.GetConversation()))
		return
	}
	fmt.Fprintf(w, "%s  %s", d.GetId(), tick(w, d.GetState()))
	if s := d.GetState(); s == "queued" || s == "sending" { // too early to know more
		fmt.Fprintf(w, " %s; aofd trace %s tells what becomes of it", s, d.GetId())
	}
	fmt.Fprintln(w)
}

func cancelCommand() *cobra.Command {
	var reason string
	q := &question[*hostv1.CancelMessageResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.CancelMessageResponse, error) {
			return c.CancelMessage(ctx, &hostv1.CancelMessageRequest{Id: args[0], Reason: reason})
		},
		show: func(w io.Writer, _ *hostv1.CancelMessageResponse) { fmt.Fprintln(w, "cancelled") },
	}
	cmd := q.command("cancel <id>", "Stop answering a message", takes(1, 1, "one id, or last"))
	cmd.Long = "cancel ends a message that waits or is being answered: its agent is stopped, and the person is told. People do\n" +
		"the same with /cancel in their chat."
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who look at it later")
	return cmd
}

func replayCommand() *cobra.Command {
	r := &hostv1.ReplayRequest{}
	q := &question[*hostv1.ReplayResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.ReplayResponse, error) {
			r.Id = args[0]
			return c.Replay(ctx, r)
		},
		show: func(w io.Writer, a *hostv1.ReplayResponse) {
			for _, s := range a.GetSteps() {
				mark := paint(w, green, "·")
				if s.GetStops() {
					mark = paint(w, yellow, "■")
				}
				fmt.Fprintf(w, "%s %-18s %s\n", mark, printable(s.GetHop()), printable(s.GetDetail()))
			}
			switch {
			case r.GetDryRun():
				fmt.Fprintln(w, "nothing was done")
			case a.GetCause() != "":
				fmt.Fprintf(w, "see aofd trace %s\n", printable(a.GetCause()))
			}
		},
	}
	cmd := q.command("replay <id>", "Repeat a part of a message's way", takes(1, 1, "one id, or last"))
	cmd.Long = "replay repeats a part of a message's way: from its webhook (parse and store it again: what is known is\n" +
		"deduplicated), from the choice of an agent (it answers anew), or from the sending of the answers (only those\n" +
		"that surely did not go out). --dry-run tells what would happen, and why."
	cmd.Example = "  aofd replay last --dry-run\n  aofd replay ABC123 --from send"
	f := cmd.Flags()
	f.StringVar(&r.From, "from", "route", "webhook, route or send")
	f.BoolVar(&r.DryRun, "dry-run", false, "tell what would happen and change nothing")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions([]string{"webhook", "route", "send"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
