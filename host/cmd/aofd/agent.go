package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

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
