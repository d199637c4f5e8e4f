// Command aofd puts agents into chats: it is the daemon and the tool to look at it.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// gcPercent lets the heap grow to five times what lives. That is a few megabytes; the rest is of webhooks that are
// gone in milliseconds, for which Go's default of 100 collects many times a second.
const gcPercent = 400

func main() {
	keepPrivate()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
