package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// The identities of the model's only platform.
const (
	netPlatform = "net"
	netAccount  = "acc"
)

// hook is a webhook of the model's platform.
type hook struct {
	Messages []int          `json:"messages,omitempty"`
	Copy     bool           `json:"copy,omitempty"` // a repetition
	Receipts []chat.Receipt `json:"receipts,omitempty"`
}

// eventID is the id under which a message comes.
func (m *planned) eventID(again bool) string {
	if again && m.NewID {
		return fmt.Sprintf("m%d-again", m.N)
	}
	return fmt.Sprintf("m%d", m.N)
}

// parse is the plugin's half of a webhook.
func (w *world) parse(body []byte) (chat.Batch, error) {
	var h hook
	if err := json.Unmarshal(body, &h); err != nil {
		return chat.Batch{}, err
	}
	b := chat.Batch{Receipts: h.Receipts}
	b.Verdict = chat.VerdictValid
	for _, n := range h.Messages {
		m := w.plan.Messages[n]
		b.Messages = append(b.Messages, chat.Message{
			ID: m.eventID(h.Copy), SemanticKey: fmt.Sprintf("k%d", n), Account: netAccount,
			ChannelID: fmt.Sprintf("c%d", m.Chat), User: chat.User{ID: fmt.Sprintf("c%d", m.Chat)},
			Text: fmt.Sprintf("say %d", n), SentAt: w.began.Add(m.At),
		})
	}
	return b, nil
}

// post delivers a webhook to a host that is there, again and again until one has taken it.
func (w *world) post(h hook) {
	body, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	for try := 0; ; try++ {
		if to := w.anyHost(try); to != nil {
			rec := httptest.NewRecorder()
			to.ingress.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body))))
			if rec.Code == http.StatusOK && !to.gate.dead.Load() {
				return
			}
		}
		time.Sleep(5*time.Second + time.Duration(try)*time.Millisecond)
	}
}

// attempt is one call of SendResponse, as the platform saw it.
type attempt struct {
	at      time.Duration
	plan    sendPlan
	went    bool     // something reached the recipient
	ids     []string // of what reached them
	told    string   // what the host was told: ok, no, unknown, held; empty: it did not live to hear
	partsAt int      // parts that were out before
}

