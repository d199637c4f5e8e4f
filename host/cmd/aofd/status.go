package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

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
