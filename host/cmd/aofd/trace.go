package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

func traceCommand() *cobra.Command {
	var reveal, raw bool
	q := &question[*hostv1.GetTraceResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.GetTraceResponse, error) {
			return c.GetTrace(ctx, &hostv1.GetTraceRequest{Id: args[0], Reveal: reveal})
		},
		show: func(w io.Writer, tr *hostv1.GetTraceResponse) { showTrace(w, tr, raw) },
	}
	cmd := q.command("trace <id>", "Show what happened to a message",
		takes(1, 1, "one id, of a message, a delivery, the (ref …) in an apology, or last"))
	cmd.Long = "trace shows every hop of a message, from its webhook to its receipts, with how long each took and the reason\n" +
		"of each decision. The id is that of the inbound message, of a delivery, of a message that the platform took,\n" +
		"the reference in an apology such as (ref ABC123), or the word last.\n\n" +
		"What people said and who they are is masked, so that a trace can be passed on; --reveal shows it."
	cmd.Example = "  aofd trace last\n  aofd trace ABC123 --reveal --raw"
	cmd.Flags().BoolVar(&reveal, "reveal", false, "show texts, people and secrets as they are")
	cmd.Flags().BoolVar(&raw, "raw", false, "show the webhook as it came and the message as it was understood, too")
	return cmd
}

// barWidth is that of the waterfall, in columns.
const barWidth = 24

func showTrace(w io.Writer, tr *hostv1.GetTraceResponse, raw bool) {
	hops := tr.GetHops()
	if len(hops) == 0 {
		return
	}
	fmt.Fprintf(w, "%s  %s\n", paint(w, bold, printable(tr.GetCause())), hops[0].GetAt().AsTime().Local().Format(time.RFC3339))
	if m := tr.GetMessage(); m != nil {
		fmt.Fprintf(w, "← %s: %s\n", printable(cmp.Or(m.GetUserName(), m.GetUserId(), "-")), oneLine(m.GetText(), 100))
	}
	span := working(hops)
	for _, h := range hops {
		detail := printable(h.GetDetail())
		if h.GetHint() != "" && !strings.Contains(h.GetDetail(), h.GetHint()) {
			detail += " (" + printable(h.GetHint()) + ")"
		}
		took := ""
		if h.GetDurationUs() > 0 {
			took = micros(h.GetDurationUs())
		}
		fmt.Fprintf(w, "%9s %s %s %8s  %s\n", micros(h.GetOffsetUs()), bar(w, h, span),
			paint(w, levels[h.GetLevel()], fmt.Sprintf("%-18s", printable(h.GetName()))), took, detail)
	}
	for _, d := range tr.GetDeliveries() {
		fmt.Fprintf(w, "→ %s  %s\n", oneLine(d.GetText(), 100), tick(w, d.GetState()))
		for _, a := range d.GetAttempts() {
			if p := a.GetProblem(); p != nil {
				fmt.Fprintf(w, "  attempt %d: %s: %s\n", a.GetNumber(), p.GetReason(), printable(p.GetMessage()))
			}
		}
	}
	if raw {
		showRaw(w, tr)
	}
}

// working is when the daemon was done with its own work, from the first hop on; what comes later are receipts.
func working(hops []*hostv1.Hop) (us uint64) {
	for _, h := range hops {
		if h.GetStage() != "platform" {
			us = max(us, h.GetOffsetUs()+h.GetDurationUs())
		}
	}
	return max(us, 1)
}

// bar shows where in the span a hop began and how long it took.
func bar(w io.Writer, h *hostv1.Hop, span uint64) string {
	from := int(h.GetOffsetUs() * barWidth / span)
	if from >= barWidth {
		return strings.Repeat(" ", barWidth-1) + "›"
	}
	n := min(max(int(h.GetDurationUs()*barWidth/span), 1), barWidth-from)
	return strings.Repeat(" ", from) + paint(w, levels[h.GetLevel()], strings.Repeat("█", n)) + strings.Repeat(" ", barWidth-from-n)
}

func showRaw(w io.Writer, tr *hostv1.GetTraceResponse) {
	for _, hook := range tr.GetWebhooks() {
		fmt.Fprintf(w, "\n%s %s\n", hook.GetMethod(), printable(hook.GetUri()))
		for _, h := range hook.GetHeaders() {
			fmt.Fprintf(w, "%s: %s\n", printable(h.GetName()), printable(h.GetValue()))
		}
		fmt.Fprintf(w, "\n%s\n", printable(string(hook.GetBody())))
	}
	if n := tr.GetNormalizedJson(); n != "" {
		fmt.Fprintf(w, "\nunderstood as\n%s\n", printable(n))
	}
	for _, d := range tr.GetDeliveries() {
		fmt.Fprintf(w, "\nanswered by %s\n%s\n", dash(d.GetAgent()), printable(d.GetResponseJson()))
	}
}