// SendResponse is the plugin's half of a send.
func (h *host) SendResponse(ctx context.Context, d chat.Delivery) (chat.Sent, error) {
	w := h.world
	w.mu.Lock()
	if h.gate.dead.Load() {
		w.mu.Unlock()
		return chat.Sent{}, errGone
	}
	if w.pausedAt > 0 && w.now()-w.pausedAt > w.slack {
		w.problem("%s was sent while the account was paused", d.ID)
	}
	m, known := w.slots[strings.TrimSuffix(d.ID, "-instead")]
	if !known {
		w.problem("a delivery that no message leads to was sent: %s", d.ID)
		w.mu.Unlock()
		return chat.Sent{}, errGone
	}
	p := sendPlan{Takes: time.Second, Ends: "ok"}
	n := len(w.attempts[d.ID])
	if n < len(m.Sends) && !strings.HasSuffix(d.ID, "-instead") {
		p = m.Sends[n]
	}
	with := w.join[d.ID]
	delete(w.join, d.ID)
	parts := partsOf(m, d.ID, p.Ends) - d.PartsSent
	if len(with) > 0 {
		if p.Ends == "half" {
			p.Ends = "ok"
		}
		parts = min(parts, 1) // joined texts fit into one message
		inside := 0           // of what goes out instead of something
		for _, id := range append(with, d.ID) {
			inside += strings.Count(id, "-instead")
		}
		if got := strings.Count(d.Response.Text, "\n\n") - inside; got > len(with) || got+inside < len(with) {
			w.problem("%s goes out with %d others, and has %d texts: %q", d.ID, len(with), got+1, d.Response.Text)
		}
	}
	a := &attempt{at: w.now(), plan: p, partsAt: d.PartsSent}
	ids := append([]string{d.ID}, with...)
	for _, id := range ids {
		w.attempts[id] = append(w.attempts[id], a)
	}
	w.mu.Unlock()

	var arriving sync.WaitGroup
	for i := range parts {
		id := fmt.Sprintf("w-%s-%d-%d", d.ID, n, i)
		arriving.Add(1)
		// What has left reaches the platform, whatever becomes of the host.
		w.later(p.Takes/2, func() {
			defer arriving.Done()
			w.accept(ids, a, p, id)
		})
	}
	select {
	case <-time.After(p.Takes):
		arriving.Wait() // by a real clock that may be later
	case <-ctx.Done():
		return chat.Sent{}, &chat.Error{Reason: chat.ReasonOutcomeUnknown, Text: "cut", Sent: chat.SentUnknown}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	sent, err := answer(a, p)
	if !h.gate.dead.Load() {
		a.told = told(sent, err)
	}
	return sent, err
}

// partsOf is how many messages of a delivery are out once an attempt has ended so.
func partsOf(m *planned, id, ends string) int {
	whole := 1
	for _, s := range m.Sends {
		if s.Ends == "half" && !strings.HasSuffix(id, "-instead") {
			whole = 2
		}
	}
	switch ends {
	case "ok", "lost":
		return whole
	case "half":
		return 1
	}
	return 0
}

// answer is what the platform says to an attempt.
func answer(a *attempt, p sendPlan) (chat.Sent, error) {
	switch p.Ends {
	case "limited":
		return chat.Sent{}, &chat.Error{Reason: chat.ReasonRateLimited, Text: "slow down", RetryAfter: 3 * time.Second}
	case "down":
		return chat.Sent{}, &chat.Error{Reason: chat.ReasonUpstreamError, Text: "down"}
	case "lost", "gone":
		return chat.Sent{}, &chat.Error{Reason: chat.ReasonOutcomeUnknown, Text: "broken off", Sent: chat.SentUnknown}
	case "refused":
		return chat.Sent{}, &chat.Error{Reason: chat.ReasonContentRejected, Text: "no", Permanent: true}
	case "half":
		return chat.Sent{}, &chat.Error{Reason: chat.ReasonUpstreamError, Text: "down half way", MessageIDs: a.ids}
	case "held":
		return chat.Sent{Held: true}, nil
	}
	return chat.Sent{MessageIDs: a.ids}, nil
}

func told(s chat.Sent, err error) string {
	switch {
	case s.Held:
		return "held"
	case err == nil:
		return "ok"
	case chat.AsError(err).Sent == chat.SentUnknown:
		return "unknown"
	}
	return "no"
}

// accept is the moment in which a message reaches the recipient; the platform reports on it later, and names the
// first of the deliveries that are in it.
func (w *world) accept(ids []string, a *attempt, p sendPlan, messageID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a.went, a.ids = true, append(a.ids, messageID)
	for _, id := range ids {
		w.reached = append(w.reached, reached{w.slots[strings.TrimSuffix(id, "-instead")], id, messageID, w.now()})
	}
	for i, r := range p.Receipts {
		receipt := chat.Receipt{
			ID: fmt.Sprintf("%s:%s:%d", messageID, r.Status, i), Account: netAccount, MessageID: messageID, DeliveryID: ids[0],
			Status: r.Status, At: time.Now(),
		}
		if r.Status == chat.ReceiptFailed {
			receipt.Error = &chat.DeliveryError{Reason: chat.ReasonUpstreamError, Message: "gone", Permanent: !r.Passes}
		}
		times := 1
		if r.Twice {
			times = 2
		}
		for k := range times {
			w.later(r.After+time.Duration(k)*time.Second, func() { w.post(hook{Receipts: []chat.Receipt{receipt}}) })
		}
	}
}

// reached is a message of ours that reached its recipient.
type reached struct {
	m       *planned
	id      string // of the delivery
	message string // the platform's id
	at      time.Duration
}

// run is one run of the agent.
type agentRun struct {
	m          *planned
	from, till time.Duration
	cut        bool
}

// Run is the agent.
func (h *host) Run(ctx context.Context, r chat.Run, emit func(chat.Event)) chat.Event {
	w := h.world
	var n int
	if _, err := fmt.Sscanf(r.Message.Text, "say %d", &n); err != nil {
		panic(err)
	}
	m := w.plan.Messages[n]
	w.mu.Lock()
	for _, other := range w.runs {
		if other.m.Chat == m.Chat && other.till == 0 {
			w.problem("m%d and m%d were worked on at the same time", other.m.N, n)
		}
	}
	run := &agentRun{m: m, from: w.now()}
	w.runs = append(w.runs, run)
	w.mu.Unlock()
	end := h.work(ctx, m, emit)
	w.mu.Lock()
	defer w.mu.Unlock()
	run.till, run.cut = w.now(), ctx.Err() != nil && m.Agent.Ends != "hang"
	if m.Agent.Ends == "panic" && !run.cut {
		panic("the agent's runner has a bug")
	}
	return end
}

func (h *host) work(ctx context.Context, m *planned, emit func(chat.Event)) chat.Event {
	say := func(format string, args ...any) chat.Response {
		return chat.Response{Text: fmt.Sprintf(format, args...)}
	}
	step := m.Agent.Takes / time.Duration(m.Agent.Parts+1)
	for i := range m.Agent.Parts + 1 {
		select {
		case <-time.After(step):
		case <-ctx.Done():
			return chat.Event{Error: &chat.AgentError{Code: "AGENT_CANCELLED"}}
		}
		if i < m.Agent.Parts {
			emit(chat.Event{Partial: &chat.Partial{Response: say("part %d of %d", i, m.N)}})
		}
	}
	switch m.Agent.Ends {
	case "nothing":
		return chat.Event{Final: &chat.Final{}}
	case "error":
		return chat.Event{Error: &chat.AgentError{Code: "AGENT_EXIT", Detail: "exit 1"}}
	case "hang":
		<-ctx.Done()
		return chat.Event{Error: &chat.AgentError{Code: "AGENT_TIMEOUT"}}
	}
	return chat.Event{Final: &chat.Final{Response: say("answer to %d", m.N)}}
}

// slotsOf are the ids that a message's deliveries may have.
func (w *world) slotsOf(m *planned) (ids []string) {
	for _, again := range []bool{false, true} {
		cause := netPlatform + "/" + netAccount + "/" + m.eventID(again)
		for slot := 1; slot <= 3+m.Agent.Parts; slot++ {
			ids = append(ids, store.DeliveryID(cause, slot))
		}
		if !m.NewID {
			break
		}
	}
	return ids
}
