package wire

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// each converts a list; a nil list stays nil.
func each[A, B any](in []A, f func(A) B) []B {
	if in == nil {
		return nil
	}
	out := make([]B, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

// maybe converts what is not nil.
func maybe[A, B any](in *A, f func(A) B) B {
	if in == nil {
		var zero B
		return zero
	}
	return f(*in)
}

func toTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func fromTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// ptr is for a message that may be absent.
func ptr[T any](v T) *T { return &v }
