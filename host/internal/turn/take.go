package turn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// The slots of a cause's deliveries. They are fixed, so that a repeated turn finds its own answer again
// even if it tells its progress at other moments.
const (
	slotAnswer   = 1
	slotProgress = 2
	slotPartial  = 3 // and on
)

// take decides on a message and has it answered. cut is true when the daemon stops before the end, or held
// ends, so that another host may answer; there is no result then.
func (s *Stage) take(held context.Context, t store.Turn, log *slog.Logger) (r store.Result, cut bool) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("bug: a turn panicked", "panic", p, "stack", string(debug.Stack()))
			r, cut = s.failed(t, "", "PANIC", fmt.Sprintf("the turn panicked: %v", p)), false
		}
	}()
	if m := t.Message; m.Refusal != nil {
		return silent(store.OutcomeRefused, m.Refusal.Reason+": "+m.Refusal.Detail, store.HopRefused), false
	}
	if r, ok := s.tooMany(t); ok {
		return r, false
	}
	if t.Lane == store.LaneBusy {
		return s.answer(t, store.OutcomeRefused, "TOO_MANY_TASKS: as many messages as one user may have were being worked on",
			chat.Response{
				Status: chat.StatusWarning, Text: "You have too many active tasks. Please wait for some to complete.",
			}), false
	}
	if t.Attempt > maxAttempts {
		return s.failed(t, "", "GIVEN_UP", fmt.Sprintf("the turn was cut %d times", t.Attempt-1)), false
	}
	if age := time.Since(t.Message.SentAt); s.MaxAge > 0 && !t.Message.SentAt.IsZero() && age > s.MaxAge {
		return s.answer(t, store.OutcomeRefused, "STALE: sent "+age.Round(time.Second).String()+" ago", chat.Response{
			Status: chat.StatusInfo, Text: "I was away. Please send it again if you still need it.",
		}), false
	}
	plan, err := s.Planner.Plan(held, t)
	if err != nil {
		if held.Err() != nil {
			return r, true
		}
		return s.failed(t, "", "ROUTE_FAILED", err.Error()), false
	}
	return s.follow(held, t, plan, log)
}

// follow does what the plan says. Its results are those of take.
func (s *Stage) follow(held context.Context, t store.Turn, p Plan, log *slog.Logger) (store.Result, bool) {
	route := store.TraceEvent{At: time.Now(), Hop: store.HopRoute, Detail: p.Why}
	var r store.Result
	switch {
	case p.Agent != "":
		return s.run(held, t, p, log)
	case p.Reply != nil:
		if err := s.cancelOwn(t, p.Cancel); err != nil {
			return s.failed(t, "", "CANCEL_FAILED", err.Error()), false
		}
		r = s.answer(t, p.Outcome, p.Why, *p.Reply)
	default:
		return silent(p.Outcome, p.Why, store.HopRoute), false
	}
	r.SetAgent = p.SetAgent
	r.Trace = append(r.Trace, waited(t, route.At), route)
	return r, false
}

// begun records that an agent is asked now, so that a message that is being worked on shows it.
func (s *Stage) begun(t store.Turn, p Plan, log *slog.Logger) {
	start := "agent " + p.Agent
	if t.Attempt > 1 {
		start += fmt.Sprintf(", for the %d. time: the run before was cut", t.Attempt)
	}
	ctx, cancel := context.WithTimeout(s.work, lease)
	defer cancel()
	now := time.Now()
	if err := s.Lanes.Enqueue(ctx, t, nil, []store.TraceEvent{
		waited(t, now),
		{At: now, Hop: store.HopRoute, Detail: p.Why},
		{At: now, Hop: store.HopStart, Detail: start},
	}); err != nil {
		log.Warn("the trace lacks the beginning of a run", "err", err)
	}
}

// waited is the trace of a message's time in the inbox.
func waited(t store.Turn, now time.Time) store.TraceEvent {
	e := store.TraceEvent{At: now, Hop: store.HopBegin}
	if at := t.Message.ReceivedAt; !at.IsZero() && now.After(at) {
		e.Duration = now.Sub(at)
	}
	return e
}

