package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"connectrpc.com/connect"

	"github.com/aof-dev/aofd/host/internal/store"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

const (
	defaultWait = 30 * time.Second
	maxWait     = 5 * time.Minute
	waitPoll    = 50 * time.Millisecond
	maxKey      = 200 // bytes of an idempotency key
	maxChannel  = 512 // bytes of a channel's id; longer ones do not come in either
)

func (s *service) SendMessage(ctx context.Context, r *hostv1.SendMessageRequest) (*hostv1.SendMessageResponse, error) {
	m, err := outgoing(r)
	if err != nil {
		return nil, err
	}
	if w := r.GetWait(); w != "" && !slices.Contains(waits, store.DeliveryState(w)) {
		return nil, badArgument("wait is sent, delivered or read, not %q", w)
	}
	d, warnings, err := s.Daemon.Send(ctx, m, r.GetDryRun())
	if err != nil {
		return nil, problem(err)
	}
	out := &hostv1.SendMessageResponse{Warnings: warnings}
	if r.GetWait() != "" && !r.GetDryRun() {
		if d, err = s.await(ctx, d.ID, store.DeliveryState(r.GetWait()), r.GetWaitSeconds()); err != nil {
			return nil, err
		}
	}
	out.Delivery = delivery(d)
	return out, nil
}

// outgoing checks what is to be said and where.
func outgoing(r *hostv1.SendMessageRequest) (m Outgoing, err error) {
	m = Outgoing{
		Conversation: r.GetConversation(), Platform: r.GetPlatform(), Account: r.GetAccount(), ChannelID: r.GetChannelId(),
		Response: chat.Response{Text: r.GetText()}, Key: r.GetIdempotencyKey(),
	}
	switch {
	case m.Conversation == "" && (m.Platform == "" || m.ChannelID == ""):
		return m, badArgument("say where to: conversation, or platform and channel_id")
	case m.Conversation != "" && m.Platform+m.Account+m.ChannelID != "":
		return m, badArgument("give conversation, or platform, account and channel_id, not both")
	case r.GetText() != "" && r.GetResponseJson() != "":
		return m, badArgument("give text or response_json, not both")
	case len(m.ChannelID) > maxChannel:
		return m, badArgument("channel_id has more than %d bytes", maxChannel)
	case len(m.Key) > maxKey:
		return m, badArgument("idempotency_key has more than %d bytes", maxKey)
	}
	if raw := r.GetResponseJson(); raw != "" {
		in := json.NewDecoder(bytes.NewReader([]byte(raw)))
		in.DisallowUnknownFields()
		m.Response = chat.Response{}
		if err := in.Decode(&m.Response); err != nil {
			return m, badArgument("response_json is no answer: %w", err)
		}
	}
	if m.Response.Empty() {
		return m, badArgument("there is nothing to say: give text or response_json")
	}
	return m, nil
}

// waits are the states that one can wait for, in their order.
var waits = []store.DeliveryState{store.StateSent, store.StateDelivered, store.StateRead}

