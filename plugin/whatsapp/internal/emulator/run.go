package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	minHandshakeDelay = 50 * time.Millisecond
	shutdownTime      = 3 * time.Second
)

// Report is how Run tells what happens.
type Report interface {
	// Ready says that the emulator answers at an address such as http://127.0.0.1:4004.
	Ready(address string)
	// Handshake says how the webhook's handshake stands.
	Handshake(state, problem string)
}

// Run checks the settings, listens, asks the receiver of the webhooks for the handshake and serves until ctx
// ends. It closes the emulator.
func (e *Emulator) Run(ctx context.Context, report Report) error {
	defer e.Close()
	listener, err := e.listen(ctx)
	if err != nil {
		return err
	}
	return e.serveOn(ctx, listener, report)
}

func (e *Emulator) listen(ctx context.Context) (net.Listener, error) {
	if err := errors.Join(e.settings.checkListen(), e.settings.Check()); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", e.settings.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w: choose another --listen", err)
	}
	a, ok := listener.Addr().(*net.TCPAddr)
	if ok && !a.IP.IsLoopback() && e.settings.ControlToken == "" { // what "localhost" may turn out to be
		_ = listener.Close()
		return nil, fmt.Errorf("--listen %q is %v here, which is not the loopback interface", e.settings.Listen, a)
	}
	return listener, nil
}

func (e *Emulator) serveOn(ctx context.Context, listener net.Listener, report Report) error {
	server := &http.Server{
		Handler: e, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
	}
	e.base.Store("http://" + listener.Addr().String())
	report.Ready("http://" + listener.Addr().String())
	var shaking sync.WaitGroup
	shaking.Go(func() { e.shakeHands(func(s shake) { report.Handshake(s.State, s.Problem) }) })
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	defer shaking.Wait()
	defer e.Close() // ends the handshake and the event streams, which Shutdown would wait for
	select {
	case err := <-failed:
		return fmt.Errorf("emulator: %w", err)
	case <-ctx.Done():
	}
	e.closing.Do(func() { close(e.done) })
	limit, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer stop()
	if err := server.Shutdown(limit); err != nil {
		_ = server.Close()
	}
	<-failed
	return nil
}

// Words reports to people.
type Words struct {
	Out     io.Writer
	Webhook string
}

// Ready prints the address of the page.
func (w Words) Ready(address string) { _, _ = fmt.Fprintf(w.Out, "Phone page: %s/\n", address) }

// Handshake prints how it stands.
func (w Words) Handshake(state, problem string) {
	switch state {
	case shakeDone:
		_, _ = fmt.Fprintf(w.Out, "Webhook handshake: done, %s is ready\n", w.Webhook)
	case shakeFailed:
		_, _ = fmt.Fprintf(w.Out, "Webhook handshake: failed, %s\n", problem)
	default:
		_, _ = fmt.Fprintf(w.Out, "Webhook handshake: waiting for %s (%s)\n", w.Webhook, problem)
	}
}

// Lines reports to programs, as one JSON object a line. The first is the one that says where the emulator
// is, and what a configuration needs to use it.
type Lines struct {
	Out    io.Writer
	Config map[string]string // of the platform, but for the address
}

// Ready prints {"event": "ready", …}.
func (l Lines) Ready(address string) {
	config := map[string]string{"api_base_url": address}
	for k, v := range l.Config {
		config[k] = v
	}
	_ = json.NewEncoder(l.Out).Encode(struct {
		Event   string            `json:"event"`
		Page    string            `json:"page"`
		Control string            `json:"control"`
		Config  map[string]string `json:"config"`
	}{"ready", address + "/", address + "/_emulator/", config})
}

// Handshake prints {"event": "handshake", …}.
func (l Lines) Handshake(state, problem string) {
	_ = json.NewEncoder(l.Out).Encode(struct {
		Event   string `json:"event"`
		State   string `json:"state"`
		Problem string `json:"problem,omitempty"`
	}{"handshake", state, problem})
}
