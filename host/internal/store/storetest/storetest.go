// Package storetest is what every store must do. A store's own test calls Run.
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Clock is a clock that tests set forward. It may be used by many goroutines.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// NewClock returns a clock that stands still.
func NewClock() *Clock { return &Clock{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Add moves the time.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// Open returns an empty store with that clock, the limits below and Retry, closed at the end of the test.
type Open func(t *testing.T, c *Clock) store.Store

// The limits of what waits in each of the two queues of the stores that Open returns.
const (
	MaxMessages = 1500
	MaxBytes    = 4 << 20
)

// Retry tries again, after a minute, what may work later, until it was tried three times.
func Retry(d store.Delivery, e chat.DeliveryError, _ time.Time) (time.Duration, bool) {
	return time.Minute, !e.Permanent && d.Attempt < 3
}

// Run checks the store.
func Run(t *testing.T, open Open) {
	for name, check := range map[string]func(*harness){
		"a message is stored once":                      (*harness).dedupe,
		"a semantic key is stored once":                 (*harness).semantic,
		"the longest ids are stored":                    (*harness).longIDs,
		"a message comes back as it went in":            (*harness).whole,
		"a conversation is taken in order by one":       (*harness).order,
		"lanes do not wait for each other":              (*harness).lanes,
		"an expired lease is taken over and fenced":     (*harness).fence,
		"a renewed lease is kept":                       (*harness).renew,
		"a released turn is not counted":                (*harness).release,
		"a repeated turn enqueues nothing twice":        (*harness).repeat,
		"a user's queue is bounded":                     (*harness).perUser,
		"deliveries of a conversation go in order":      (*harness).outboxOrder,
		"a failing delivery holds back its own only":    (*harness).ownConversation,
		"a lost sender makes unknown":                   (*harness).lostSender,
		"an old attempt settles nothing":                (*harness).oldAttempt,
		"what goes out instead is enqueued once":        (*harness).instead,
		"a deferred attempt is not counted":             (*harness).deferred,
		"a delivery expires":                            (*harness).expires,
		"receipts only rise, in any order":              (*harness).receipts,
		"a receipt may come before the answer":          (*harness).earlyReceipt,
		"a receipt settles what is unknown":             (*harness).settlesUnknown,
		"all parts count":                               (*harness).parts,
		"some parts do not speak for the others":        (*harness).unknownParts,
		"the choice of an agent is kept and taken back": (*harness).choice,
		"history is per agent, the last turns in order": (*harness).history,
		"the agent that offered is known":               (*harness).offered,
		"a trace is found by every id":                  (*harness).trace,
		"counts and times are kept":                     (*harness).counts,
		"pruning forgets what is settled only":          (*harness).prune,
		"each kind has its retention":                   (*harness).retention,
		"a conversation is kept under one key":          (*harness).aliases,
		"two known conversations become one":            (*harness).merge,
		"an operator sends to known and unknown people": (*harness).operatorSend,
		"the last word of the user is known":            (*harness).lastInbound,
		"what is held waits for the user's next word":   (*harness).hold,
		"attempts are kept":                             (*harness).attempts,
		"what is paused is not sent":                    (*harness).pause,
		"an account has one sender":                     (*harness).senders,
		"recent sends are known":                        (*harness).recent,
		"who leaves gives all back":                     (*harness).leave,
		"a delivery is sent again":                      (*harness).redeliver,
		"a delivery is dropped":                         (*harness).drop,
		"a message is replayed":                         (*harness).replay,
		"the ledger pages and searches":                 (*harness).ledger,
		"the trace can be followed":                     (*harness).tail,
		"a webhook is kept as it came":                  (*harness).webhook,
		"what waits is bounded":                         (*harness).full,
		"what waits to be sent is bounded":              (*harness).fullOutbox,
		"one that passes a limit is taken":              (*harness).large,
		"a webhook is stored whole or not at all":       (*harness).wholeOrNot,
		"what nobody waits for goes last":               (*harness).bulk,
		"an account that rests is left alone":           (*harness).rests,
		"a long queue lets its oldest go":               (*harness).longQueue,
		"what was joined shares its fate":               (*harness).joined,
		"what was joined in vain goes by itself":        (*harness).joinedInVain,
		"a receipt speaks for all that was joined":      (*harness).joinedUnknown,
		"an earlier failure is not of what was joined":  (*harness).joinedAfterFailure,
		"a failure reaches what was joined and lost":    (*harness).joinedAndLost,
		"only what fits is joined":                      (*harness).joinsWhatFits,
		"what failed later is tried again":              (*harness).failedLater,
		"a failure says nothing about the next try":     (*harness).failedThenLost,
		"an id gets another owner":                      (*harness).newOwner,
		"the first id gets another owner":               (*harness).formerOwner,
		"the choice in a chat outlives an id":           (*harness).choiceOfAChat,
		"a duplicate is told in the trace":              (*harness).duplicatesAreTold,
		"what waits or runs is cancelled":               (*harness).cancel,
		"a burst is answered together":                  (*harness).merged,
		"many at once lose nothing":                     (*harness).concurrent,
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			c := NewClock()
			check(&harness{T: t, store: open(t, c), clock: c})
		})
	}
}

