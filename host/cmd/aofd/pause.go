package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// second is an argument that may be missing.
func second(args []string) string {
	if len(args) > 1 {
		return args[1]
	}
	return ""
}

func pauseCommand() *cobra.Command {
	var reason string
	q := &question[*hostv1.PausePlatformResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.PausePlatformResponse, error) {
			return c.PausePlatform(ctx, &hostv1.PausePlatformRequest{Platform: args[0], Account: second(args), Reason: reason})
		},
		show: func(w io.Writer, _ *hostv1.PausePlatformResponse) {
			fmt.Fprintln(w, "paused: answers wait until aofd resume")
		},
	}
	cmd := q.command("pause <platform> [account]", "Stop sending for a platform or one of its accounts",
		takes(1, 2, "a platform's id, and an account's for only that"))
	cmd.Long = "pause stops sending. What comes in is taken and answered as before; the answers wait in the outbox. It lasts over\n" +
		"restarts."
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who look at it later")
	return cmd
}

func resumeCommand() *cobra.Command {
	q := &question[*hostv1.ResumePlatformResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.ResumePlatformResponse, error) {
			return c.ResumePlatform(ctx, &hostv1.ResumePlatformRequest{Platform: args[0], Account: second(args)})
		},
		show: func(w io.Writer, _ *hostv1.ResumePlatformResponse) { fmt.Fprintln(w, "resumed") },
	}
	return q.command("resume <platform> [account]", "Send again what a pause kept back",
		takes(1, 2, "a platform's id, and an account's for only that"))
}
