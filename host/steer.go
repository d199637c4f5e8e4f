package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/host/internal/ingress"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Resend implements api.Daemon.
func (d *daemon) Resend() { d.egress.Wake() }

// ReplyWindow implements api.Daemon.
func (d *daemon) ReplyWindow(platform string) time.Duration {
	if p := d.platform(platform); p != nil {
		return p.limits().ReplyWindow
	}
	return 0
}

// Send implements api.Daemon.
func (d *daemon) Send(ctx context.Context, m api.Outgoing, dry bool) (store.Delivery, []string, error) {
	to, err := d.target(ctx, m)
	if err != nil {
		return store.Delivery{}, nil, err
	}
	warnings, err := d.warnings(ctx, to)
	if err != nil {
		return store.Delivery{}, nil, err
	}
	key := m.Key
	if key == "" {
		key = uuid.NewString()
	}
	cause := "operator/" + key
	out := store.Delivery{
		ID: store.DeliveryID(cause, 1), Cause: cause, Ordinal: 1, Platform: to.Platform, Account: to.Account,
		Conversation: to.Key, ChannelID: to.ChannelID, Response: m.Response, CreatedAt: time.Now(),
		State: store.StateQueued, Bulk: true,
	}
	if after := d.cfg.Delivery.ExpireAfter; after > 0 {
		out.ExpiresAt = out.CreatedAt.Add(after)
	}
	if dry {
		return out, warnings, nil
	}
	if err := d.store.Send(ctx, out, []store.TraceEvent{{
		At: out.CreatedAt, Hop: api.HopOperatorSend, Detail: "to " + to.Key, DeliveryID: out.ID,
	}}); err != nil {
		return store.Delivery{}, nil, err
	}
	d.egress.Wake()
	stored, err := d.store.Delivery(ctx, out.ID)
	return stored, warnings, err
}

// target finds the conversation that a message goes to. One with a person who never wrote is not in the store
// yet.
func (d *daemon) target(ctx context.Context, m api.Outgoing) (to store.Conversation, err error) {
	to = store.Conversation{Key: m.Conversation, Platform: m.Platform, Account: m.Account, ChannelID: m.ChannelID}
	if m.Conversation == "" {
		if to.Account, err = d.account(m.Platform, m.Account); err != nil {
			return to, err
		}
		to.Key = ingress.Conversation(chat.Message{Platform: to.Platform, Account: to.Account, ChannelID: to.ChannelID})
	}
	known, _, err := d.store.Conversations(ctx, store.Filter{Conversation: to.Key, Limit: 1})
	switch {
	case err != nil:
		return to, err
	case len(known) > 0:
		to = known[0]
	case m.Conversation != "":
		return to, store.ErrNotFound
	}
	_, err = d.account(to.Platform, to.Account)
	return to, err
}

// account returns an account of a platform that is set up: the given one, or the only one.
func (d *daemon) account(platform, account string) (string, error) {
	p := d.platform(platform)
	if p == nil {
		return "", api.Refuse(connect.CodeFailedPrecondition, "UNKNOWN_PLATFORM",
			fmt.Sprintf("no platform %q is set up", platform))
	}
	var ids []string
	for _, a := range p.status().Accounts {
		ids = append(ids, a.ID)
	}
	switch {
	case slices.Contains(ids, account), account != "" && len(ids) == 0: // its plugin has not run yet
		return account, nil
	case account == "" && len(ids) == 1:
		return ids[0], nil
	case account == "":
		return "", api.Refuse(connect.CodeInvalidArgument, "BAD_ARGUMENT",
			fmt.Sprintf("platform %s has the accounts %v: say which one sends", platform, ids))
	}
	return "", api.Refuse(connect.CodeFailedPrecondition, "UNKNOWN_ACCOUNT",
		fmt.Sprintf("platform %s has no account %q, but %v", platform, account, ids))
}

