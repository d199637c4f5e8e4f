package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// errRejected is a configuration that the daemon did not take.
var errRejected = errors.New("the configuration is not taken: what was in force stays")

func reloadCommand() *cobra.Command {
	q := &question[*hostv1.ReloadConfigResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, _ []string) (*hostv1.ReloadConfigResponse, error) {
			return c.ReloadConfig(ctx, &hostv1.ReloadConfigRequest{})
		},
		show: showReload,
		check: func(r *hostv1.ReloadConfigResponse) error {
			if !r.GetAccepted() {
				return errRejected
			}
			return nil
		},
	}
	cmd := q.command("reload", "Have the running daemon read its configuration again", noArgs)
	cmd.Long = "reload has the running daemon read its configuration, agents and triggers again, as SIGHUP does. It is\n" +
		"all or nothing: with an error what was in force stays. Messages are neither lost nor delayed. Exit code 2:\n" +
		"the configuration was not taken."
	return cmd
}

func showReload(w io.Writer, r *hostv1.ReloadConfigResponse) {
	for _, f := range r.GetFindings() {
		fmt.Fprintf(w, "%s: %s: %s\n", printable(f.GetPlace()), f.GetSeverity(), printable(f.GetText()))
		if f.GetHint() != "" {
			fmt.Fprintf(w, "  hint: %s\n", printable(f.GetHint()))
		}
	}
	if !r.GetAccepted() {
		return
	}
	if len(r.GetChanges()) == 0 {
		fmt.Fprintln(w, "nothing changed")
	}
	for _, c := range r.GetChanges() {
		fmt.Fprintln(w, printable(c))
	}
	for _, key := range r.GetNeedsRestart() {
		fmt.Fprintf(w, "%s: takes effect with the next start\n", printable(key))
	}
}
