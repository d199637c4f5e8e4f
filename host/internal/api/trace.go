package api

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aof-dev/aofd/host/internal/store"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
)

func (s service) GetTrace(ctx context.Context, r *hostv1.GetTraceRequest) (*hostv1.GetTraceResponse, error) {
	events, err := s.daemon.Trace(ctx, r.GetId())
	if err != nil {
		return nil, storeFailure(err)
	}
	out := &hostv1.GetTraceResponse{Cause: events[0].Cause}
	start := events[0].At
	for _, e := range events {
		out.Events = append(out.Events, &hostv1.TraceEvent{
			At: timestamppb.New(e.At), Hop: e.Hop, Detail: e.Detail, DurationUs: uint64(e.Duration.Microseconds()),
			Cause: e.Cause, DeliveryId: e.DeliveryID,
		})
		out.Hops = append(out.Hops, hop(e, start))
		if end := e.At.Add(e.Duration).Sub(start); end > time.Duration(out.GetTotalUs())*time.Microsecond {
			out.TotalUs = uint64(end.Microseconds())
		}
	}
	return out, nil
}

// storeFailure is what an error of the store means to the caller.
func storeFailure(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return failure(connect.CodeNotFound, "UNKNOWN_ID",
			errors.New("no message, delivery, conversation or platform message has this id"))
	}
	return failure(connect.CodeUnavailable, "STORE_DOWN", err)
}
