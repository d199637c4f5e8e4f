package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Tracer makes OpenTelemetry spans and sends them away. A nil Tracer makes none, and costs nothing. Its methods may
// be called by many goroutines.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// NewTracer returns a tracer that sends spans to the OTLP/HTTP receiver at endpoint, such as
// http://127.0.0.1:4318. Without an endpoint that of the standard OTEL_ variables is taken; without them, too, it
// returns nil. Spans that cannot be sent are dropped.
func NewTracer(ctx context.Context, endpoint, version string, log *slog.Logger) (*Tracer, error) {
	var options []otlptracehttp.Option
	switch {
	case os.Getenv("OTEL_SDK_DISABLED") == "true":
		return nil, nil
	case endpoint != "":
		options = append(options, otlptracehttp.WithEndpointURL(strings.TrimSuffix(endpoint, "/")+"/v1/traces"))
	case os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "":
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("send traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithHost(), resource.WithProcessPID(), resource.WithAttributes(
		attribute.String("service.name", "aofd"), attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil {
		log.Warn("traces lack what was to be said of this process", "err", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces could not be sent", "err", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/aof-dev/aofd")}, nil
}

// Close sends what is left, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Span is one step of the work on a message. A nil Span is none.
type Span struct{ span trace.Span }

// Start begins a span within the one that ctx belongs to and returns a context that belongs to it: see
// chat.Traceparent. attributes are names and values, in turn.
func (t *Tracer) Start(ctx context.Context, name string, attributes ...string) (context.Context, *Span) {
	return t.StartAt(ctx, time.Time{}, name, attributes...)
}

// StartAt begins a span that has begun already.
func (t *Tracer) StartAt(ctx context.Context, at time.Time, name string, attributes ...string) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	parent := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": chat.Traceparent(ctx)})
	options := []trace.SpanStartOption{trace.WithAttributes(pairs(attributes)...)}
	if !at.IsZero() {
		options = append(options, trace.WithTimestamp(at))
	}
	within, span := t.tracer.Start(parent, name, options...)
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(within, carrier)
	return chat.WithTraceparent(ctx, carrier["traceparent"]), &Span{span}
}

// Note adds attributes to a span.
func (s *Span) Note(attributes ...string) {
	if s != nil {
		s.span.SetAttributes(pairs(attributes)...)
	}
}

// End ends a span; err is what it failed with, or nil.
func (s *Span) End(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End()
}

func pairs(attributes []string) []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(attributes)/2)
	for i := 0; i+1 < len(attributes); i += 2 {
		out = append(out, attribute.String(attributes[i], attributes[i+1]))
	}
	return out
}
