package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tmaxmax/go-sse"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/sdk/chat"
)

// service calls an agent that is a web service.
type service struct {
	config.HTTP
	log    *slog.Logger
	client *http.Client
}

func newService(c config.HTTP, log *slog.Logger) *service {
	return &service{HTTP: c, log: log, client: &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			IdleConnTimeout:        30 * time.Second,
			MaxIdleConnsPerHost:    16,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		},
		// A redirect would carry the message and the headers elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Check implements Runner. Nobody is asked: a service may come and go.
func (*service) Check() error { return nil }

// Close implements Runner.
func (s *service) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

func (s *service) run(ctx context.Context, r chat.Run, emit func(chat.Event)) (chat.Event, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return chat.Event{}, failed(codeGarbage, "the request cannot be written as JSON: %v", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return chat.Event{}, failed(codeStart, "the request cannot be made")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, application/x-ndjson, text/event-stream, text/plain")
	req.Header.Set("Idempotency-Key", r.ID) // the same when the host repeats a run after a crash
	if t := chat.Traceparent(ctx); t != "" {
		req.Header.Set("Traceparent", t)
	}
	for name, value := range s.Headers {
		req.Header.Set(name, value)
	}
	res, err := s.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the address may hold a secret
		}
		return chat.Event{}, failed(codeStart, "the service cannot be reached: %v", err)
	}
	defer func() { _ = res.Body.Close() }() // read as far as needed
	if res.StatusCode/100 != 2 {
		return chat.Event{}, failed(codeStatus, "the service answered %s", res.Status)
	}
	a := &answer{emit: emit, log: s.log}
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind == "text/event-stream" {
		return a.stream(res.Body)
	}
	return a.body(res.Body)
}

// body reads JSON, lines of JSON, or text.
func (a *answer) body(r io.Reader) (chat.Event, error) {
	chunk := make([]byte, 32<<10)
	for {
		n, err := r.Read(chunk)
		if bad := a.add(chunk[:n]); bad != nil {
			return chat.Event{}, bad
		}
		if errors.Is(err, io.EOF) {
			return a.finish()
		}
		if err != nil {
			return chat.Event{}, failed(codeGarbage, "the service's answer broke off: %v", err)
		}
	}
}

// stream reads server-sent events, each with an event of aof.agent.v1 as its data.
func (a *answer) stream(r io.Reader) (chat.Event, error) {
	a.events = true
	for e, err := range sse.Read(io.LimitReader(r, maxOutput+1), &sse.ReadConfig{MaxEventSize: maxOutput}) {
		if err != nil {
			return chat.Event{}, failed(codeGarbage, "the service's events broke off: %v", err)
		}
		if a.size += len(e.Data); a.size > maxOutput {
			return chat.Event{}, failed(codeTooLarge, "the agent's answer has more than %d bytes", maxOutput)
		}
		if data := strings.TrimSpace(e.Data); data != "[DONE]" { // as some services end their streams
			if err := a.line([]byte(data)); err != nil {
				return chat.Event{}, err
			}
		}
	}
	return a.last()
}
