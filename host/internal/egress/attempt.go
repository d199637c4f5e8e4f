package egress

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// attempt sends once, if the platform's limits allow it now.
func (s *Stage) attempt(d store.Delivery) store.Settlement {
	sender, limits := s.Sender(d.Platform, d.Account)
	if sender == nil {
		return failed(&chat.Error{
			Reason: chat.ReasonMisconfigured, Permanent: true, Text: "the platform is not configured any more",
			Hint: "configure it again and send the message anew",
		}, d)
	}
	if err := s.primed(d, limits); err != nil {
		return later(d, time.Second, "what was sent of late could not be read: "+err.Error())
	}
	wait, left := s.pace.recipientWait(d, limits.PerRecipient, time.Now())
	if wait > 0 {
		s.Metrics.Limited(d.Platform, wait)
		return later(d, wait, "the recipient's limit")
	}
	defer s.pace.landed(d)
	if wait = s.pace.reserve(d, limits, patience, time.Now()); wait > patience {
		s.Metrics.Limited(d.Platform, wait)
		return later(d, wait, "the account's limit")
	}
	if wait > 0 {
		s.Metrics.Limited(d.Platform, wait)
		select {
		case <-time.After(wait):
		case <-s.done: // not sent yet, and not to be begun any more
			return later(d, 0, "the daemon stops")
		}
	}
	var with []store.Delivery
	if left < joinBelow {
		d, with = s.join(d, limits)
	}
	return s.send(sender, d, with, limits, wait)
}

// joinBelow is how few messages a recipient's limit may let through until answers are joined.
const joinBelow = 5

// primed sees to it that an account's recent sends are known: another host may have made them.
func (s *Stage) primed(d store.Delivery, l chat.Limits) error {
	a := accountOf(d)
	if s.pace.knows(a) {
		return nil
	}
	s.prime.Lock()
	defer s.prime.Unlock()
	if s.pace.knows(a) {
		return nil
	}
	// A bucket is full again after this time.
	span := max(l.PerAccount.Period*time.Duration(l.PerAccount.Burst), l.PerRecipient.Period*time.Duration(l.PerRecipient.Burst))
	ctx, cancel := context.WithTimeout(s.work, claimTimeout)
	defer cancel()
	sent, err := s.Outbox.RecentSends(ctx, a, time.Now().Add(-max(span, time.Minute)))
	if err == nil {
		s.pace.prime(a, l, sent)
	}
	return err
}

// send makes the call and judges its end. with went into the same message; waited is what a limit cost.
func (s *Stage) send(
	sender Sender, d store.Delivery, with []store.Delivery, limits chat.Limits, waited time.Duration,
) (v store.Settlement) {
	ctx, cancel := context.WithTimeout(s.work, sendTimeout)
	defer cancel()
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			s.Logger.Error("bug: a send panicked", "delivery", d.ID, "panic", p, "stack", string(debug.Stack()))
			v = store.Settlement{State: store.StateUnknown, MessageIDs: d.MessageIDs, Error: &chat.DeliveryError{
				Reason: chat.ReasonInternal, Message: "the host panicked while sending",
			}}
		}
		if len(with) > 0 && v.State == store.StateFailed {
			s.alone.add(d.Conversation) // one of them is to blame, the others are not
			v.State, v.Deferred, v.NextAt = store.StateQueued, true, time.Time{}
		}
		v.Trace = append([]store.TraceEvent{attempted(d, v, start, waited, len(with))}, v.Trace...)
		if hop, why := ended(v); hop != "" {
			v.Trace = append(v.Trace, store.TraceEvent{At: time.Now(), Hop: hop, Detail: why, DeliveryID: d.ID})
		}
	}()
	within, span := s.Tracer.Start(chat.ResumeTraceparent(ctx, d.Response.Metadata), "plugin.SendResponse",
		"platform", d.Platform, "delivery", d.ID, "cause", d.Cause)
	d.Response.Metadata = chat.KeepTraceparent(context.Background(), d.Response.Metadata) // the call has it
	sent, err := sender.SendResponse(within, chat.Delivery{
		ID: d.ID, Account: d.Account, ChannelID: d.ChannelID, Response: d.Response,
		Attempt: d.Attempt, PartsSent: d.PartsSent, LastInboundAt: d.LastInboundAt,
	})
	span.End(err)
	if err != nil {
		e := chat.AsError(err)
		e.MessageIDs = s.storable(d, e.MessageIDs)
		out := len(e.MessageIDs)
		if e.Sent != chat.SentNo {
			out = max(out, 1)
		}
		s.pace.sent(d, limits, out, time.Now())
		v = s.Policy.conclude(e, d, time.Now())
		if e.Reason == chat.ReasonCredentialsRejected && e.Sent == chat.SentNo {
			s.pace.halt(d, limits, time.Now().Add(credentialsWait)) // else each chat would ask with the same token
		}
		if e.Reason == chat.ReasonRateLimited && e.Sent == chat.SentNo {
			rest := s.pace.limited(d, limits, e.RetryAfter, time.Now())
			if !rest.IsZero() && v.State == store.StateQueued {
				v.NextAt, v.Deferred = rest.Add(jitter(time.Second)), true // no fault of this delivery
			}
		}
		return v
	}
	s.pace.sent(d, limits, len(sent.MessageIDs), time.Now())
	sent.MessageIDs = s.storable(d, sent.MessageIDs)
	if sent.Held {
		// A notice is no part of the answer.
		return store.Settlement{State: store.StateHeld, MessageIDs: d.MessageIDs}
	}
	v = store.Settlement{State: store.StateSent, MessageIDs: append(d.MessageIDs, sent.MessageIDs...)}
	for _, g := range sent.Degradations {
		v.Trace = append(v.Trace, store.TraceEvent{
			At: time.Now(), Hop: store.HopDegraded, Detail: g.What + ": " + g.Detail, DeliveryID: d.ID,
		})
	}
	return v
}

