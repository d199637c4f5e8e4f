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
		At: timestamppb.New(began(e)), Name: e.Hop, Title: title(e.Hop), Stage: stage(e.Hop), Level: level(e),
		Detail: e.Detail, DurationUs: uint64(e.Duration.Microseconds()), Cause: e.Cause, DeliveryId: e.DeliveryID,
	}
	if !start.IsZero() {
		out.OffsetUs = uint64(max(0, began(e).Sub(start)).Microseconds())
	}
	return out
}

// began is when a hop began. Those that are over when they are told carry the time of their end.
func began(e store.TraceEvent) time.Time {
	switch e.Hop {
	case store.HopBegin, store.HopFirst, store.HopAgentEnd, store.HopTurnEnd, store.HopUnsettled:
		return e.At.Add(-e.Duration)
	}
	return e.At
}

// titles say what the hops are, in few words.
var titles = map[string]string{
	store.HopReceived:    "Webhook received and stored",
	store.HopDuplicate:   "Delivered again, dropped",
	store.HopIdentity:    "The person's id changed",
	store.HopRefused:     "Refused",
	store.HopBegin:       "Waited for its turn",
	store.HopRoute:       "Route chosen",
	store.HopGathered:    "Messages of a burst gathered",
	store.HopMerged:      "Answered together with an earlier message",
	store.HopCut:         "Given back, the daemon stops",
	store.HopTurnEnd:     "Turn ended",
	store.HopStart:       "Agent asked",
	store.HopFirst:       "First sign of life of the agent",
	store.HopProgress:    "Agent tells its progress",
	store.HopToolCall:    "Agent calls a tool",
	store.HopToolDone:    "Tool answered",
	store.HopPartial:     "Part of the answer",
	store.HopSlow:        "Person told that it takes longer",
	store.HopAgentEnd:    "Agent finished",
	store.HopInterrupt:   "Agent asks for an approval",
	store.HopPaced:       "Kept back by the platform's limits",
	store.HopJoined:      "Sent together with others",
	store.HopAttempt:     "Tried to send",
	store.HopDegraded:    "Shown in a lesser way",
	store.HopHeld:        "Held until the person writes",
	store.HopReleased:    "The person wrote again",
	store.HopUnknown:     "Nobody knows whether it went out",
	store.HopUnsettled:   "Still unknown",
	store.HopExpired:     "Expired",
	store.HopDead:        "Given up",
	store.HopDropped:     "Dropped by the operator",
	store.HopRetried:     "Tried again after a failure",
	store.HopCancelled:   "Cancelled",
	store.HopReplay:      "Repeats an earlier message",
	store.HopReplayed:    "Repeated by the operator",
	store.HopRedelivered: "Sent again",
	"receipt.sent":       "Taken by the platform",
	"receipt.delivered":  "Delivered",
	"receipt.read":       "Read",
	"receipt.failed":     "Could not be delivered",
	HopOperatorSend:      "Sent by the operator",
}

// HopOperatorSend is the first hop of what an operator sends.
const HopOperatorSend = "operator.send"

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
	case "webhook", "message", "chat":
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
	case store.HopReceiptPrefix + "failed", store.HopExpired, store.HopUnknown, store.HopUnsettled, store.HopDead:
		return "error"
	case store.HopDegraded, store.HopRefused, store.HopHeld, store.HopCut, store.HopCancelled, store.HopDropped:
		return "warning"
	case store.HopSlow, store.HopProgress, store.HopToolCall, store.HopToolDone, store.HopDuplicate, store.HopPaced,
		store.HopJoined, store.HopIdentity, store.HopGathered, store.HopMerged:
		return "note"
	case store.HopAttempt: // its detail is "attempt 2: failed: …"
		_, e.Detail, _ = strings.Cut(e.Detail, ": ")
		switch {
		case says("failed", "unknown", "expired"):
			return "error"
		case says("queued", "suppressed", "held"):
			return "warning"
		}
	case store.HopTurnEnd:
		switch {
		case says(string(store.OutcomeFailed)):
			return "error"
		case says(string(store.OutcomeRefused), string(store.OutcomeInterrupted)):
			return "warning"
		}
	}
	return "ok"
}