// run has an agent answer the message. Its results are those of take.
func (s *Stage) run(held context.Context, t store.Turn, p Plan, log *slog.Logger) (store.Result, bool) {
	ctx, cancel := context.WithTimeout(held, p.Timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	history, err := s.Lanes.History(ctx, t.Conversation, p.Agent, p.History)
	if err != nil {
		log.Warn("the history could not be read; the agent runs without it", "err", err)
	}
	s.begun(t, p, log)
	start := time.Now()
	out := &outlet{stage: s, turn: t, agent: p.Agent, log: log, start: start}
	defer s.show(t)()
	stopProgress := out.announceAfter(s.ProgressAfter)
	within, span := s.Tracer.Start(ctx, "agent", "agent", p.Agent, "run", store.RunID(t.Cause))
	end := s.Agents.Run(within, chat.Run{
		ID: store.RunID(t.Cause), Agent: p.Agent, Conversation: t.Conversation, Message: cmp.Or(p.Message, &t.Message),
		History: history, Deadline: deadline, Command: p.Command, Vars: p.Vars,
	}, out.emit)
	stopProgress()
	span.End(failureOf(end))
	if held.Err() != nil && end.Final == nil {
		return store.Result{}, true
	}
	r := s.conclude(t, p, end)
	r.Trace = append(append(out.trace(), r.Trace...), store.TraceEvent{
		At: time.Now(), Hop: store.HopAgentEnd, Detail: "agent " + p.Agent, Duration: time.Since(start),
	})
	r.Deliveries = append(out.late, r.Deliveries...)
	if out.sent() && r.Outcome == store.OutcomeNothing {
		r.Outcome, r.Reason = store.OutcomeAnswered, "answered in parts"
	}
	return r, false
}

// failureOf is what a run failed with, or nil.
func failureOf(end chat.Event) error {
	if end.Error == nil {
		return nil
	}
	return errors.New(end.Error.Code + ": " + end.Error.Detail)
}

// conclude turns the last event of a run into a result.
func (s *Stage) conclude(t store.Turn, p Plan, end chat.Event) store.Result {
	switch {
	case end.Final != nil && end.Final.Response.Empty():
		return store.Result{Outcome: store.OutcomeNothing, Reason: "the agent had nothing to say"}
	case end.Final != nil:
		r := s.answer(t, store.OutcomeAnswered, "", end.Final.Response)
		r.Deliveries[0].Agent = p.Agent
		r.HistoryAgent = p.Agent
		now := time.Now()
		r.History = []chat.Turn{
			{Role: chat.RoleUser, Text: t.Message.Text, At: t.Message.ReceivedAt, Name: t.Message.User.DisplayName},
			{Role: chat.RoleAgent, Text: end.Final.Response.Text, At: now},
		}
		return r
	case end.Interrupt != nil:
		r := s.apology(t, store.OutcomeInterrupted, "This agent asks for an approval, which this daemon cannot give.",
			"INTERRUPT_UNSUPPORTED", "the agent interrupted its run; approvals are not available in this version")
		r.Trace = []store.TraceEvent{{At: time.Now(), Hop: store.HopInterrupt, Detail: "it asks for an approval"}}
		return r
	case end.Error != nil:
		return s.failed(t, end.Error.UserText, end.Error.Code, end.Error.Detail)
	}
	return s.failed(t, "", "NO_END", "the run ended without a terminal event")
}

// answer ends a turn with one response.
func (s *Stage) answer(t store.Turn, o store.Outcome, reason string, resp chat.Response) store.Result {
	return store.Result{Outcome: o, Reason: reason, Deliveries: []store.Delivery{s.delivery(t, slotAnswer, resp)}}
}

// failed ends a turn that went wrong.
func (s *Stage) failed(t store.Turn, userText, code, detail string) store.Result {
	return s.apology(t, store.OutcomeFailed, userText, code, detail)
}

// apology tells the user one clear sentence; the reference leads the operator to the reason.
func (s *Stage) apology(t store.Turn, o store.Outcome, userText, code, detail string) store.Result {
	why := strings.TrimSuffix(code+": "+detail, ": ")
	if userText == "" {
		userText = "Something went wrong"
	}
	ref := store.Reference(t.Cause)
	userText = strings.TrimSuffix(userText, ".") + " (ref " + ref + ")."
	return s.answer(t, o, why+" (ref "+ref+")", chat.Response{Status: chat.StatusError, Text: userText})
}

// silent ends a turn without an answer; the reason stays visible.
func silent(o store.Outcome, reason, hop string) store.Result {
	return store.Result{
		Outcome: o, Reason: reason,
		Trace: []store.TraceEvent{{At: time.Now(), Hop: hop, Detail: reason}},
	}
}

// delivery is a response on its way back to where the message came from.
func (s *Stage) delivery(t store.Turn, slot int, resp chat.Response) store.Delivery {
	m := t.Message
	if resp.ThreadID == "" {
		resp.ThreadID = m.ThreadID
	}
	resp.Metadata = chat.KeepTraceparent(chat.ResumeTraceparent(context.Background(), m.Metadata), resp.Metadata)
	d := store.Delivery{
		ID: store.DeliveryID(t.Cause, slot), Cause: t.Cause, Ordinal: slot,
		Platform: m.Platform, Account: m.Account, Conversation: t.Conversation, ChannelID: m.ChannelID,
		Response: resp, CreatedAt: time.Now(),
	}
	if s.ExpireAfter > 0 {
		d.ExpiresAt = d.CreatedAt.Add(s.ExpireAfter)
	}
	return d
}

// outlet takes what an agent says while it runs.
type outlet struct {
	stage *Stage
	turn  store.Turn
	agent string
	log   *slog.Logger

	mu       sync.Mutex
	start    time.Time // of the run
	heard    bool      // the agent gave a sign of life
	partials int
	events   []store.TraceEvent
	late     []store.Delivery // parts that could not be stored at once; they go with the result
}

const maxTrace = 100 // events of one run that are kept; later ones are left out

// emit stores parts of the answer at once and keeps the rest for the trace.
func (o *outlet) emit(e chat.Event) {
	o.hear()
	switch {
	case e.Partial != nil && !e.Partial.Response.Empty():
		o.mu.Lock()
		slot := slotPartial + o.partials
		o.partials++
		o.mu.Unlock()
		o.enqueue(slot, e.Partial.Response, store.HopPartial)
	case e.Progress != nil:
		o.note(store.HopProgress, e.Progress.Text)
	case e.ToolCall != nil:
		o.note(store.HopToolCall, e.ToolCall.Name)
	case e.ToolResult != nil:
		o.note(store.HopToolDone, e.ToolResult.Summary)
	}
}

// hear notes when the agent first gave a sign of life.
func (o *outlet) hear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.heard {
		o.heard = true
		now := time.Now()
		o.events = append(o.events, store.TraceEvent{At: now, Hop: store.HopFirst, Duration: now.Sub(o.start)})
	}
}