// warnings say what may keep a message from arriving.
func (d *daemon) warnings(ctx context.Context, to store.Conversation) (out []string, err error) {
	p := d.platform(to.Platform)
	if st := p.status(); st.State != catalog.StateReady {
		out = append(out, fmt.Sprintf("the plugin is %s (%s): the message waits for it", st.State, st.Reason))
	}
	switch window := p.limits().ReplyWindow; {
	case window == 0:
	case to.LastInboundAt.IsZero():
		out = append(out, "the person has not written yet: the platform may take a template only")
	case time.Since(to.LastInboundAt) > window:
		out = append(out, fmt.Sprintf("the person wrote last %s ago, and free answers go out for %s: the platform may take a template only",
			time.Since(to.LastInboundAt).Round(time.Minute), window))
	}
	pauses, err := d.store.Paused(ctx)
	for _, pause := range pauses {
		if pause.Platform == to.Platform && (pause.Account.Account == "" || pause.Account.Account == to.Account) {
			out = append(out, strings.TrimSuffix("sending is paused: "+pause.Reason, ": "))
		}
	}
	return out, err
}

// Cancel implements api.Daemon.
func (d *daemon) Cancel(ctx context.Context, cause, reason string) error {
	m, err := d.store.Message(ctx, cause)
	if err != nil {
		return err
	}
	if m.Outcome != "" || m.Message == nil {
		return fmt.Errorf("%w: the message is done: %s", store.ErrState, m.Outcome)
	}
	t := store.Turn{Cause: m.Cause, Conversation: m.Conversation, Lane: m.Lane, Message: *m.Message}
	return d.turn.Cancel(ctx, t, strings.TrimSuffix("by the operator: "+reason, ": "))
}

// RestartPlugin implements api.Daemon.
func (d *daemon) RestartPlugin(_ context.Context, id string, kill bool) (int, error) {
	unknown := func(text string) error { return api.Refuse(connect.CodeNotFound, "UNKNOWN_PLUGIN", text) }
	p := d.platform(id)
	if p == nil || p.live() == nil {
		return 0, unknown(fmt.Sprintf("no plugin %q runs", id))
	}
	pid, err := p.live().Restart(kill)
	if errors.Is(err, catalog.ErrNotRunning) {
		return 0, unknown(fmt.Sprintf("the plugin %s does not run now: it is being started", id))
	}
	return pid, err
}

// Replay implements api.Daemon.
func (d *daemon) Replay(ctx context.Context, cause, from string, dry bool) (api.Replayed, error) {
	r := replay{daemon: d, cause: cause, dry: dry}
	switch from {
	case "webhook":
		return r.fromWebhook(ctx)
	case "send":
		return r.fromSend(ctx)
	}
	return r.fromRoute(ctx)
}

// replay is one replay, or what it would do.
type replay struct {
	*daemon
	cause string
	dry   bool
	done  api.Replayed
}

func (r *replay) step(stops bool, hop, format string, args ...any) {
	r.done.Steps = append(r.done.Steps, api.ReplayStep{Hop: hop, Detail: fmt.Sprintf(format, args...), Stops: stops})
}

func notKept(what string) error {
	return api.Refuse(connect.CodeFailedPrecondition, "NOT_KEPT", what)
}

// fromRoute has a message answered anew.
func (r *replay) fromRoute(ctx context.Context) (api.Replayed, error) {
	m, err := r.store.Message(ctx, r.cause)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return r.done, notKept("there is no inbound message with this id (any more) that could be answered again")
	case err != nil:
		return r.done, err
	case m.Outcome == "":
		return r.done, api.Refuse(connect.CodeFailedPrecondition, "STILL_RUNNING", "the message waits or is being answered: it needs no replay")
	case m.Message == nil:
		return r.done, notKept("what the message said is not kept any more")
	}
	plan, err := r.current.Plan(ctx, store.Turn{Cause: m.Cause, Conversation: m.Conversation, Lane: m.Lane, Message: *m.Message})
	if err != nil {
		return r.done, err
	}
	r.step(false, store.HopRoute, "%s", plan.Why)
	switch {
	case m.Message.Refusal != nil:
		r.step(true, store.HopRefused, "%s: nobody answers", m.Message.Refusal.Reason)
		return r.done, nil
	case plan.Agent != "":
		r.step(false, store.HopStart, "agent %s is asked, and its answer goes out as a new message", plan.Agent)
	case plan.Reply != nil:
		r.step(false, store.HopTurnEnd, "the daemon answers by itself: %s", plan.Outcome)
	default:
		r.step(true, store.HopTurnEnd, "%s: there is no answer", plan.Outcome)
		return r.done, nil
	}
	r.done.Effective = true
	if r.dry {
		return r.done, nil
	}
	if r.done.Cause, err = r.store.Replay(ctx, r.cause, "asked for by the operator"); err != nil {
		if errors.Is(err, store.ErrState) {
			err = api.Refuse(connect.CodeFailedPrecondition, "STILL_RUNNING", "the message waits or is being answered: it needs no replay")
		}
		return r.done, err
	}
	r.turn.Wake()
	return r.done, nil
}

