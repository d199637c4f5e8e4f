package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	minHandshakeDelay = 50 * time.Millisecond
	shutdownTime      = 3 * time.Second
)

// Run checks the settings, listens, prints the address of the page to out, asks the daemon for the
// handshake and serves until ctx ends. It closes the emulator.
func (e *Emulator) Run(ctx context.Context, out io.Writer) error {
	defer e.Close()
	if err := errors.Join(checkListen(e.settings.Listen), e.settings.Check()); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", e.settings.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w: choose another --listen", err)
	}
	if a, ok := listener.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() { // what "localhost" may turn out to be
		_ = listener.Close()
		return fmt.Errorf("--listen %q is %v here, which is not the loopback interface", e.settings.Listen, a)
	}
	return e.serve(ctx, listener, out)
}

func (e *Emulator) serve(ctx context.Context, listener net.Listener, out io.Writer) error {
	server := &http.Server{
		Handler: e, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
	}
	fmt.Fprintf(out, "Phone page: http://%s/\n", listener.Addr())
	if e.lanes.take() {
		e.lanes.beside(func() { e.handshake(out) })
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("emulator: %w", err)
	case <-ctx.Done():
	}
	e.cancel() // ends the event streams, which Shutdown would wait for
	limit, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer stop()
	if err := server.Shutdown(limit); err != nil {
		_ = server.Close()
	}
	<-failed
	return nil
}
