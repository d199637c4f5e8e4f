package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver takes OTLP over HTTP, as a collector does.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*tracepb.Span
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		var in collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &in)
		}
		if err != nil || q.URL.Path != "/v1/traces" {
			http.Error(w, fmt.Sprint(q.URL.Path, err), http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, resource := range in.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				r.spans = append(r.spans, scope.GetSpans()...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(r.Close)
	return r
}

// find returns a span of that name, of one trace unless that is nil.
func (r *receiver) find(name string, traceID []byte) *tracepb.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.GetName() == name && (traceID == nil || bytes.Equal(s.GetTraceId(), traceID)) {
			return s
		}
	}
	return nil
}

// One message is one trace: from its webhook through the plugin, the store, the turn and the agent to the send,
// also where it waits on disk in between. Agents get its context.
func TestMessageIsOneTrace(t *testing.T) {
	t.Parallel()
	traces := newReceiver(t)
	header := make(chan string, 1)
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header <- r.Header.Get("Traceparent")
		_ = json.NewEncoder(w).Encode(map[string]string{"text": "hello"})
	}))
	t.Cleanup(agent.Close)
	b := newBed(t, map[string]string{
		"config.yaml": daemonHead + "\n  agents: {directory: agents}\n  telemetry: {otlp_endpoint: '" + traces.URL + "'}\n" +
			"  triggers: [{name: all, platform: whatsapp, routing: {rules: [{match: {text_contains: env}, agent: env}]}}]\n  runtime: {default_agent: http}\n",
		"agents/http.yaml": "name: http\nhttp: {url: '" + agent.URL + "'}\n",
		"agents/env.yaml":  "name: env\nexec: {command: [sh, -c, 'echo $TRACEPARENT']}\n",
	})
	b.env = append(b.env, "OTEL_BSP_SCHEDULE_DELAY=50")
	b.emulate()
	b.serve()
	b.phone(map[string]any{"from": "4915112345678", "type": "text", "text": "hi"})
	b.answers("4915112345678", 1)
	var agentSpan *tracepb.Span
	parents := map[string]string{
		"plugin.ParseMessage": "webhook", "store.Accept": "webhook", "turn": "webhook", "agent": "turn", "plugin.SendResponse": "turn",
	}
	eventually(t, "all spans, one within the other", func() error {
		if agentSpan = traces.find("agent", nil); agentSpan == nil {
			return errors.New("there is no span of the agent")
		}
		for child, parent := range parents {
			c, p := traces.find(child, agentSpan.GetTraceId()), traces.find(parent, agentSpan.GetTraceId())
			if c == nil || p == nil || !bytes.Equal(c.GetParentSpanId(), p.GetSpanId()) {
				return fmt.Errorf("%v is not within %v", c, p)
			}
		}
		return nil
	})
	if want := fmt.Sprintf("00-%x-%x-01", agentSpan.GetTraceId(), agentSpan.GetSpanId()); <-header != want {
		t.Errorf("the agent was not told %s", want)
	}
	b.phone(map[string]any{"from": "4915112345678", "type": "text", "text": "env"})
	if got := string(b.answers("4915112345678", 2)[1].Body); !strings.Contains(got, "00-") {
		t.Errorf("the program was not told: %s", got)
	}
}
