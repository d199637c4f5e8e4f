package api

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"connectrpc.com/connect"

	"github.com/aof-dev/aofd/host/internal/store"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
)

// dead are the states in which a delivery stays unless an operator does something about it.
var dead = []store.DeliveryState{store.StateFailed, store.StateExpired, store.StateUnknown}

func (s *service) ListDeadLetters(
	ctx context.Context, r *hostv1.ListDeadLettersRequest,
) (*hostv1.ListDeadLettersResponse, error) {
	list, next, err := s.deliveries(ctx, store.Filter{
		Conversation: r.GetConversation(), Platform: r.GetPlatform(), Account: r.GetAccount(), States: dead,
	}, r.GetPageSize(), r.GetPageToken())
	return &hostv1.ListDeadLettersResponse{Deliveries: list, NextPageToken: next}, err
}

func (s *service) RetryDeadLetter(
	ctx context.Context, r *hostv1.RetryDeadLetterRequest,
) (*hostv1.RetryDeadLetterResponse, error) {
	d, err := s.again(ctx, r.GetId(), "tried again by the operator", store.StateFailed, store.StateExpired)
	return &hostv1.RetryDeadLetterResponse{Delivery: d}, err
}

func (s *service) ResendDeadLetter(
	ctx context.Context, r *hostv1.ResendDeadLetterRequest,
) (*hostv1.ResendDeadLetterResponse, error) {
	d, err := s.again(ctx, r.GetId(), "sent again by the operator, who knows that it may be out already",
		append(dead, store.StateSuppressed)...)
	return &hostv1.ResendDeadLetterResponse{Delivery: d}, err
}

// again queues a delivery that is in one of the states.
func (s *service) again(ctx context.Context, id, why string, from ...store.DeliveryState) (*hostv1.Delivery, error) {
	d, err := s.Store.Delivery(ctx, id)
	if err != nil {
		return nil, problem(err)
	}
	switch {
	case slices.Contains(from, d.State):
	case d.State == store.StateUnknown:
		return nil, Refuse(connect.CodeFailedPrecondition, "MAY_BE_SENT",
			"nobody knows whether this delivery went out, so trying again may show it twice: "+
				"wait for a receipt, drop it, or have it resent all the same")
	default:
		return nil, noDeadLetter(d.State)
	}
	if err := s.Store.Redeliver(ctx, id, why); err != nil {
		return nil, steered(err, d.State)
	}
	s.Daemon.Resend()
	return s.now(ctx, id)
}

func (s *service) DropDeadLetter(
	ctx context.Context, r *hostv1.DropDeadLetterRequest,
) (*hostv1.DropDeadLetterResponse, error) {
	if r.GetReason() == "" {
		return nil, badArgument("give a reason: it is what others will find when they look for the message")
	}
	d, err := s.Store.Delivery(ctx, r.GetId())
	if err != nil {
		return nil, problem(err)
	}
	if err := s.Store.Drop(ctx, r.GetId(), r.GetReason()); err != nil {
		return nil, steered(err, d.State)
	}
	s.Daemon.Resend() // what waited behind it may go
	out, err := s.now(ctx, r.GetId())
	return &hostv1.DropDeadLetterResponse{Delivery: out}, err
}

// now is a delivery as it is now.
func (s *service) now(ctx context.Context, id string) (*hostv1.Delivery, error) {
	d, err := s.Store.Delivery(ctx, id)
	if err != nil {
		return nil, problem(err)
	}
	return delivery(d), nil
}

// steered is what an error of steering means to the caller.
func steered(err error, state store.DeliveryState) error {
	if errors.Is(err, store.ErrState) {
		return noDeadLetter(state)
	}
	return problem(err)
}

func noDeadLetter(state store.DeliveryState) error {
	return Refuse(connect.CodeFailedPrecondition, "NO_DEAD_LETTER",
		fmt.Sprintf("the delivery is %s, so there is nothing to do about it", state))
}
