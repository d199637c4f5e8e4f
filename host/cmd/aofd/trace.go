package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

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