// storable cuts ids that are too long for the store, which would never take the end of the attempt with them. Each
// stands for a part that is out, so none is left out. Receipts find such a message by the delivery's id only.
func (s *Stage) storable(d store.Delivery, ids []string) []string {
	for i, id := range ids {
		if len(id) > store.MaxID {
			s.Logger.Error("the plugin gave a message an id that is too long to be stored; it is cut",
				"delivery", d.ID, "bytes", len(id), "bytes_at_most", store.MaxID)
			ids[i] = strings.ToValidUTF8(id[:store.MaxID], "")
		}
	}
	return ids
}

// attempted is the trace of one attempt.
func attempted(d store.Delivery, v store.Settlement, start time.Time, waited time.Duration, with int) store.TraceEvent {
	detail := fmt.Sprintf("attempt %d: %s", d.Attempt, v.State)
	if with > 0 {
		detail += fmt.Sprintf(", with %d more answers in the same message", with)
	}
	if waited > 0 {
		detail += fmt.Sprintf(", after %s for the account's limit", waited.Round(time.Millisecond))
	}
	if v.Error != nil {
		detail += ": " + string(v.Error.Reason) + ": " + v.Error.Message
		if v.Error.Hint != "" {
			detail += " (" + v.Error.Hint + ")"
		}
	}
	if v.State == store.StateQueued && !v.NextAt.IsZero() {
		detail += fmt.Sprintf("; again in %s", time.Until(v.NextAt).Round(time.Millisecond))
	}
	return store.TraceEvent{
		At: start, Hop: store.HopAttempt, Detail: detail, Duration: time.Since(start), DeliveryID: d.ID,
	}
}

// ended is the hop that tells what an attempt means for whoever looks for trouble; empty: nothing more than
// that it was made.
func ended(v store.Settlement) (hop, why string) {
	switch v.State {
	case store.StateFailed:
		return store.HopDead, string(v.Error.Reason) + ": " + v.Error.Message
	case store.StateUnknown:
		return store.HopUnknown, "the answer was lost; a receipt may settle it, it is not sent again"
	case store.StateHeld:
		return store.HopHeld, "the reply window is over; it goes out when the user has written again"
	}
	return "", ""
}

// later puts a delivery off that was not tried.
func later(d store.Delivery, wait time.Duration, why string) store.Settlement {
	now := time.Now()
	v := store.Settlement{State: store.StateQueued, Deferred: true, MessageIDs: d.MessageIDs}
	if wait > 0 {
		v.NextAt = now.Add(wait + time.Millisecond) // the store and the bucket round, each in its own way
		v.Trace = []store.TraceEvent{{At: now, Hop: store.HopPaced, Detail: why, Duration: wait, DeliveryID: d.ID}}
	}
	return v
}

// substitute ends the id of a delivery that goes out instead of another one.
const substitute = "-instead"

// instead is what the user gets for an answer that the platform can never show: its text, if it has one, or a
// sentence.
func instead(d store.Delivery, v store.Settlement) []store.Delivery {
	shown := v.Error == nil || len(v.MessageIDs) > 0 || strings.HasSuffix(d.ID, substitute)
	if shown || v.State != store.StateFailed ||
		v.Error.Reason != chat.ReasonContentRejected && v.Error.Reason != chat.ReasonUnsupportedContent {
		return nil
	}
	ref := "(ref " + store.Reference(d.Cause) + ")."
	answer := chat.Response{
		Status: chat.StatusError, Text: "The answer cannot be shown here " + ref, ThreadID: d.Response.ThreadID,
	}
	if text := strings.TrimSpace(d.Response.Text); text != "" && len(d.Response.Native) == 0 {
		answer.Text = text + "\n\nThe rest of the answer cannot be shown here " + ref
		answer.Status, answer.Format = d.Response.Status, d.Response.Format
	}
	return []store.Delivery{{
		ID: d.ID + substitute, Cause: d.Cause, Ordinal: d.Ordinal, Platform: d.Platform, Account: d.Account,
		Conversation: d.Conversation, ChannelID: d.ChannelID, Agent: d.Agent, Response: answer, CreatedAt: time.Now(),
		ExpiresAt: d.ExpiresAt,
	}}
}

func failed(e *chat.Error, d store.Delivery) store.Settlement {
	return store.Settlement{State: store.StateFailed, MessageIDs: d.MessageIDs, Error: deliveryError(e)}
}

func deliveryError(e *chat.Error) *chat.DeliveryError {
	return &chat.DeliveryError{
		Reason: e.Reason, PlatformCode: e.PlatformCode, Message: e.Text, Hint: e.Hint, Permanent: e.Permanent,
	}
}