// fromWebhook has the bytes that the platform sent parsed and stored again.
func (r *replay) fromWebhook(ctx context.Context) (api.Replayed, error) {
	request, err := r.store.Webhook(ctx, r.cause)
	if errors.Is(err, store.ErrNotFound) {
		return r.done, notKept("the webhook is not kept any more: begin at route")
	}
	if err != nil {
		return r.done, err
	}
	m, err := r.store.Message(ctx, r.cause)
	if err != nil {
		return r.done, err
	}
	p := r.platform(m.Platform)
	if p == nil {
		return r.done, notKept("platform " + m.Platform + " is not set up any more")
	}
	batch, err := p.ParseMessage(ctx, request)
	if err != nil {
		return r.done, api.Refuse(connect.CodeUnavailable, "STORE_DOWN", "the plugin did not answer: "+err.Error())
	}
	if batch.Verdict != chat.VerdictValid {
		r.step(true, store.HopReceived, "the signature is not valid (any more): %s; it would be answered with 401", batch.Verification.Reason)
		return r.done, nil
	}
	r.step(false, store.HopReceived, "signature valid, %d messages, %d receipts", len(batch.Messages), len(batch.Receipts))
	for _, found := range batch.Messages {
		found.Platform = p.id
		cause := store.CauseOf(found)
		known, err := r.store.Message(ctx, cause)
		switch {
		case err == nil:
			r.step(true, store.HopDuplicate, "%s would be deduplicated, because this id is known since %s; its outcome is %s",
				cause, known.ReceivedAt.UTC().Format(time.RFC3339), known.Outcome)
		case errors.Is(err, store.ErrNotFound):
			r.step(false, store.HopReceived, "%s would be stored and answered", cause)
			r.done.Effective, r.done.Cause = true, cause
		default:
			return r.done, err
		}
	}
	if r.dry {
		return r.done, nil
	}
	return r.done, r.post(ctx, p, request)
}

// post hands a webhook to its endpoint as if it had come again.
func (r *replay) post(ctx context.Context, p *platform, request chat.Request) error {
	req, err := http.NewRequestWithContext(ctx, request.Method, request.URI, bytes.NewReader(request.Body))
	if err != nil {
		return notKept("the stored webhook cannot be posted again: " + err.Error())
	}
	for _, h := range request.Headers {
		if h.Name == "host" {
			req.Host = h.Value
			continue
		}
		req.Header.Add(h.Name, h.Value)
	}
	answer := &answer{header: http.Header{}, status: http.StatusOK}
	r.webhooks[p.id].ServeHTTP(answer, req)
	r.step(answer.status != http.StatusOK, store.HopReceived, "answered with %d", answer.status)
	return nil
}

// answer takes the status of an answer that nobody reads.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return len(b), nil }

// fromSend sends the answers again that surely did not arrive.
func (r *replay) fromSend(ctx context.Context) (api.Replayed, error) {
	list, _, err := r.store.Deliveries(ctx, store.Filter{Cause: r.cause})
	if err != nil {
		return r.done, err
	}
	if len(list) == 0 {
		return r.done, notKept("there is no answer to this message that could be sent again")
	}
	for _, d := range slices.Backward(list) {
		switch d.State {
		case store.StateFailed, store.StateExpired:
			r.step(false, store.HopRedelivered, "%s is %s and is sent again, under the same id", d.ID, d.State)
			r.done.Effective, r.done.Cause = true, r.cause
			if r.dry {
				continue
			}
			if err := r.store.Redeliver(ctx, d.ID, "replayed by the operator"); err != nil && !errors.Is(err, store.ErrState) {
				return r.done, err
			}
		case store.StateUnknown:
			r.step(true, store.HopUnknown, "%s may be out already: it is never sent again blindly; `aofd dlq resend %s` does it all the same", d.ID, d.ID)
		case store.StateQueued, store.StateSending, store.StateHeld:
			r.step(true, store.HopAttempt, "%s is %s: it is on its way", d.ID, d.State)
		default:
			r.step(true, store.HopAttempt, "%s is %s: it is not sent twice", d.ID, d.State)
		}
	}
	if !r.dry {
		r.Resend()
	}
	return r.done, nil
}