const (
	owner = "host-1"
	lease = 10 * time.Second
)

type harness struct {
	*testing.T
	store store.Store
	clock *Clock
}

func (h *harness) ctx() context.Context { return h.Context() }

func (h *harness) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func equal[T any](h *harness, what string, got, want T) {
	h.Helper()
	if d := cmp.Diff(want, got); d != "" {
		h.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// message is the n-th message of a user in the user's own chat.
func message(user string, n int) chat.Message {
	return chat.Message{
		ID: fmt.Sprintf("%s-%d", user, n), Platform: "echo", Account: "acc", ChannelID: user,
		User: chat.User{ID: user}, Text: fmt.Sprintf("text %d", n),
	}
}

func inbound(ms ...chat.Message) store.Inbound {
	var in store.Inbound
	for _, m := range ms {
		in.Messages = append(in.Messages, store.InboundMessage{Message: m, Conversation: "c:" + m.ChannelID, Lane: store.LaneTurn})
	}
	return in
}

func (h *harness) append(in store.Inbound) store.Appended {
	h.Helper()
	a, err := h.store.Append(h.ctx(), in)
	h.ok(err)
	return a
}

func (h *harness) claim(limit int) []store.Turn {
	h.Helper()
	turns, err := h.store.Claim(h.ctx(), owner, store.LaneTurn, limit, lease)
	h.ok(err)
	return turns
}

// turn appends and claims one message.
func (h *harness) turn(user string, n int) store.Turn {
	h.Helper()
	h.append(inbound(message(user, n)))
	turns := h.claim(100)
	if len(turns) != 1 {
		h.Fatalf("claimed %d turns, want 1", len(turns))
	}
	return turns[0]
}

func (h *harness) delivery(t store.Turn, n int) store.Delivery {
	return store.Delivery{
		ID: store.DeliveryID(t.Cause, n), Cause: t.Cause, Ordinal: n, Platform: "echo", Account: "acc",
		Conversation: t.Conversation, ChannelID: t.Message.ChannelID, CreatedAt: h.clock.Now(),
		Response: chat.Response{Text: fmt.Sprintf("answer %d", n), Status: chat.StatusInfo},
	}
}

func (h *harness) finish(t store.Turn, d ...store.Delivery) {
	h.Helper()
	h.ok(h.store.Finish(h.ctx(), t, store.Result{Outcome: store.OutcomeAnswered, Deliveries: d}))
}

func (h *harness) due(limit int) []store.Delivery {
	h.Helper()
	ds, err := h.store.ClaimDeliveries(h.ctx(), owner, limit, lease)
	h.ok(err)
	return ds
}

// sending has one delivery on its way.
func (h *harness) sending(user string) store.Delivery {
	h.Helper()
	t := h.turn(user, 1)
	h.finish(t, h.delivery(t, 1))
	ds := h.due(10)
	if len(ds) != 1 {
		h.Fatalf("claimed %d deliveries, want 1", len(ds))
	}
	return ds[0]
}

func (h *harness) settle(d store.Delivery, state store.DeliveryState, ids ...string) {
	h.Helper()
	h.ok(h.store.Settle(h.ctx(), store.Settlement{DeliveryID: d.ID, Attempt: d.Attempt, State: state, MessageIDs: ids}))
}

func (h *harness) state(id string) store.DeliveryState {
	h.Helper()
	d, err := h.store.Delivery(h.ctx(), id)
	h.ok(err)
	return d.State
}

func receipt(id, message, delivery string, status chat.ReceiptStatus) chat.Receipt {
	return chat.Receipt{ID: id, Platform: "echo", Account: "acc", MessageID: message, DeliveryID: delivery, Status: status}
}

func (h *harness) receive(rs ...chat.Receipt) {
	h.Helper()
	h.append(store.Inbound{Receipts: rs})
}

func (h *harness) dedupe() {
	a := h.append(inbound(message("ann", 1), message("ann", 2), message("ann", 1)))
	equal(h, "first", a, store.Appended{
		New: []string{"echo/acc/ann-1", "echo/acc/ann-2"}, Lanes: []store.LaneKind{store.LaneTurn}, Duplicates: 1,
	})
	equal(h, "again", h.append(inbound(message("ann", 2))), store.Appended{Duplicates: 1})
	other := message("ann", 1)
	other.Account = "acc2"
	equal(h, "other account", len(h.append(inbound(other)).New), 1)
}

func (h *harness) semantic() {
	a, b := message("ann", 1), message("ann", 2)
	a.SemanticKey, b.SemanticKey = "same", "same"
	equal(h, "appended", h.append(inbound(a, b)), store.Appended{New: []string{"echo/acc/ann-1"}, Lanes: []store.LaneKind{store.LaneTurn}, Duplicates: 1})
}

func (h *harness) whole() {
	m := message("ann", 1)
	m.SentAt, m.ReceivedAt = h.clock.Now().Add(-time.Second), h.clock.Now()
	m.Content.Interaction = &chat.Interaction{Kind: chat.InteractionButton, ID: "ok", Data: []byte(`{"a":1}`)}
	m.Metadata, m.Raw, m.Text = map[string]string{"k": "v"}, []byte(`{"x":"y"}`), "Grüße 👋\n\x00 '\"; --"
	h.append(inbound(m))
	equal(h, "message", h.claim(1)[0].Message, m)
}

// longIDs: what ingress lets pass has its place in every index. The ids are such that nothing can be made shorter.
func (h *harness) longIDs() {
	long := func() string {
		s := ""
		for len(s) < 512 {
			s += rand.Text()
		}
		return s[:512]
	}
	key := long() + long() + long() + long()
	m := message("ann", 1)
	m.ID, m.Account, m.ChannelID, m.ThreadID, m.User.ID, m.SemanticKey = long(), long(), long(), long(), long(), long()
	in := store.Inbound{Messages: []store.InboundMessage{{
		Message: m, Conversation: key, Aliases: []string{long() + long() + long() + long()}, Lane: store.LaneTurn,
	}}, MaxPerUser: 3, Notices: []chat.Notice{{ID: long(), Platform: "echo", Account: m.Account}}}
	h.append(in)
	h.append(in)
	t := h.claim(1)[0]
	equal(h, "conversation", t.Conversation, key)
	d := h.delivery(t, 1)
	d.Account = m.Account
	h.finish(t, d)
	sent := h.due(1)[0]
	part := long()
	h.settle(sent, store.StateSent, part)
	h.append(store.Inbound{Receipts: []chat.Receipt{{
		ID: long(), Platform: "echo", Account: m.Account, MessageID: part, DeliveryID: long(), Status: chat.ReceiptRead,
	}}})
	equal(h, "state", h.state(d.ID), store.StateRead)
	events, err := h.store.Trace(h.ctx(), part)
	h.ok(err)
	equal(h, "traced", events[0].Cause, t.Cause)
}

func (h *harness) order() {
	h.append(inbound(message("ann", 1), message("bob", 1), message("ann", 2)))
	turns := h.claim(10)
	equal(h, "claimed", len(turns), 2)
	equal(h, "oldest first", turns[0].Message.ID, "ann-1")
	equal(h, "nothing while leased", len(h.claim(10)), 0)
	h.finish(turns[0])
	next := h.claim(10)
	equal(h, "then the next", len(next), 1)
	equal(h, "of ann", next[0].Message.ID, "ann-2")
	equal(h, "attempt", next[0].Attempt, 1)
}

func (h *harness) lanes() {
	in := inbound(message("ann", 1), message("ann", 2))
	in.Messages[1].Lane = store.LaneNow
	h.append(in)
	equal(h, "turn", len(h.claim(10)), 1)
	now, err := h.store.Claim(h.ctx(), owner, store.LaneNow, 10, lease)
	h.ok(err)
	equal(h, "now", len(now), 1)
	equal(h, "now's", now[0].Message.ID, "ann-2")
}

func (h *harness) fence() {
	old := h.turn("ann", 1)
	h.clock.Add(lease + time.Millisecond)
	equal(h, "a worker that slept does not take its own lane twice", len(h.claim(10)), 0)
	turns, err := h.store.Claim(h.ctx(), "host-2", store.LaneTurn, 10, lease)
	h.ok(err)
	equal(h, "taken over", len(turns), 1)
	equal(h, "attempt", turns[0].Attempt, 2)
	if turns[0].Epoch <= old.Epoch {
		h.Fatalf("epoch %d after %d", turns[0].Epoch, old.Epoch)
	}
	for what, err := range map[string]error{
		"enqueue": h.store.Enqueue(h.ctx(), old, []store.Delivery{h.delivery(old, 3)}, nil),
		"finish":  h.store.Finish(h.ctx(), old, store.Result{Outcome: store.OutcomeAnswered, Deliveries: []store.Delivery{h.delivery(old, 1)}}),
	} {
		if !errors.Is(err, store.ErrFenced) {
			h.Fatalf("%s of a lost lease: %v", what, err)
		}
	}
	h.ok(h.store.Release(h.ctx(), old)) // no effect
	equal(h, "nothing enqueued", len(h.due(10)), 0)
	h.finish(turns[0])
	if err := h.store.Finish(h.ctx(), old, store.Result{Outcome: store.OutcomeAnswered}); !errors.Is(err, store.ErrFenced) {
		h.Fatalf("finish of a lost lease, after the other's: %v", err)
	}
	// The answer to the first call may have been lost, so it may be made again; it has no second effect.
	again := store.Result{Outcome: store.OutcomeFailed, Deliveries: []store.Delivery{h.delivery(turns[0], 1)}}
	h.ok(h.store.Finish(h.ctx(), turns[0], again))
	equal(h, "nothing enqueued by the second call", len(h.due(10)), 0)
}

func (h *harness) renew() {
	h.turn("ann", 1)
	h.clock.Add(lease - time.Second)
	h.ok(h.store.Renew(h.ctx(), owner, lease))
	h.clock.Add(lease - time.Second)
	equal(h, "still leased", len(h.claim(10)), 0)
}

func (h *harness) release() {
	t := h.turn("ann", 1)
	h.ok(h.store.Release(h.ctx(), t))
	h.ok(h.store.Release(h.ctx(), t)) // repeated, as every call may be
	again := h.claim(10)
	equal(h, "claimed again", len(again), 1)
	equal(h, "attempt", again[0].Attempt, 1)
}

func (h *harness) repeat() {
	t := h.turn("ann", 1)
	h.ok(h.store.Enqueue(h.ctx(), t, []store.Delivery{h.delivery(t, 3)}, nil))
	h.ok(h.store.Release(h.ctx(), t))
	t = h.claim(1)[0]
	h.ok(h.store.Enqueue(h.ctx(), t, []store.Delivery{h.delivery(t, 3)}, nil))
	h.finish(t, h.delivery(t, 3), h.delivery(t, 1))
	var order []int
	for {
		ds := h.due(10)
		if len(ds) == 0 {
			break
		}
		order = append(order, ds[0].Ordinal)
		h.settle(ds[0], store.StateSent, "m")
	}
	equal(h, "sent, in the order of enqueueing", order, []int{3, 1})
}

func (h *harness) perUser() {
	in := inbound(message("ann", 1), message("ann", 2), message("ann", 3), message("bob", 1))
	in.MaxPerUser = 2
	h.append(in)
	q, err := h.store.QueueOf(h.ctx(), "echo", "acc", "ann")
	h.ok(err)
	equal(h, "queue", len(q), 2)
	busy, err := h.store.Claim(h.ctx(), owner, store.LaneBusy, 10, lease)
	h.ok(err)
	equal(h, "busy", len(busy), 1)
	equal(h, "the third", busy[0].Message.ID, "ann-3")
	for _, t := range h.claim(10) {
		if t.Message.User.ID == "ann" {
			q, err = h.store.QueueOf(h.ctx(), "echo", "acc", "ann")
			h.ok(err)
			equal(h, "running", q[0].Running, true)
			equal(h, "waiting", q[1].Running, false)
			h.finish(t)
		}
	}
	more := inbound(message("ann", 4))
	more.MaxPerUser = 2
	h.append(more)
	q, err = h.store.QueueOf(h.ctx(), "echo", "acc", "ann")
	h.ok(err)
	equal(h, "room again", len(q), 2)
}

func (h *harness) outboxOrder() {
	t := h.turn("ann", 1)
	h.finish(t, h.delivery(t, 1), h.delivery(t, 2))
	first := h.due(10)
	equal(h, "one at a time", len(first), 1)
	equal(h, "the first", first[0].Ordinal, 1)
	equal(h, "counted", first[0].Attempt, 1)
	equal(h, "response", first[0].Response.Text, "answer 1")
	equal(h, "nothing while it is sent", len(h.due(10)), 0)
	h.settle(first[0], store.StateFailed)
	second := h.due(10)
	equal(h, "the follower goes", len(second), 1)
	equal(h, "second", second[0].Ordinal, 2)
}

func (h *harness) ownConversation() {
	a, b := h.turn("ann", 1), h.turn("bob", 1)
	h.finish(a, h.delivery(a, 1), h.delivery(a, 2))
	h.finish(b, h.delivery(b, 1))
	for _, d := range h.due(10) {
		if d.ChannelID == "ann" {
			h.ok(h.store.Settle(h.ctx(), store.Settlement{
				DeliveryID: d.ID, Attempt: 1, State: store.StateQueued, NextAt: h.clock.Now().Add(time.Minute),
				Error: &chat.DeliveryError{Reason: chat.ReasonUpstreamError, Message: "later"},
			}))
		} else {
			h.settle(d, store.StateSent, "m1")
		}
	}
	equal(h, "ann waits", len(h.due(10)), 0)
	at, err := h.store.NextDue(h.ctx())
	h.ok(err)
	equal(h, "next due", at.UTC(), h.clock.Now().Add(time.Minute))
	h.clock.Add(time.Minute)
	again := h.due(10)
	equal(h, "again", len(again), 1)
	equal(h, "attempt", again[0].Attempt, 2)
	equal(h, "error", again[0].LastError.Message, "later")
}

func (h *harness) lostSender() {
	d := h.sending("ann")
	h.clock.Add(lease + time.Millisecond)
	equal(h, "not while its sender may live", len(h.due(10)), 0)
	equal(h, "state", h.state(d.ID), store.StateSending)
	other, err := h.store.ClaimDeliveries(h.ctx(), "host-2", 10, lease)
	h.ok(err)
	equal(h, "never sent again", len(other), 0)
	equal(h, "state", h.state(d.ID), store.StateUnknown)
	h.settle(d, store.StateSent, "m1")
	equal(h, "a late settlement has no effect", h.state(d.ID), store.StateUnknown)
	if _, err := h.store.Delivery(h.ctx(), "d-none"); !errors.Is(err, store.ErrNotFound) {
		h.Fatalf("an unknown id: %v", err)
	}
}

func (h *harness) oldAttempt() {
	d := h.sending("ann")
	h.settle(d, store.StateQueued)
	h.due(10)
	h.settle(d, store.StateFailed)
	equal(h, "state", h.state(d.ID), store.StateSending)
}

func (h *harness) instead() {
	d := h.sending("ann")
	other := d
	other.ID, other.Response = d.ID+"-instead", chat.Response{Text: "sorry"}
	v := store.Settlement{DeliveryID: d.ID, Attempt: 1, State: store.StateFailed, Instead: []store.Delivery{other}}
	h.ok(h.store.Settle(h.ctx(), v))
	h.ok(h.store.Settle(h.ctx(), v))
	got := h.due(10)
	equal(h, "due", len(got), 1)
	equal(h, "text", got[0].Response.Text, "sorry")
	equal(h, "attempt", got[0].Attempt, 1)
}

func (h *harness) deferred() {
	d := h.sending("ann")
	h.ok(h.store.Settle(h.ctx(), store.Settlement{DeliveryID: d.ID, Attempt: 1, State: store.StateQueued, Deferred: true}))
	equal(h, "attempt", h.due(10)[0].Attempt, 1)
}

func (h *harness) expires() {
	t := h.turn("ann", 1)
	d := h.delivery(t, 1)
	d.ExpiresAt = h.clock.Now().Add(time.Minute)
	h.finish(t, d)
	h.clock.Add(time.Minute)
	equal(h, "due", len(h.due(10)), 0)
	equal(h, "state", h.state(d.ID), store.StateExpired)
}

func (h *harness) receipts() {
	d := h.sending("ann")
	h.settle(d, store.StateSent, "m1")
	h.receive(receipt("r2", "m1", "", chat.ReceiptRead))
	equal(h, "read", h.state(d.ID), store.StateRead)
	h.receive(receipt("r1", "m1", "", chat.ReceiptDelivered), receipt("r0", "m1", "", chat.ReceiptSent))
	equal(h, "still read", h.state(d.ID), store.StateRead)
	f := receipt("r3", "m1", "", chat.ReceiptFailed)
	f.Error = &chat.DeliveryError{Reason: chat.ReasonContentRejected, Message: "no", Permanent: true}
	h.receive(f)
	equal(h, "read proves that it did not fail", h.state(d.ID), store.StateRead)

	e := h.sending("bob")
	h.settle(e, store.StateSent, "m2")
	f.ID, f.MessageID = "r4", "m2"
	h.receive(f, f)
	got, err := h.store.Delivery(h.ctx(), e.ID)
	h.ok(err)
	equal(h, "failed", got.State, store.StateFailed)
	equal(h, "reason", got.LastError, f.Error)
}

func (h *harness) earlyReceipt() {
	d := h.sending("ann")
	h.receive(receipt("r1", "m1", d.ID, chat.ReceiptDelivered))
	equal(h, "while it is sent", h.state(d.ID), store.StateSending)
	h.settle(d, store.StateSent, "m1")
	equal(h, "after", h.state(d.ID), store.StateDelivered)
}

func (h *harness) settlesUnknown() {
	d := h.sending("ann")
	h.settle(d, store.StateUnknown)
	wrong := receipt("r0", "mX", d.ID, chat.ReceiptDelivered)
	wrong.Account = "other"
	h.receive(wrong)
	equal(h, "another account proves nothing", h.state(d.ID), store.StateUnknown)
	h.receive(receipt("r1", "m1", d.ID, chat.ReceiptSent))
	equal(h, "sent", h.state(d.ID), store.StateSent)
	h.receive(receipt("r2", "m1", d.ID, chat.ReceiptDelivered))
	equal(h, "delivered", h.state(d.ID), store.StateDelivered)
}

func (h *harness) unknownParts() {
	t := h.turn("ann", 1)
	d := h.delivery(t, 1)
	d.Response.Text = strings.Repeat("long ", 2000) // several messages, nobody knows how many
	h.finish(t, d)
	h.settle(h.due(1)[0], store.StateUnknown)
	h.receive(receipt("r1", "m1", d.ID, chat.ReceiptRead), receipt("r2", "m2", d.ID, chat.ReceiptRead))
	equal(h, "some parts prove nothing about the others", h.state(d.ID), store.StateUnknown)
}

func (h *harness) parts() {
	d := h.sending("ann")
	h.settle(d, store.StateSent, "m1", "m2")
	h.receive(receipt("r1", "m1", "", chat.ReceiptRead))
	equal(h, "one of two", h.state(d.ID), store.StateSent)
	h.receive(receipt("r2", "m2", "", chat.ReceiptDelivered))
	equal(h, "both", h.state(d.ID), store.StateDelivered)
	got, err := h.store.Delivery(h.ctx(), d.ID)
	h.ok(err)
	equal(h, "parts", got.PartsSent, 2)
}

func (h *harness) choice() {
	set := func(n int, agent string) {
		h.Helper()
		t := h.turn("ann", n)
		h.ok(h.store.Finish(h.ctx(), t, store.Result{Outcome: store.OutcomeAnswered, SetAgent: &agent}))
		got, err := h.store.AgentChoice(h.ctx(), "c:ann", "ann")
		h.ok(err)
		equal(h, "choice", got, agent)
	}
	set(1, "cluster")
	set(2, "machine")
	set(3, "")
}

func (h *harness) history() {
	for i := range 4 {
		t := h.turn("ann", i)
		agent := []string{"a", "b"}[i%2]
		h.ok(h.store.Finish(h.ctx(), t, store.Result{
			Outcome: store.OutcomeAnswered, HistoryAgent: agent,
			History: []chat.Turn{{Role: chat.RoleUser, Text: fmt.Sprint(i)}, {Role: chat.RoleAgent, Text: fmt.Sprint(-i)}},
		}))
	}
	got, err := h.store.History(h.ctx(), "c:ann", "b", 3)
	h.ok(err)
	var texts []string
	for _, t := range got {
		texts = append(texts, t.Text)
	}
	equal(h, "history", texts, []string{"-1", "3", "-3"})
}

func (h *harness) offered() {
	t := h.turn("ann", 1)
	d := h.delivery(t, 1)
	d.Agent = "cluster"
	h.finish(t, d)
	h.settle(h.due(1)[0], store.StateSent, "m1", "m2")
	for id, want := range map[string]string{"m1": "cluster", "m2": "cluster", "m3": ""} {
		got, err := h.store.OfferedBy(h.ctx(), "echo", "acc", id)
		h.ok(err)
		equal(h, id, got, want)
	}
	got, err := h.store.OfferedBy(h.ctx(), "echo", "other", "m1")
	h.ok(err)
	equal(h, "of another account", got, "")
	last, err := h.store.LastDelivery(h.ctx(), t.Conversation)
	h.ok(err)
	equal(h, "the last delivery", last.ID, d.ID)
	if _, err := h.store.LastDelivery(h.ctx(), "c:nobody"); !errors.Is(err, store.ErrNotFound) {
		h.Fatalf("of a conversation without any: %v", err)
	}
}

func (h *harness) trace() {
	in := inbound(message("ann", 1))
	in.Trace = []store.TraceEvent{{At: h.clock.Now(), Hop: "webhook.received"}}
	h.append(in)
	h.clock.Add(time.Millisecond)
	t := h.claim(1)[0]
	d := h.delivery(t, 1)
	h.ok(h.store.Finish(h.ctx(), t, store.Result{
		Outcome: store.OutcomeAnswered, Deliveries: []store.Delivery{d},
		Trace: []store.TraceEvent{{At: h.clock.Now(), Hop: "agent.end", Detail: "fine", Duration: time.Second}},
	}))
	h.clock.Add(time.Millisecond)
	sent := h.due(1)[0]
	h.ok(h.store.Settle(h.ctx(), store.Settlement{
		DeliveryID: sent.ID, Attempt: 1, State: store.StateSent, MessageIDs: []string{"m1"},
		Trace: []store.TraceEvent{{At: h.clock.Now(), Hop: "send.attempt", DeliveryID: sent.ID}},
	}))
	h.clock.Add(time.Millisecond)
	h.receive(receipt("r1", "m1", "", chat.ReceiptDelivered))
	for _, id := range []string{"ann-1", t.Cause, d.ID, "m1", store.Reference(t.Cause)} {
		events, err := h.store.Trace(h.ctx(), id)
		h.ok(err)
		var hops []string
		for _, e := range events {
			hops = append(hops, e.Hop)
		}
		equal(h, "hops by "+id, hops, []string{"webhook.received", "agent.end", "send.attempt", "receipt.delivered"})
		equal(h, "duration", events[1].Duration, time.Second)
	}
	if _, err := h.store.Trace(h.ctx(), "nothing"); !errors.Is(err, store.ErrNotFound) {
		h.Fatalf("an unknown id: %v", err)
	}
}

func (h *harness) counts() {
	d := h.sending("ann")
	h.append(inbound(message("bob", 1)))
	h.claim(1)
	b, err := h.store.Backlog(h.ctx())
	h.ok(err)
	equal(h, "backlog", b, store.Backlog{InboxPending: 1, TurnsRunning: 1, OutboxPending: 1})
	h.settle(d, store.StateUnknown)
	b, err = h.store.Backlog(h.ctx())
	h.ok(err)
	equal(h, "unknown", b.OutboxUnknown, 1)
	times, err := h.store.LastTimes(h.ctx())
	h.ok(err)
	equal(h, "in", times["echo"].In.UTC(), h.clock.Now())
	equal(h, "out", times["echo"].Out.IsZero(), true)
	h.ok(h.store.Ping(h.ctx()))
}

func (h *harness) prune() {
	d := h.sending("ann")
	h.settle(d, store.StateSent, "m1")
	h.receive(receipt("r1", "m1", "", chat.ReceiptSent))
	h.append(inbound(message("bob", 1))) // not handled
	h.clock.Add(8 * 24 * time.Hour)
	h.ok(h.store.Prune(h.ctx(), store.Retention{}))
	if _, err := h.store.Delivery(h.ctx(), d.ID); !errors.Is(err, store.ErrNotFound) {
		h.Fatalf("the settled delivery: %v", err)
	}
	equal(h, "forgotten", len(h.append(inbound(message("ann", 1))).New), 1)
	equal(h, "what waits stays", h.append(inbound(message("bob", 1))).Duplicates, 1)
}

func (h *harness) concurrent() {
	const users, each = 20, 10
	var wg sync.WaitGroup
	for u := range users {
		for range 2 { // every message twice, at the same time
			wg.Go(func() {
				for n := range each {
					if _, err := h.store.Append(h.ctx(), inbound(message(fmt.Sprint("u", u), n))); err != nil {
						h.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	seen := map[string]int{}
	for {
		turns := h.claim(7)
		if len(turns) == 0 {
			break
		}
		for _, t := range turns {
			wg.Go(func() {
				if err := h.store.Finish(h.ctx(), t, store.Result{Outcome: store.OutcomeNothing}); err != nil {
					h.Error(err)
				}
			})
			if want := fmt.Sprintf("%s-%d", t.Message.User.ID, seen[t.Message.User.ID]); t.Message.ID != want {
				h.Errorf("got %s, want %s", t.Message.ID, want)
			}
			seen[t.Message.User.ID]++
		}
		wg.Wait()
	}
	equal(h, "users", len(seen), users)
	for u, n := range seen {
		equal(h, "messages of "+u, n, each)
	}
}
