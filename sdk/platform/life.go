package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/version"
)

// life is a plugin process: at first without a platform, then with one that may be changed while calls run
// on the former one.
type life struct {
	spec Spec

	mu         sync.Mutex
	platform   Platform // nil before Configure
	config     []byte
	generation uint64
	draining   bool
	inFlight   int
	idle       chan struct{} // closed when draining and nothing is in flight
}

func newLife(s Spec) *life { return &life{spec: s, idle: make(chan struct{})} }

// Info implements wire.Plugin.
func (l *life) Info(context.Context, string) (chat.PluginInfo, error) { return l.spec.manifest() }

// manifest describes the plugin.
func (s Spec) manifest() (chat.PluginInfo, error) {
	schema, err := s.New.Schema()
	if err != nil {
		return chat.PluginInfo{}, err
	}
	raw, err := json.Marshal(schema)
	if err != nil {
		return chat.PluginInfo{}, fmt.Errorf("write the schema: %w", err)
	}
	return chat.PluginInfo{
		ID: s.ID, Kind: chat.PluginPlatform, Version: s.Version, SDK: "aofd-go/" + version.String(),
		Description: s.Description, Capabilities: s.announced(), MaxConcurrentCalls: s.MaxConcurrentCalls,
		ConfigSchema: raw, Platform: &chat.PlatformInfo{
			DisplayName: s.DisplayName, WebhookContentTypes: s.WebhookContentTypes, WebhookHeaders: s.WebhookHeaders,
			Limits: s.Limits,
		},
	}, nil
}

// announced are the author's capabilities and those that every platform has.
func (s Spec) announced() []string {
	if slices.Contains(s.Capabilities, chat.CapParseStream) {
		return s.Capabilities
	}
	return append(slices.Clone(s.Capabilities), chat.CapParseStream)
}

// ValidateConfig implements wire.Plugin.
func (l *life) ValidateConfig(_ context.Context, config []byte) (found []chat.Diagnostic, err error) {
	defer recovered("ValidateConfig", &err)
	if !json.Valid(config) {
		return nil, &chat.Error{Reason: chat.ReasonConfigInvalid, Permanent: true, Text: "the configuration is not JSON"}
	}
	return l.spec.New.Validate(config), nil
}

// Configure implements wire.Plugin.
func (l *life) Configure(_ context.Context, config []byte, generation uint64) (
	accounts []chat.Account, found []chat.Diagnostic, err error,
) {
	defer recovered("Configure", &err)
	l.mu.Lock()
	defer l.mu.Unlock()
	if generation < l.generation {
		return nil, nil, &chat.Error{
			Reason: chat.ReasonStaleGeneration, Permanent: true,
			Text: fmt.Sprintf("generation %d is older than %d", generation, l.generation),
		}
	}
	found = l.spec.New.Validate(config)
	if l.platform == nil || generation != l.generation || !bytes.Equal(config, l.config) {
		for _, d := range found {
			if d.Severity != chat.SeverityWarning {
				return nil, nil, invalid(d.Pointer + ": " + d.Summary)
			}
		}
		p, err := l.spec.New.New(config)
		if err != nil {
			return nil, nil, invalid(err.Error())
		}
		l.platform, l.config, l.generation = p, bytes.Clone(config), generation
	}
	if a, ok := l.platform.(AccountLister); ok {
		accounts = a.Accounts()
	}
	return accounts, found, nil
}

func invalid(text string) error {
	return &chat.Error{Reason: chat.ReasonConfigInvalid, Permanent: true, Text: text}
}

// CheckHealth implements wire.Plugin.
func (l *life) CheckHealth(ctx context.Context) (h chat.Health, err error) {
	p, done, err := l.enter()
	if err != nil {
		return chat.Health{}, err
	}
	defer done()
	defer recovered("CheckHealth", &err)
	if c, ok := p.(HealthChecker); ok {
		return c.CheckHealth(ctx), nil
	}
	return chat.Health{State: chat.HealthOK}, nil
}

