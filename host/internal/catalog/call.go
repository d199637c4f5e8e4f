package catalog

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/aof-dev/aofd/sdk/chat"
)

// noticed is within what time a dead process is known to be dead, also on a busy machine.
const noticed = time.Second

// The longest that a call may take; the caller's deadline may be shorter.
const (
	verifyTimeout    = time.Second
	parseTimeout     = 5 * time.Second
	parsePerMiB      = time.Second // more
	sendTimeout      = 30 * time.Second
	validateTimeout  = 5 * time.Second
	configureTimeout = 10 * time.Second
	healthTimeout    = 2 * time.Second
	signalTimeout    = 5 * time.Second
	mediaTimeout     = 2 * time.Minute
)

// Info is what the plugin said of itself.
func (p *Plugin) Info() chat.PluginInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.info
}

// Status is how the plugin is.
func (p *Plugin) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// ValidateConfig asks what the plugin thinks of a configuration, a JSON object.
func (p *Plugin) ValidateConfig(ctx context.Context, config []byte) (found []chat.Diagnostic, err error) {
	err = p.pure(ctx, "ValidateConfig", validateTimeout, func(ctx context.Context, in *instance) (err error) {
		found, err = in.plugin.ValidateConfig(ctx, config)
		return err
	})
	return found, err
}

// Configure gives the plugin its configuration, now and after each restart.
func (p *Plugin) Configure(ctx context.Context, config []byte) (found []chat.Diagnostic, err error) {
	p.configuring.Lock()
	defer p.configuring.Unlock()
	p.mu.Lock()
	generation := p.generation + 1
	p.mu.Unlock()
	for {
		var accounts []chat.Account
		var by *instance
		err = p.pure(ctx, "Configure", configureTimeout, func(ctx context.Context, in *instance) (err error) {
			by = in
			accounts, found, err = in.plugin.Configure(ctx, config, generation)
			return err
		})
		if err != nil || p.configured(by, config, generation, accounts) {
			return found, err
		}
	}
}

// configured notes what a process was configured with. It reports false when that process is not the one in
// service any more: the next one may have got the former configuration.
func (p *Plugin) configured(by *instance, config []byte, generation uint64, accounts []chat.Account) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live != by {
		return false
	}
	p.config, p.generation, p.status.Accounts = bytes.Clone(config), generation, accounts
	return true
}

// CheckHealth asks how the plugin gets on with its platform.
func (p *Plugin) CheckHealth(ctx context.Context) (h chat.Health, err error) {
	err = p.pure(ctx, "CheckHealth", healthTimeout, func(ctx context.Context, in *instance) (err error) {
		h, err = in.plugin.CheckHealth(ctx)
		return err
	})
	return h, err
}

// VerifySignature asks whether a request is from the platform.
func (p *Plugin) VerifySignature(ctx context.Context, r chat.Request) (v chat.Verification, err error) {
	err = p.pure(ctx, "VerifySignature", verifyTimeout, func(ctx context.Context, in *instance) (err error) {
		v, err = in.platform.VerifySignature(ctx, p.heard(r))
		return err
	})
	return v, err
}

// ParseMessage asks what a request says.
func (p *Plugin) ParseMessage(ctx context.Context, r chat.Request) (b chat.Batch, err error) {
	err = p.pure(ctx, "ParseMessage", parseTimeout+time.Duration(len(r.Body)>>20)*parsePerMiB, func(ctx context.Context, in *instance) (err error) {
		b, err = in.parser.ParseMessage(ctx, p.heard(r))
		return err
	})
	return b, err
}

// heard is a request with those headers only that the plugin wants to read.
func (p *Plugin) heard(r chat.Request) chat.Request {
	info := p.Info().Platform
	if info == nil || len(info.WebhookHeaders) == 0 {
		return r
	}
	all := r.Headers
	r.Headers = make([]chat.Header, 0, len(info.WebhookHeaders))
	for _, h := range all {
		if slices.ContainsFunc(info.WebhookHeaders, func(name string) bool { return strings.EqualFold(name, h.Name) }) {
			r.Headers = append(r.Headers, h)
		}
	}
	return r
}

// SendResponse has an answer sent. It is never repeated here: the error says whether anything went out.
func (p *Plugin) SendResponse(ctx context.Context, d chat.Delivery) (s chat.Sent, err error) {
	err = p.once(ctx, "SendResponse", sendTimeout, func(ctx context.Context, in *instance) (err error) {
		s, err = in.platform.SendResponse(ctx, d)
		return err
	})
	return s, err
}

