package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/aof-dev/aofd/host/internal/store"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
)

const (
	maxStreams = 64
	tailPoll   = 150 * time.Millisecond
	tailBatch  = 100
	tailBeat   = 10 * time.Second
	maxLast    = 1000
)

// position is where a tail is: skip events behind a position of the store.
type position struct {
	after int64
	skip  int
}

func (p position) String() string { return fmt.Sprintf("%d.%d", p.after, p.skip) }

func parsePosition(s string) (p position, err error) {
	after, skip, ok := strings.Cut(s, ".")
	var errAfter, errSkip error
	p.after, errAfter = strconv.ParseInt(after, 10, 64)
	p.skip, errSkip = strconv.Atoi(skip)
	if !ok || errAfter != nil || errSkip != nil || p.after < 0 || p.skip < 0 {
		return p, Refuse(connect.CodeInvalidArgument, "BAD_CURSOR", "cursor is not one that a stream gave")
	}
	return p, nil
}

func (s *service) TailEvents(
	ctx context.Context, r *hostv1.TailEventsRequest, stream *connect.ServerStream[hostv1.TailEventsResponse],
) error {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return Refuse(connect.CodeResourceExhausted, "TOO_MANY_STREAMS", fmt.Sprintf("there are %d streams already", maxStreams))
	}
	at, err := s.beginning(ctx, r)
	if err != nil {
		return err
	}
	beat := func(now bool) error {
		return stream.Send(&hostv1.TailEventsResponse{Cursor: at.String(), CaughtUp: now})
	}
	if err := beat(false); err != nil { // says that the stream is open, and where it is
		return err
	}
	caughtUp := false
	poll, life := time.NewTicker(tailPoll), time.NewTicker(tailBeat)
	defer poll.Stop()
	defer life.Stop()
	for {
		events, last, err := s.Store.TraceAfter(ctx, at.after, tailBatch)
		if err != nil {
			return problem(err)
		}
		if err := s.tell(ctx, r, stream, events, &at); err != nil {
			return err
		}
		if last > at.after {
			at = position{after: last}
			continue
		}
		if !caughtUp {
			caughtUp = true
			if err := beat(true); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.Daemon.Stopping():
			return Refuse(connect.CodeUnavailable, "STOPPING", "the daemon stops: resume with the last cursor")
		case <-life.C:
			if err := beat(false); err != nil {
				return err
			}
		case <-poll.C:
		}
	}
}

// beginning is where a stream starts.
func (s *service) beginning(ctx context.Context, r *hostv1.TailEventsRequest) (position, error) {
	if r.GetCursor() != "" {
		return parsePosition(r.GetCursor())
	}
	_, end, err := s.Store.TraceAfter(ctx, -1, 1)
	if err != nil {
		return position{}, problem(err)
	}
	return position{after: max(0, end-int64(min(r.GetLast(), maxLast)))}, nil
}

// tell sends what of the events is asked for and keeps account of where the stream is.
func (s *service) tell(
	ctx context.Context, r *hostv1.TailEventsRequest, stream *connect.ServerStream[hostv1.TailEventsResponse],
	events []store.TraceEvent, at *position,
) error {
	about := about{service: s, messages: map[string]*hostv1.Message{}, deliveries: map[string]*hostv1.Delivery{}}
	for i, e := range events {
		if i < at.skip {
			continue // told before the stream broke
		}
		at.skip = i + 1
		h := hop(e, time.Time{})
		if r.GetFailedOnly() && h.GetLevel() != "warning" && h.GetLevel() != "error" {
			continue
		}
		m, d, err := about.find(ctx, e)
		if err != nil {
			return problem(err)
		}
		if !wanted(r, m, d) {
			continue
		}
		if err := stream.Send(&hostv1.TailEventsResponse{Cursor: at.String(), Hop: h, Message: m, Delivery: d}); err != nil {
			return err
		}
	}
	return nil
}

// about finds what events are about, each thing once.
type about struct {
	*service
	messages   map[string]*hostv1.Message
	deliveries map[string]*hostv1.Delivery
}

// find returns the message and the delivery of an event; nil for what there is none of, or none any more.
func (a about) find(ctx context.Context, e store.TraceEvent) (*hostv1.Message, *hostv1.Delivery, error) {
	m, known := a.messages[e.Cause]
	if !known {
		record, err := a.Store.Message(ctx, e.Cause)
		switch {
		case err == nil:
			m = message(record)
		case !errors.Is(err, store.ErrNotFound):
			return nil, nil, err
		}
		a.messages[e.Cause] = m
	}
	d, known := a.deliveries[e.DeliveryID]
	if e.DeliveryID != "" && !known {
		record, err := a.Store.Delivery(ctx, e.DeliveryID)
		switch {
		case err == nil:
			d = delivery(record)
		case !errors.Is(err, store.ErrNotFound):
			return nil, nil, err
		}
		a.deliveries[e.DeliveryID] = d
	}
	return m, d, nil
}

// wanted reports whether something agrees with the filter of a stream.
func wanted(r *hostv1.TailEventsRequest, m *hostv1.Message, d *hostv1.Delivery) bool {
	agrees := func(want, ofMessage, ofDelivery string) bool {
		return want == "" || want == ofMessage || want == ofDelivery
	}
	return agrees(r.GetPlatform(), m.GetPlatform(), d.GetPlatform()) &&
		agrees(r.GetAccount(), m.GetAccount(), d.GetAccount()) &&
		agrees(r.GetConversation(), m.GetConversation(), d.GetConversation())
}