// Drain implements wire.Plugin.
func (l *life) Drain(ctx context.Context) error {
	l.mu.Lock()
	if !l.draining {
		l.draining = true
		if l.inFlight == 0 {
			close(l.idle)
		}
	}
	running := l.inFlight
	l.mu.Unlock()
	select {
	case <-l.idle:
		return nil
	case <-ctx.Done():
		return &chat.Error{Reason: chat.ReasonDrainTimeout, Text: fmt.Sprintf("of %d calls some still run", running)}
	}
}

// enter gives a call the platform that it ends with. done must be called once.
func (l *life) enter() (p Platform, done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.draining:
		return nil, nil, &chat.Error{Reason: chat.ReasonDraining, Text: "the plugin is finishing"}
	case l.platform == nil:
		return nil, nil, &chat.Error{Reason: chat.ReasonNotConfigured, Text: "the plugin has no configuration yet"}
	}
	l.inFlight++
	return l.platform, l.leave, nil
}

func (l *life) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inFlight--; l.inFlight == 0 && l.draining {
		close(l.idle)
	}
}

// VerifySignature implements wire.Platform.
func (l *life) VerifySignature(ctx context.Context, r chat.Request) (v chat.Verification, err error) {
	p, done, err := l.enter()
	if err != nil {
		return chat.Verification{}, err
	}
	defer done()
	defer recovered("VerifySignature", &err)
	return p.VerifySignature(ctx, r)
}

// ParseMessage implements wire.Platform.
func (l *life) ParseMessage(ctx context.Context, r chat.Request) (b chat.Batch, err error) {
	p, done, err := l.enter()
	if err != nil {
		return chat.Batch{}, err
	}
	defer done()
	defer recovered("ParseMessage", &err)
	return p.ParseMessage(ctx, r)
}

// SendResponse implements wire.Platform. A panic may come after the message left.
func (l *life) SendResponse(ctx context.Context, d chat.Delivery) (s chat.Sent, err error) {
	p, done, err := l.enter()
	if err != nil {
		return chat.Sent{}, err
	}
	defer done()
	defer func() {
		if e, ok := err.(*chat.Error); ok && e.Reason == chat.ReasonPluginPanic { //nolint:errorlint // set one line above
			e.Sent = chat.SentUnknown
		}
	}()
	defer recovered("SendResponse", &err)
	return p.SendResponse(ctx, d)
}

// SendSignal implements wire.Platform.
func (l *life) SendSignal(ctx context.Context, c chat.Courtesy) (lasts time.Duration, err error) {
	p, done, err := l.enter()
	if err != nil {
		return 0, err
	}
	defer done()
	defer recovered("SendSignal", &err)
	if s, ok := p.(Signaler); ok {
		return s.SendSignal(ctx, c)
	}
	return 0, cannot("show signals")
}

// FetchMedia implements wire.Platform.
func (l *life) FetchMedia(
	ctx context.Context, r chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error,
) (err error) {
	p, done, err := l.enter()
	if err != nil {
		return err
	}
	defer done()
	defer recovered("FetchMedia", &err)
	if f, ok := p.(MediaFetcher); ok {
		return f.FetchMedia(ctx, r, begin, write)
	}
	return cannot("fetch files")
}

// cannot is for what a platform may leave out.
func cannot(what string) error {
	return &chat.Error{Reason: chat.ReasonUnsupportedContent, Permanent: true, Text: "this platform cannot " + what}
}

// recovered turns a panic of the author's code into an error of this call, so that the others live.
func recovered(call string, err *error) {
	if p := recover(); p != nil {
		slog.Error("the platform panicked", "call", call, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		*err = &chat.Error{Reason: chat.ReasonPluginPanic, Text: call + " panicked; the plugin's log has the stack"}
	}
}
