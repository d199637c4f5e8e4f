package chat

import "context"

type traceparentKey struct{}

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