// await returns the delivery once it got as far as goal, or cannot.
func (s *service) await(ctx context.Context, id string, goal store.DeliveryState, secs uint32) (store.Delivery, error) {
	limit := min(time.Duration(secs)*time.Second, maxWait)
	if limit == 0 {
		limit = defaultWait
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(waitPoll)
	defer tick.Stop()
	for {
		d, err := s.Store.Delivery(ctx, id)
		switch {
		case err != nil && ctx.Err() == nil:
			return d, problem(err)
		case err == nil && settledFor(d.State, goal):
			return d, nil
		}
		select {
		case <-ctx.Done():
			return d, Refuse(connect.CodeDeadlineExceeded, "STILL_WAITING",
				fmt.Sprintf("the message is in the outbox as %s, and not %s after %s", id, goal, limit))
		case <-s.Daemon.Stopping():
			return d, Refuse(connect.CodeUnavailable, "STOPPING", "the daemon stops; the message is in the outbox as "+id)
		case <-tick.C:
		}
	}
}

// settledFor reports whether a delivery is as far as goal, or will not get there by itself.
func settledFor(state, goal store.DeliveryState) bool {
	switch state {
	case store.StateQueued, store.StateSending:
		return false
	case store.StateSent, store.StateDelivered, store.StateRead:
		return slices.Index(waits, state) >= slices.Index(waits, goal)
	}
	return true
}

func (s *service) CancelMessage(
	ctx context.Context, r *hostv1.CancelMessageRequest,
) (*hostv1.CancelMessageResponse, error) {
	events, err := s.trace(ctx, r.GetId())
	if err != nil {
		return nil, problem(err)
	}
	err = s.Daemon.Cancel(ctx, events[0].Cause, r.GetReason())
	if errors.Is(err, store.ErrState) {
		return nil, failure(connect.CodeFailedPrecondition, "NOT_RUNNING", err)
	}
	if err != nil {
		return nil, problem(err)
	}
	return &hostv1.CancelMessageResponse{}, nil
}

func (s *service) Replay(ctx context.Context, r *hostv1.ReplayRequest) (*hostv1.ReplayResponse, error) {
	from := r.GetFrom()
	if from == "" {
		from = "route"
	}
	if !slices.Contains([]string{"webhook", "route", "send"}, from) {
		return nil, badArgument("from is webhook, route or send, not %q", from)
	}
	events, err := s.trace(ctx, r.GetId())
	if err != nil {
		return nil, problem(err)
	}
	did, err := s.Daemon.Replay(ctx, events[0].Cause, from, r.GetDryRun())
	if err != nil {
		return nil, problem(err)
	}
	out := &hostv1.ReplayResponse{Cause: did.Cause, Effective: did.Effective}
	for _, step := range did.Steps {
		out.Steps = append(out.Steps, &hostv1.ReplayStep{Hop: step.Hop, Detail: step.Detail, Stops: step.Stops})
	}
	return out, nil
}

func (s *service) PausePlatform(
	ctx context.Context, r *hostv1.PausePlatformRequest,
) (*hostv1.PausePlatformResponse, error) {
	if err := s.knows(ctx, r.GetPlatform(), r.GetAccount()); err != nil {
		return nil, err
	}
	a := store.Account{Platform: r.GetPlatform(), Account: r.GetAccount()}
	if err := s.Store.Pause(ctx, a, r.GetReason()); err != nil {
		return nil, problem(err)
	}
	return &hostv1.PausePlatformResponse{}, nil
}

func (s *service) ResumePlatform(
	ctx context.Context, r *hostv1.ResumePlatformRequest,
) (*hostv1.ResumePlatformResponse, error) {
	a := store.Account{Platform: r.GetPlatform(), Account: r.GetAccount()}
	err := s.Store.Resume(ctx, a)
	if errors.Is(err, store.ErrNotFound) { // it was not paused
		err = s.knows(ctx, r.GetPlatform(), r.GetAccount())
	}
	if err != nil {
		return nil, problem(err)
	}
	s.Daemon.Resend()
	return &hostv1.ResumePlatformResponse{}, nil
}

// knows returns an error when a platform or its account is not set up. The accounts are known once the plugin
// has run.
func (s *service) knows(ctx context.Context, platform, account string) error {
	st, err := s.Daemon.Status(ctx)
	if err != nil {
		return problem(err)
	}
	for _, p := range st.Platforms {
		if p.ID != platform {
			continue
		}
		known := func(a Account) bool { return a.ID == account }
		if account == "" || len(p.Accounts) == 0 || slices.ContainsFunc(p.Accounts, known) {
			return nil
		}
		return Refuse(connect.CodeNotFound, "UNKNOWN_ACCOUNT", fmt.Sprintf("platform %s has no account %q", platform, account))
	}
	return Refuse(connect.CodeNotFound, "UNKNOWN_PLATFORM", fmt.Sprintf("no platform %q is set up", platform))
}

func (s *service) RestartPlugin(
	ctx context.Context, r *hostv1.RestartPluginRequest,
) (*hostv1.RestartPluginResponse, error) {
	pid, err := s.Daemon.RestartPlugin(ctx, r.GetId(), r.GetKill())
	if err != nil {
		return nil, problem(err)
	}
	return &hostv1.RestartPluginResponse{Pid: uint32(pid)}, nil
}
