package api

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aof-dev/aofd/host/internal/store"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
)

// hop is a trace event as people read it. start is when the trace began; zero: unknown.
func hop(e store.TraceEvent, start time.Time) *hostv1.Hop {
	out := &hostv1.Hop{
		At: timestamppb.New(e.At), Name: e.Hop, Title: title(e.Hop), Stage: stage(e.Hop), Level: level(e),
		Detail: e.Detail, DurationUs: uint64(e.Duration.Microseconds()), Cause: e.Cause, DeliveryId: e.DeliveryID,
	}
	if !start.IsZero() {
		out.OffsetUs = uint64(max(0, e.At.Sub(start)).Microseconds())
	}
	return out
}

// titles say what the hops are, in few words.
var titles = map[string]string{
	"webhook.received":  "Webhook received and stored",
	"message.duplicate": "Known already, dropped",
	"policy.refused":    "Refused",
	"route.chosen":      "Route chosen",
	"agent.start":       "Agent started",
	"agent.first":       "First words of the agent",
	"agent.partial":     "Part of the answer",
	"agent.progress":    "Agent tells its progress",
	"agent.slow":        "User told that it takes longer",
	"agent.tool_call":   "Agent calls a tool",
	"agent.tool_result": "Tool answered",
	"agent.end":         "Agent finished",
	"turn.end":          "Turn ended",
	"send.wait":         "Waited for the platform's limits",
	"send.attempt":      "Sent to the platform",
	"send.degraded":     "Shown in a simpler form",
	"send.held":         "Held until the user writes",
	"send.unknown":      "Nobody knows whether it went out",
	"send.expired":      "Expired",
	"receipt.sent":      "Taken by the platform",
	"receipt.delivered": "Delivered",
	"receipt.read":      "Read",
	"receipt.failed":    "Could not be delivered",
}

// title is the hop in few words; one that is not known here is its own title.
func title(hop string) string {
	if t := titles[hop]; t != "" {
		return t
	}
	return hop
}

// stage is the part of the daemon that a hop belongs to.
func stage(hop string) string {
	first, _, _ := strings.Cut(hop, ".")
	switch first {
	case "webhook", "message":
		return "ingress"
	case "agent":
		return "agent"
	case "send":
		return "egress"
	case "receipt":
		return "platform"
	case "operator":
		return "operator"
	}
	return "turn"
}

// level is how a hop went: ok, note, warning or error.
func level(e store.TraceEvent) string {
	says := func(words ...string) bool {
		for _, w := range words {
			if strings.HasPrefix(e.Detail, w) {
				return true
			}
		}
		return false
	}
	switch e.Hop {
	case "receipt.failed", "send.expired", "send.unknown":
		return "error"
	case "send.degraded", "policy.refused", "send.held":
		return "warning"
	case "agent.slow", "agent.progress", "agent.tool_call", "agent.tool_result", "message.duplicate":
		return "note"
	case "send.attempt":
		switch {
		case says("state failed", "state unknown", "state expired"):
			return "error"
		case says("state queued:", "state suppressed", "state held"):
			return "warning"
		}
	case "turn.end":
		switch {
		case says(string(store.OutcomeFailed)):
			return "error"
		case says(string(store.OutcomeRefused)):
			return "warning"
		}
	}
	return "ok"
}
