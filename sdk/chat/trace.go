package chat

import (
	"context"
	"maps"
)

type traceparentKey struct{}

// metaTraceparent is the key under which the traceparent of a message or an answer is kept while it waits. It is
// there only while traces are on.
const metaTraceparent = "traceparent"

// KeepTraceparent returns metadata that remembers the work that ctx belongs to. Work that is not traced is not
// remembered, and neither is what an outsider put there.
func KeepTraceparent(ctx context.Context, metadata map[string]string) map[string]string {
	_, had := metadata[metaTraceparent]
	t := Traceparent(ctx)
	if t == "" && !had {
		return metadata
	}
	out := map[string]string{}
	maps.Copy(out, metadata)
	if delete(out, metaTraceparent); t != "" {
		out[metaTraceparent] = t
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// ResumeTraceparent returns a context of the work that metadata remembers.
func ResumeTraceparent(ctx context.Context, metadata map[string]string) context.Context {
	return WithTraceparent(ctx, metadata[metaTraceparent])
}

// WithTraceparent returns a context of the work that a W3C traceparent names; "" leaves ctx as it is. The host
// passes it on to plugins and agents, so that what they do shows in the trace of the message.
func WithTraceparent(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return context.WithValue(ctx, traceparentKey{}, traceparent)
}

// Traceparent returns the W3C traceparent of the work that ctx belongs to; "" when it is not traced.
func Traceparent(ctx context.Context) string {
	s, _ := ctx.Value(traceparentKey{}).(string)
	return s
}
