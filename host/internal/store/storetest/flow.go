package storetest

import (
	"fmt"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// queue finishes a turn of a user with n deliveries and returns their ids.
func (h *harness) queue(user string, n int) (ids []string) {
	h.Helper()
	t := h.turn(user, 1)
	var ds []store.Delivery
	for i := range n {
		ds = append(ds, h.delivery(t, i+1))
		ids = append(ids, ds[i].ID)
	}
	h.finish(t, ds...)
	return ids
}

func idsOf(ds []store.Delivery) (ids []string) {
	for _, d := range ds {
		ids = append(ids, d.ID)
	}
	return ids
}

func (h *harness) bulk() {
	t := h.turn("ann", 1)
	news := h.delivery(t, 1)
	news.Bulk = true
	h.finish(t, news)
	answer := h.queue("bob", 1)[0]
	equal(h, "first", idsOf(h.due(1)), []string{answer})
	ds := h.due(10)
	equal(h, "then", idsOf(ds), []string{news.ID})
	equal(h, "bulk", ds[0].Bulk, true)
}

func (h *harness) rests() {
	h.settle(h.sending("ann"), store.StateSent, "m1") // who sends has the account
	h.queue("bob", 1)
	rest := store.Rest{Account: store.Account{Platform: "echo", Account: "acc"}, For: time.Second}
	for _, who := range []string{owner, "host-2"} {
		ds, err := h.store.ClaimDeliveries(h.ctx(), who, 10, lease, rest)
		h.ok(err)
		equal(h, "while it rests, by "+who, len(ds), 0)
	}
	at, err := h.store.NextDue(h.ctx())
	h.ok(err)
	equal(h, "nothing is due", at.IsZero(), true)
	h.clock.Add(time.Second)
	equal(h, "then", len(h.due(10)), 1)
}

// longQueue goes through all ways in which the head of a queue may go.
func (h *harness) longQueue() {
	ids := h.queue("ann", 7)
	next := func(want string) store.Delivery {
		h.Helper()
		ds := h.due(10)
		equal(h, "due", idsOf(ds), []string{want})
		equal(h, "nothing else", len(h.due(10)), 0)
		return ds[0]
	}
	h.settle(next(ids[0]), store.StateSent, "m0")
	h.settle(next(ids[1]), store.StateFailed)
	h.ok(h.store.Drop(h.ctx(), ids[2], "no"))
	h.ok(h.store.Drop(h.ctx(), ids[4], "not that either"))
	h.settle(next(ids[3]), store.StateHeld)
	h.settle(next(ids[5]), store.StateUnknown)
	// What was held is older than what waits.
	h.append(inbound(message("ann", 2)))
	h.settle(next(ids[3]), store.StateQueued)
	h.settle(next(ids[3]), store.StateSent, "m3")
	h.ok(h.store.Redeliver(h.ctx(), ids[1], "once more"))
	h.settle(next(ids[1]), store.StateSent, "m1")
	last := next(ids[6])
	h.clock.Add(lease)
	_, err := h.store.ClaimDeliveries(h.ctx(), "host-2", 10, lease)
	h.ok(err)
	equal(h, "last", h.state(last.ID), store.StateUnknown)
	h.append(inbound(message("ann", 3)))
	turns := h.claim(1)
	answer := h.delivery(turns[0], 1)
	h.finish(turns[0], answer)
	h.clock.Add(lease)
	next(answer.ID)
}

func fitting(store.Delivery) bool { return true }

// join has the first of n deliveries of a user on its way, and the others joined to it.
func (h *harness) join(user string, n int) (first store.Delivery, ids []string) {
	h.Helper()
	ids = h.queue(user, n)
	first = h.due(1)[0]
	ds, err := h.store.Join(h.ctx(), owner, first, 10, fitting)
	h.ok(err)
	equal(h, "joined", idsOf(ds), ids[1:])
	return first, ids
}

func (h *harness) states(ids []string) (out []store.DeliveryState) {
	h.Helper()
	for _, id := range ids {
		out = append(out, h.state(id))
	}
	return out
}

func (h *harness) joined() {
	first, ids := h.join("ann", 3)
	equal(h, "nothing else is due", len(h.due(10)), 0)
	h.settle(first, store.StateSent, "m1")
	equal(h, "sent", h.states(ids), []store.DeliveryState{store.StateSent, store.StateSent, store.StateSent})
	h.receive(receipt("r1", "m1", first.ID, chat.ReceiptRead))
	equal(h, "read", h.states(ids), []store.DeliveryState{store.StateRead, store.StateRead, store.StateRead})
	sends, err := h.store.RecentSends(h.ctx(), store.Account{Platform: "echo", Account: "acc"}, h.clock.Now().Add(-time.Minute))
	h.ok(err)
	n := 0
	for _, s := range sends {
		n += s.Messages
	}
	equal(h, "messages that count", n, 1)
}

func (h *harness) joinedInVain() {
	first, ids := h.join("ann", 3)
	h.settle(first, store.StateQueued)
	equal(h, "queued", h.states(ids), []store.DeliveryState{store.StateQueued, store.StateQueued, store.StateQueued})
	again := h.due(10)
	equal(h, "the oldest again", idsOf(again), ids[:1])
	h.settle(again[0], store.StateFailed)
	next := h.due(10)
	equal(h, "then the next", idsOf(next), ids[1:2])
	equal(h, "its first attempt", next[0].Attempt, 1)
}

func (h *harness) joinedUnknown() {
	first, ids := h.join("ann", 2)
	h.settle(first, store.StateUnknown)
	equal(h, "unknown", h.states(ids), []store.DeliveryState{store.StateUnknown, store.StateUnknown})
	h.receive(receipt("r1", "m1", first.ID, chat.ReceiptDelivered))
	equal(h, "delivered", h.states(ids), []store.DeliveryState{store.StateDelivered, store.StateDelivered})
}

// joinedAfterFailure: what was reported of an earlier attempt of the first says nothing about the message in which
// all went out; what is reported of that one is about all.
func (h *harness) joinedAfterFailure() {
	failure := func(id, message, delivery string) chat.Receipt {
		r := receipt(id, message, delivery, chat.ReceiptFailed)
		r.Error = &chat.DeliveryError{Reason: chat.ReasonUpstreamError, Message: "later"}
		return r
	}
	ids := h.queue("ann", 2)
	h.settle(h.due(1)[0], store.StateSent, "m1")
	h.receive(failure("r1", "m1", ids[0]))
	h.clock.Add(time.Minute)
	again := func(which string) {
		h.Helper()
		first := h.due(1)[0]
		equal(h, "the first is sent "+which, first.ID, ids[0])
		ds, err := h.store.Join(h.ctx(), owner, first, 10, fitting)
		h.ok(err)
		equal(h, "joined "+which, idsOf(ds), ids[1:])
		h.settle(first, store.StateUnknown)
		equal(h, "unknown "+which, h.states(ids), []store.DeliveryState{store.StateUnknown, store.StateUnknown})
	}
	again("again")
	h.receive(failure("r2", "m2", ids[0]))
	equal(h, "both failed", h.states(ids), []store.DeliveryState{store.StateQueued, store.StateQueued})
	h.clock.Add(time.Minute)
	again("a third time")
}

// joinedAndLost: the platform reports that the message failed in which several went out, before the loss of its
// sender is noticed. That is of all of them, in whatever order they are looked at.
func (h *harness) joinedAndLost() {
	first, ids := h.join("ann", 3)
	r := receipt("r1", "m1", first.ID, chat.ReceiptFailed)
	r.Error = &chat.DeliveryError{Reason: chat.ReasonUpstreamError, Message: "later"}
	h.receive(r)
	equal(h, "while it is sent", h.states(ids), []store.DeliveryState{store.StateSending, store.StateSending, store.StateSending})
	h.clock.Add(lease)
	_, err := h.store.ClaimDeliveries(h.ctx(), "host-2", 10, lease)
	h.ok(err)
	equal(h, "then", h.states(ids), []store.DeliveryState{store.StateQueued, store.StateQueued, store.StateQueued})
}

func (h *harness) joinsWhatFits() {
	ids := h.queue("ann", 4)
	first := h.due(1)[0]
	_, err := h.store.Join(h.ctx(), "host-2", first, 10, fitting)
	h.ok(err)
	equal(h, "another's", h.state(ids[1]), store.StateQueued)
	ds, err := h.store.Join(h.ctx(), owner, first, 10, func(d store.Delivery) bool { return d.ID != ids[2] })
	h.ok(err)
	equal(h, "up to what does not fit", idsOf(ds), ids[1:2])
}

func (h *harness) failedLater() {
	d := h.sending("ann")
	for n := 1; n <= 3; n++ {
		id := fmt.Sprint("m", n)
		h.settle(d, store.StateSent, id)
		r := receipt("r"+id, id, d.ID, chat.ReceiptFailed)
		r.Error = &chat.DeliveryError{Reason: chat.ReasonUpstreamError, Message: "later"}
		h.receive(r, r)
		if n == 3 {
			break
		}
		equal(h, "after failure", h.state(d.ID), store.StateQueued)
		equal(h, "not at once", len(h.due(10)), 0)
		h.clock.Add(time.Minute)
		d = h.due(10)[0]
		equal(h, "attempt", d.Attempt, n+1)
		equal(h, "no part is out", d.PartsSent, 0)
	}
	equal(h, "in the end", h.state(d.ID), store.StateFailed)
}

// failedThenLost: what is reported of the message that failed says nothing about the next one, whose answer is
// lost.
func (h *harness) failedThenLost() {
	// The answer of the first attempt came, or was lost like that of the second one.
	for user, first := range map[string]store.DeliveryState{"ann": store.StateSent, "bob": store.StateUnknown} {
		d, m1, m2 := h.sending(user), "m1 for "+user, "m2 for "+user
		if first == store.StateSent {
			h.settle(d, first, m1)
		} else {
			h.settle(d, first)
		}
		r := receipt("failed for "+user, m1, d.ID, chat.ReceiptFailed)
		r.Error = &chat.DeliveryError{Reason: chat.ReasonUpstreamError, Message: "later"}
		h.receive(r)
		h.clock.Add(time.Minute)
		h.settle(h.due(10)[0], store.StateUnknown)
		h.receive(receipt("late for "+user, m1, d.ID, chat.ReceiptSent))
		equal(h, "a receipt for the message that failed", h.state(d.ID), store.StateUnknown)
		h.receive(receipt("sent for "+user, m2, d.ID, chat.ReceiptSent))
		equal(h, "a receipt for this one", h.state(d.ID), store.StateSent)
	}
}

func (h *harness) merged() {
	h.append(inbound(message("ann", 1), message("ann", 2), message("ann", 3), message("ann", 4)))
	t := h.claim(1)[0]
	next, err := h.store.Following(h.ctx(), t, 2)
	h.ok(err)
	equal(h, "following", []string{next[0].Message.Text, next[1].Message.Text}, []string{"text 2", "text 3"})
	r := store.Result{Outcome: store.OutcomeAnswered, Merged: next}
	old := t
	old.Epoch--
	h.is(h.store.Finish(h.ctx(), old, r), store.ErrFenced, "a turn that was taken over")
	h.ok(h.store.Finish(h.ctx(), t, r))
	h.ok(h.store.Finish(h.ctx(), t, r))
	m, err := h.store.Message(h.ctx(), next[1].Cause)
	h.ok(err)
	equal(h, "outcome", m.Outcome, store.OutcomeMerged)
	equal(h, "reason", m.Reason, "answered together with "+t.Cause)
	turns := h.claim(10)
	equal(h, "then", turns[0].Message.Text, "text 4")
}

func (h *harness) cancel() {
	h.append(inbound(message("ann", 1), message("ann", 2), message("ann", 3)))
	running := h.claim(1)[0]
	holds := func(want map[int64]int64) {
		h.Helper()
		got, err := h.store.Holds(h.ctx(), owner)
		h.ok(err)
		equal(h, "held", got, want)
	}
	holds(map[int64]int64{running.Seq: running.Epoch})
	told := h.delivery(running, 1)
	stop := store.Result{Outcome: store.OutcomeInterrupted, Reason: "CANCELLED: enough", Deliveries: []store.Delivery{told}}
	for _, cause := range []string{"echo/acc/ann-2", running.Cause} { // one that waits, and one that runs
		h.ok(h.store.Cancel(h.ctx(), cause, stop))
		h.is(h.store.Cancel(h.ctx(), cause, stop), store.ErrState, "again")
		m, err := h.store.Message(h.ctx(), cause)
		h.ok(err)
		equal(h, "outcome", m.Outcome, store.OutcomeInterrupted)
		equal(h, "reason", m.Reason, stop.Reason)
	}
	h.is(h.store.Cancel(h.ctx(), "echo/acc/nobody", stop), store.ErrNotFound, "nothing")
	holds(map[int64]int64{})
	late := store.Result{Outcome: store.OutcomeAnswered, Deliveries: []store.Delivery{h.delivery(running, 2)}}
	h.is(h.store.Finish(h.ctx(), running, late), store.ErrFenced, "an answer that comes too late")
	next := h.claim(10)
	equal(h, "then", []string{next[0].Message.ID}, []string{"ann-3"})
	h.is(h.store.Finish(h.ctx(), running, late), store.ErrFenced, "an answer that comes later still")
	h.finish(next[0])
	equal(h, "what is sent", idsOf(h.due(10)), []string{told.ID})
	b, err := h.store.Backlog(h.ctx())
	h.ok(err)
	equal(h, "nothing waits", b.InboxPending, 0)
}

// newOwner: who gets an id that was somebody else's does not get the conversation, unless the platform says that
// it is the same person.
func (h *harness) newOwner() {
	of := func(id string, aliases ...string) store.Inbound {
		in := inbound(message(id, 1))
		in.Messages[0].Message.User.Aliases = aliases
		for _, a := range aliases {
			in.Messages[0].Aliases = append(in.Messages[0].Aliases, "c:"+a)
		}
		return in
	}
	first := of("ann", "number")
	h.append(first)
	equal(h, "first", h.claim(1)[0].Conversation, "c:ann")
	h.append(of("bob", "number"))
	equal(h, "another owner of the number", h.claim(1)[0].Conversation, "c:bob")
	h.append(inbound(message("number", 1)))
	equal(h, "whose number it is now", len(h.claim(1)), 0) // behind bob's
	told := of("bea", "ann")
	told.Messages[0].Message.Content.System = &chat.System{PreviousID: "ann", CurrentID: "bea"}
	h.append(told)
	again := message("bea", 2)
	h.append(inbound(again))
	_, err := h.store.AgentChoice(h.ctx(), "c:ann", "bea")
	h.ok(err)
	cs, _, err := h.store.Conversations(h.ctx(), store.Filter{})
	h.ok(err)
	equal(h, "conversations", len(cs), 2)
	var users []string
	for _, c := range cs {
		users = append(users, c.Key+" "+c.UserID)
	}
	equal(h, "users", users, []string{"c:bob number", "c:ann bea"})
}

// formerOwner: who gets a number gets nothing of the conversation that began under it, once its user has another one.
func (h *harness) formerOwner() {
	from := func(number, person string, n int) store.Inbound {
		in := inbound(message(number, n))
		in.Messages[0].Message.ID = fmt.Sprintf("%s-%s-%d", number, person, n)
		in.Messages[0].Message.User.Aliases = []string{person}
		in.Messages[0].Aliases = []string{"c:" + person}
		return in
	}
	h.append(from("number", "ann", 1))
	t := h.claim(1)[0]
	agent := "cluster"
	held := h.delivery(t, 1)
	h.ok(h.store.Finish(h.ctx(), t, store.Result{
		Outcome: store.OutcomeAnswered, Deliveries: []store.Delivery{held}, SetAgent: &agent, HistoryAgent: agent,
		History: []chat.Turn{{Role: chat.RoleUser, Text: "secret"}},
	}))
	h.settle(h.due(1)[0], store.StateHeld)
	moved := from("number", "ann", 2)
	moved.Messages[0].Message.Content.System = &chat.System{PreviousID: "number", CurrentID: "new"}
	moved.Messages[0].Aliases = append(moved.Messages[0].Aliases, "c:new")
	h.append(moved)
	running := h.claim(1)[0]
	h.append(from("number", "bob", 3))
	equal(h, "a held answer of the former owner", h.state(held.ID), store.StateHeld)
	h.is(h.store.Finish(h.ctx(), running, store.Result{Outcome: store.OutcomeNothing}), store.ErrFenced, "a turn under the old key")
	var bobs string
	for range 2 {
		for _, t := range h.claim(10) {
			if t.Message.User.Aliases[0] == "bob" {
				bobs = t.Conversation
			} else {
				equal(h, "the former owner's turn, again", t.Cause, running.Cause)
			}
			h.finish(t)
		}
	}
	equal(h, "the new owner's conversation", bobs, "c:number")
	turns, err := h.store.History(h.ctx(), bobs, agent, 10)
	h.ok(err)
	equal(h, "what the new owner gets to see", len(turns), 0)
	choice, err := h.store.AgentChoice(h.ctx(), bobs, "number")
	h.ok(err)
	equal(h, "the new owner's agent", choice, "")

	// The user goes on under the new number, and what was held comes there, also when the platform gave another id.
	h.append(from("new", "ann again", 4))
	anns := h.claim(1)[0]
	turns, err = h.store.History(h.ctx(), anns.Conversation, agent, 10)
	h.ok(err)
	equal(h, "history of who moved", len(turns), 1)
	equal(h, "what was held", h.due(1)[0].ChannelID, "new")
	cs, _, err := h.store.Conversations(h.ctx(), store.Filter{})
	h.ok(err)
	var where []string
	for _, c := range cs {
		where = append(where, c.UserID+" at "+c.ChannelID)
	}
	equal(h, "who is where", where, []string{"number at number", "new at new"})

	// The next number may get another owner just so.
	h.finish(anns)
	moved = from("new", "ann again", 5)
	moved.Messages[0].Message.Content.System = &chat.System{PreviousID: "new", CurrentID: "newest"}
	moved.Messages[0].Aliases = append(moved.Messages[0].Aliases, "c:newest")
	h.append(moved)
	h.finish(h.claim(1)[0])
	h.append(from("new", "bea", 6))
	equal(h, "another owner of the next number", h.claim(1)[0].Conversation, "c:new")
	h.append(from("newest", "ann again", 7))
	equal(h, "who moved twice", h.claim(1)[0].Conversation, anns.Conversation)
}

// choiceOfAChat: in a direct chat the choice of an agent outlives a change of the user's id.
func (h *harness) choiceOfAChat() {
	h.append(inbound(message("old", 1)))
	agent := "cluster"
	h.ok(h.store.Finish(h.ctx(), h.claim(1)[0], store.Result{Outcome: store.OutcomeAnswered, SetAgent: &agent}))
	got, err := h.store.AgentChoice(h.ctx(), "c:old", "new")
	h.ok(err)
	equal(h, "under the new id", got, agent)
	group := inbound(message("old", 2))
	group.Messages[0].Message.ChannelID, group.Messages[0].Conversation = "group", "c:group"
	h.append(group)
	h.ok(h.store.Finish(h.ctx(), h.claim(1)[0], store.Result{Outcome: store.OutcomeAnswered, SetAgent: &agent}))
	got, err = h.store.AgentChoice(h.ctx(), "c:group", "bob")
	h.ok(err)
	equal(h, "of another member of a group", got, "")
}

// duplicatesAreTold: who asks for the trace of a message sees that it came again, and how that was known.
func (h *harness) duplicatesAreTold() {
	a, b := message("ann", 1), message("ann", 2)
	a.SemanticKey, b.SemanticKey = "same", "same"
	h.append(inbound(a))
	h.append(inbound(a))
	h.append(inbound(b))
	events, err := h.store.Trace(h.ctx(), "echo/acc/ann-1")
	h.ok(err)
	var told []string
	for _, e := range events {
		if e.Hop == store.HopDuplicate {
			told = append(told, e.Detail)
		}
	}
	equal(h, "told", told, []string{
		"the platform delivered it again under the same id: dropped",
		"the platform delivered it again as echo/acc/ann-2, which is the same message: dropped",
	})
}