// announceAfter tells the user once, after d, that the work goes on; 0: never. The returned function stops it
// and waits for a notice that is on its way.
func (o *outlet) announceAfter(d time.Duration) (stop func()) {
	if d <= 0 {
		return func() {}
	}
	done := make(chan struct{})
	timer := time.AfterFunc(d, func() {
		defer close(done)
		o.enqueue(slotProgress, chat.Response{Text: "Still working on it…", Format: chat.FormatText}, store.HopSlow)
	})
	return func() {
		if !timer.Stop() {
			<-done // so that it cannot overtake the answer
		}
	}
}

// enqueue sends a message while the agent still runs.
func (o *outlet) enqueue(slot int, resp chat.Response, hop string) {
	ctx, cancel := context.WithTimeout(o.stage.work, lease)
	defer cancel()
	d := o.stage.delivery(o.turn, slot, resp)
	d.Agent = o.agent
	trace := []store.TraceEvent{{At: d.CreatedAt, Hop: hop, DeliveryID: d.ID}}
	if err := o.stage.Lanes.Enqueue(ctx, o.turn, []store.Delivery{d}, trace); err != nil {
		o.log.Error("a part of the answer could not be stored at once; it goes out with the result", "hop", hop, "err", err)
		o.mu.Lock()
		o.late = append(o.late, d)
		o.mu.Unlock()
		return
	}
	o.stage.Enqueued()
}

func (o *outlet) note(hop, detail string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.events) < maxTrace {
		o.events = append(o.events, store.TraceEvent{At: time.Now(), Hop: hop, Detail: detail})
	}
}

func (o *outlet) trace() []store.TraceEvent {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.events
}

// sent reports whether the agent gave parts of its answer.
func (o *outlet) sent() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.partials > 0
}
