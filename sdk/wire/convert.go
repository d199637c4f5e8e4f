package wire

import (
	"encoding/json"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
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

func toDuration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

// fromJSON reads a field that is JSON by contract. What a peer sends instead is kept as a JSON string, so that
// it can be stored and shown.
func fromJSON(b []byte) json.RawMessage {
	switch {
	case len(b) == 0:
		return nil
	case shallow(b) && json.Valid(b):
		return b
	}
	quoted, err := json.Marshal(string(b))
	if err != nil {
		return nil // a string always has a JSON form
	}
	return quoted
}

// maxDepth is how deep JSON of a peer may be nested. Decoders have limits of their own, and what is just within
// them here is beyond them inside of something else.
const maxDepth = 500

func shallow(b []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

// ptr is for a message that may be absent.
func ptr[T any](v T) *T { return &v }
