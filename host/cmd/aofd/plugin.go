package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

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
