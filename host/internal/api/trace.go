package api

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aof-dev/aofd/host/internal/store"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

// maxDeliveries is how many answers to one cause a trace shows.
const maxDeliveries = 100

// last is the id of the latest message.
const last = "last"

func (s *service) GetTrace(ctx context.Context, r *hostv1.GetTraceRequest) (*hostv1.GetTraceResponse, error) {
	if r.GetReveal() && !mayReveal(ctx) {
		return nil, Refuse(connect.CodePermissionDenied, "REVEAL_REFUSED",
			"what is masked is shown on the daemon's own machine only: ask there, or on the admin socket")
	}
	events, err := s.trace(ctx, r.GetId())
	if err != nil {
		return nil, problem(err)
	}
	out := &hostv1.GetTraceResponse{Cause: events[0].Cause, Masked: !r.GetReveal()}
	waterfall(out, events)
	var body *chat.Message
	if body, err = s.fill(ctx, out); err != nil {
		return nil, problem(err)
	}
	if !r.GetReveal() {
		newVeil(out, body).over(out)
	}
	return out, nil
}

// trace returns the events of a message by any id.
func (s *service) trace(ctx context.Context, id string) ([]store.TraceEvent, error) {
	if id == last {
		list, _, err := s.Store.Messages(ctx, store.Filter{Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, Refuse(connect.CodeNotFound, "UNKNOWN_ID", "there is no message yet")
		}
		id = list[0].Cause
	}
	return s.Store.Trace(ctx, id)
}

// waterfall puts the events in their order, with where they begin.
func waterfall(out *hostv1.GetTraceResponse, events []store.TraceEvent) {
	start := began(slices.MinFunc(events, func(a, b store.TraceEvent) int { return began(a).Compare(began(b)) }))
	for i, e := range events {
		out.Events = append(out.Events, &hostv1.TraceEvent{
			At: timestamppb.New(e.At), Hop: e.Hop, Detail: e.Detail, DurationUs: uint64(e.Duration.Microseconds()),
			Cause: e.Cause, DeliveryId: e.DeliveryID,
		})
		h := hop(e, start)
		h.Seq = uint64(i + 1)
		out.Hops = append(out.Hops, h)
		out.TotalUs = max(out.GetTotalUs(), uint64(max(0, began(e).Sub(start)+e.Duration).Microseconds()))
	}
}

// fill adds what the ledger and the inbox still have of a trace's message, and returns its body.
func (s *service) fill(ctx context.Context, out *hostv1.GetTraceResponse) (body *chat.Message, err error) {
	record, err := s.Store.Message(ctx, out.GetCause())
	switch {
	case err == nil:
		out.Message = message(record)
		if body = record.Message; body != nil {
			shown := *body
			shown.Raw = nil // it is in the webhook
			text, err := json.Marshal(shown)
			if err != nil {
				return nil, err
			}
			out.NormalizedJson = string(text)
		}
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	list, _, err := s.Store.Deliveries(ctx, store.Filter{Cause: out.GetCause(), Limit: maxDeliveries})
	if err != nil {
		return nil, err
	}
	for _, d := range slices.Backward(list) {
		w, err := s.whole(ctx, d)
		if err != nil {
			return nil, err
		}
		out.Deliveries = append(out.Deliveries, w)
	}
	hints(out)
	request, err := s.Store.Webhook(ctx, out.GetCause())
	switch {
	case err == nil:
		out.Webhooks = append(out.Webhooks, webhook(request))
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	return body, nil
}

// hints puts what the platform's plugin advises beside the hops that failed.
func hints(out *hostv1.GetTraceResponse) {
	for _, h := range out.GetHops() {
		if h.GetLevel() != "error" && h.GetLevel() != "warning" {
			continue
		}
		for _, d := range out.GetDeliveries() {
			if d.GetId() == h.GetDeliveryId() && h.GetHint() == "" {
				h.Hint = d.GetProblem().GetHint()
			}
		}
	}
}

func webhook(r chat.Request) *hostv1.Webhook {
	out := &hostv1.Webhook{ReceivedAt: stamp(r.ReceivedAt), Method: r.Method, Uri: r.URI, Body: r.Body}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, &hostv1.Header{Name: h.Name, Value: h.Value})
	}
	return out
}