// SendSignal shows a courtesy, once. It returns how long that lasts by itself; 0 when nobody knows.
func (p *Plugin) SendSignal(ctx context.Context, c chat.Courtesy) (lasts time.Duration, err error) {
	err = p.once(ctx, "SendSignal", signalTimeout, func(ctx context.Context, in *instance) (err error) {
		lasts, err = in.platform.SendSignal(ctx, c)
		return err
	})
	return lasts, err
}

// FetchMedia streams a file, once: begin is called first, then write for each piece. What was written is worth
// nothing when it returns an error.
func (p *Plugin) FetchMedia(
	ctx context.Context, r chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error,
) error {
	return p.once(ctx, "FetchMedia", mediaTimeout, func(ctx context.Context, in *instance) error {
		return in.platform.FetchMedia(ctx, r, begin, write)
	})
}

// once makes a call that is not repeated here.
func (p *Plugin) once(ctx context.Context, rpc string, limit time.Duration, fn func(context.Context, *instance) error) error {
	in := p.ready()
	if in == nil {
		return p.prefixed(&chat.Error{Reason: chat.ReasonUnavailable, Text: "the plugin does not run"})
	}
	return p.call(ctx, in, rpc, limit, fn)
}

// pure makes a call that may be repeated: once, on the next process, when the former one died under it.
func (p *Plugin) pure(ctx context.Context, rpc string, limit time.Duration, fn func(context.Context, *instance) error) error {
	var err error
	for range 2 {
		in := p.await(ctx)
		if in == nil {
			return p.prefixed(&chat.Error{Reason: chat.ReasonUnavailable, Text: "the plugin does not run", Err: ctx.Err()})
		}
		if err = p.call(ctx, in, rpc, limit, fn); !repeatable(err) {
			return err
		}
		if reason := chat.AsError(err).Reason; reason != chat.ReasonPluginPanic { // after a panic the process stays
			p.replaced(ctx, in)
		}
	}
	return err
}

var errBusy = errors.New("too many calls at once")

// repeatable are the errors of a process that is not there any more, or of a panic.
func repeatable(err error) bool {
	e, ok := errors.AsType[*chat.Error](err)
	if !ok || errors.Is(err, errBusy) {
		return false
	}
	return e.Reason == chat.ReasonUnavailable || e.Reason == chat.ReasonDraining || e.Reason == chat.ReasonPluginPanic
}

// call makes one call of one process within the plugin's limits.
func (p *Plugin) call(ctx context.Context, in *instance, rpc string, limit time.Duration,
	fn func(context.Context, *instance) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := time.Now()
	if p.calls != nil {
		if err := p.calls.Acquire(ctx, 1); err != nil {
			return p.prefixed(&chat.Error{Reason: chat.ReasonUnavailable, Text: errBusy.Error(), Err: errBusy})
		}
		defer p.calls.Release(1)
	}
	if !in.enter() {
		return p.prefixed(&chat.Error{Reason: chat.ReasonUnavailable, Text: "the plugin is stopping"})
	}
	defer in.leave()
	err := fn(ctx, in)
	if e, ok := errors.AsType[*chat.Error](err); ok && ctx.Err() == nil && status.Code(e.Err) == codes.Canceled {
		e.Reason = chat.ReasonUnavailable // not the caller ended it: the connection was closed, as its process is gone
	}
	p.settings.Observe(p.file.ID, rpc, time.Since(start), err)
	return p.prefixed(err)
}

// prefixed says once, for all, whose error it is.
func (p *Plugin) prefixed(err error) error {
	if err == nil {
		return nil
	}
	e := *chat.AsError(err)
	e.Text = "platform(" + p.file.ID + "): " + e.Text
	return &e
}

func (p *Plugin) ready() *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live
}

// await returns the live process; while one is about to start it waits for that, not for long.
func (p *Plugin) await(ctx context.Context) *instance {
	if in := p.ready(); in != nil {
		return in
	}
	ctx, cancel := context.WithTimeout(ctx, p.settings.Timing.CallWait)
	defer cancel()
	for {
		p.mu.Lock()
		in, changed, state := p.live, p.changed, p.status.State
		p.mu.Unlock()
		if in != nil || state == StateQuarantined || state == StateStopped {
			return in
		}
		select {
		case <-changed:
		case <-p.work.Done():
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// replaced waits until the supervisor has noticed that a process is gone, so that the next call does not go
// to it again.
func (p *Plugin) replaced(ctx context.Context, in *instance) {
	ctx, cancel := context.WithTimeout(ctx, noticed)
	defer cancel()
	select {
	case <-in.process.Exited():
		for p.ready() == in && ctx.Err() == nil {
			time.Sleep(time.Millisecond) // the supervisor is woken by the same channel
		}
	case <-ctx.Done():
	}
}
