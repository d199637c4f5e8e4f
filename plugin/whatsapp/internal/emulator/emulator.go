package emulator

import (
	"context"
	"net/http"
	"time"
)

// Emulator is Meta's side and the phones. It may be used by many goroutines. Close it after use.
type Emulator struct {
	settings Settings
	handler  http.Handler
	history  *history
	hub      *hub
	client   *http.Client // posts the webhooks

	// ctx ends all work behind the requests: webhooks under way, status ladders and event streams. It is
	// a field because that work outlives the request which began it.
	ctx    context.Context
	cancel context.CancelFunc
	lanes  lanes
}

// New returns an emulator that answers requests at once, for an httptest.Server or for Run.
func New(s Settings) *Emulator {
	ctx, cancel := context.WithCancel(context.Background())
	e := &Emulator{
		settings: s, history: newHistory(s.History), hub: newHub(), ctx: ctx, cancel: cancel,
		lanes: lanes{waiting: map[string][]func(){}},
	}
	e.client = &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			MaxConnsPerHost: 32, MaxIdleConnsPerHost: 32, IdleConnTimeout: 30 * time.Second,
			ResponseHeaderTimeout: 10 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	e.handler = e.routes()
	return e
}

func (e *Emulator) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", e.notAPath)
	mux.HandleFunc("POST /{version}/{phone}/messages", e.messages)
	e.controlRoutes(mux)
	pageRoutes(mux)
	return guard(mux)
}

// ServeHTTP serves the Graph API, the control API and the page.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.handler.ServeHTTP(w, r) }

// Close ends what is under way and waits for it. Webhooks that have not arrived are dropped.
func (e *Emulator) Close() {
	e.cancel()
	e.lanes.close()
	e.client.CloseIdleConnections()
}

// pause waits for d; it reports false when the emulator ends first.
func (e *Emulator) pause(d time.Duration) bool {
	if d <= 0 {
		return e.ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-e.ctx.Done():
		return false
	}
}
