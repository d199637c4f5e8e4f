package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

func pluginCommand() *cobra.Command {
	return group("plugin", "Look at plugins, restart them and run their commands",
		pluginListCommand(), pluginRestartCommand(), runPluginCommand())
}

func pluginListCommand() *cobra.Command {
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
	return q.command("list", "List the plugins that were found and what became of them", noArgs)
}

func pluginRestartCommand() *cobra.Command {
	var kill bool
	q := &question[*hostv1.RestartPluginResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.RestartPluginResponse, error) {
			return c.RestartPlugin(ctx, &hostv1.RestartPluginRequest{Id: args[0], Kill: kill})
		},
		show: func(w io.Writer, r *hostv1.RestartPluginResponse) {
			fmt.Fprintf(w, "process %d ends and another one is started\n", r.GetPid())
		},
	}
	cmd := q.command("restart <plugin>", "End a plugin's process and start it again", takes(1, 1, "one plugin's id"))
	cmd.Long = "restart ends a plugin's process when its calls are over, and starts it again. Nothing is lost. With --kill it\n" +
		"ends at once, which is for a plugin that hangs."
	cmd.Flags().BoolVar(&kill, "kill", false, "do not wait for anything")
	return cmd
}
