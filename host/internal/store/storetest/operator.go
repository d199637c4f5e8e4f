package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

func (h *harness) deliveryOf(id string) store.Delivery {
	h.Helper()
	d, err := h.store.Delivery(h.ctx(), id)
	h.ok(err)
	return d
}

func (h *harness) is(err, want error, what string) {
	h.Helper()
	if !errors.Is(err, want) {
		h.Fatalf("%s: got %v, want %v", what, err, want)
	}
}

func (h *harness) aliases() {
	first := inbound(message("old", 1))
	h.append(first)
	changed := inbound(message("new", 1))
	changed.Messages[0].Message.User.Aliases = []string{"old"}
	changed.Messages[0].Aliases = []string{"c:old", "c:name"}
	h.append(changed)
	h.append(inbound(message("name", 1))) // said under an alias alone
	h.append(inbound(message("new", 2)))
	var order []string
	for {
		turns := h.claim(10)
		if len(turns) == 0 {
			break
		}
		equal(h, "one conversation", len(turns), 1)
		equal(h, "its key", turns[0].Conversation, "c:old")
		order = append(order, turns[0].Message.ID)
		h.finish(turns[0])
	}
	equal(h, "order", order, []string{"old-1", "new-1", "name-1", "new-2"})
	cs, _, err := h.store.Conversations(h.ctx(), store.Filter{})
	h.ok(err)
	equal(h, "listed once", len(cs), 1)
	equal(h, "user", cs[0].UserID, "new")
}

func (h *harness) merge() {
	h.append(inbound(message("ann", 1)))
	h.append(inbound(message("bob", 1)))
	both := inbound(message("bob", 2))
	both.Messages[0].Message.User.Aliases = []string{"ann"}
	both.Messages[0].Aliases = []string{"c:ann"}
	h.append(both)
	h.append(inbound(message("bob", 3)))
	got := map[string]string{}
	for {
		turns := h.claim(10)
		if len(turns) == 0 {
			break
		}
		for _, t := range turns {
			got[t.Message.ID] = t.Conversation
			h.finish(t)
		}
	}
	equal(h, "the older one goes on", got, map[string]string{"ann-1": "c:ann", "bob-1": "c:bob", "bob-2": "c:ann", "bob-3": "c:ann"})
}

func (h *harness) lastInbound() {
	m := message("ann", 1)
	m.SentAt = h.clock.Now().Add(-time.Minute)
	h.append(inbound(m))
	late := message("ann", 2)
	late.SentAt = h.clock.Now().Add(-time.Hour)
	note := message("ann", 3)
	note.Content.System = &chat.System{}
	h.append(inbound(late, note))
	t := h.claim(1)[0]
	h.finish(t, h.delivery(t, 1))
	equal(h, "of the claimed", h.due(1)[0].LastInboundAt.UTC(), m.SentAt)
	future := message("ann", 4)
	future.SentAt = h.clock.Now().Add(time.Hour)
	h.append(inbound(future))
	equal(h, "never in the future", h.deliveryOf(store.DeliveryID(t.Cause, 1)).LastInboundAt.UTC(), h.clock.Now())
}

func (h *harness) hold() {
	t := h.turn("ann", 1)
	d := h.delivery(t, 1)
	d.ExpiresAt = h.clock.Now().Add(24 * time.Hour)
	h.finish(t, d, h.delivery(t, 2))
	h.settle(h.due(1)[0], store.StateHeld, "notice")
	next := h.due(10)
	equal(h, "it holds nothing back", len(next), 1)
	h.settle(next[0], store.StateSent, "m2")
	equal(h, "held", h.state(d.ID), store.StateHeld)
	note := message("ann", 2)
	note.Content.System = &chat.System{}
	h.append(inbound(note, message("bob", 1)))
	equal(h, "the platform and others are not the user", h.state(d.ID), store.StateHeld)
	h.append(inbound(message("ann", 3)))
	again := h.due(10)
	equal(h, "queued again", len(again), 1)
	equal(h, "the same delivery", again[0].ID, d.ID)
	equal(h, "next attempt", again[0].Attempt, 2)
	h.settle(again[0], store.StateHeld, "notice")
	h.clock.Add(24 * time.Hour)
	h.due(10)
	equal(h, "it expires", h.state(d.ID), store.StateExpired)
}

func (h *harness) attempts() {
	d := h.sending("ann")
	h.clock.Add(time.Second)
	why := &chat.DeliveryError{Reason: chat.ReasonUpstreamError, Message: "later"}
	v := store.Settlement{DeliveryID: d.ID, Attempt: 1, State: store.StateQueued, Error: why}
	h.ok(h.store.Settle(h.ctx(), v))
	again := h.due(1)[0]
	h.clock.Add(time.Second)
	h.settle(again, store.StateSent, "m1", "m2")
	got, err := h.store.Attempts(h.ctx(), d.ID)
	h.ok(err)
	for i := range got {
		got[i].StartedAt, got[i].EndedAt = got[i].StartedAt.UTC(), got[i].EndedAt.UTC()
	}
	now := h.clock.Now()
	equal(h, "attempts", got, []store.Attempt{
		{N: 1, Owner: owner, StartedAt: now.Add(-2 * time.Second), EndedAt: now.Add(-time.Second), State: store.StateQueued, Error: why},
		{N: 2, Owner: owner, StartedAt: now.Add(-time.Second), EndedAt: now, State: store.StateSent, Messages: 2},
	})
}

func (h *harness) pause() {
	t := h.turn("ann", 1)
	h.finish(t, h.delivery(t, 1))
	account, platform := store.Account{Platform: "echo", Account: "acc"}, store.Account{Platform: "echo"}
	for _, a := range []store.Account{account, platform} {
		h.ok(h.store.Pause(h.ctx(), a, "first"))
		h.ok(h.store.Pause(h.ctx(), a, "holiday"))
		got, err := h.store.Paused(h.ctx())
		h.ok(err)
		equal(h, "paused", len(got), 1)
		equal(h, "reason", got[0].Reason, "holiday")
		equal(h, "due", len(h.due(10)), 0)
		at, err := h.store.NextDue(h.ctx())
		h.ok(err)
		equal(h, "nothing is due", at.IsZero(), true)
		h.ok(h.store.Resume(h.ctx(), a))
		h.is(h.store.Resume(h.ctx(), a), store.ErrNotFound, "resumed twice")
	}
	h.ok(h.store.Pause(h.ctx(), store.Account{Platform: "echo", Account: "other"}, "x"))
	equal(h, "another account's pause", len(h.due(10)), 1)
}

func (h *harness) senders() {
	acc, other := store.Account{Platform: "echo", Account: "acc"}, store.Account{Platform: "echo", Account: "other"}
	got, err := h.store.HoldSenders(h.ctx(), owner, []store.Account{acc}, lease)
	h.ok(err)
	equal(h, "held", got, []store.Account{acc})
	got, err = h.store.HoldSenders(h.ctx(), "host-2", []store.Account{acc, other}, lease)
	h.ok(err)
	equal(h, "only what is free", got, []store.Account{other})
	t := h.turn("ann", 1)
	h.finish(t, h.delivery(t, 1))
	claim := func(who string) int {
		h.Helper()
		ds, err := h.store.ClaimDeliveries(h.ctx(), who, 10, lease)
		h.ok(err)
		return len(ds)
	}
	equal(h, "of another's account", claim("host-2"), 0)
	h.clock.Add(lease - time.Second)
	h.ok(h.store.Renew(h.ctx(), owner, lease))
	h.clock.Add(lease - time.Second)
	equal(h, "of another's renewed account", claim("host-2"), 0)
	h.clock.Add(time.Second)
	equal(h, "taken over", claim("host-2"), 1)
	t = h.turn("bob", 1)
	h.finish(t, h.delivery(t, 1))
	equal(h, "who claimed is the sender", claim(owner), 0)
}

func (h *harness) recent() {
	for n, id := range []string{"ann", "bob"} {
		h.settle(h.sending(id), store.StateSent, fmt.Sprint("m", n), fmt.Sprint("n", n))
		h.clock.Add(time.Minute)
	}
	got, err := h.store.RecentSends(h.ctx(), store.Account{Platform: "echo", Account: "acc"}, h.clock.Now().Add(-time.Minute))
	h.ok(err)
	equal(h, "sends", len(got), 1)
	equal(h, "channel", got[0].ChannelID, "bob")
	equal(h, "messages", got[0].Messages, 2)
}

func (h *harness) leave() {
	d := h.sending("bob")
	t := h.turn("ann", 1)
	h.ok(h.store.Leave(h.ctx(), owner))
	equal(h, "what was being sent", h.state(d.ID), store.StateUnknown)
	turns, err := h.store.Claim(h.ctx(), "host-2", store.LaneTurn, 10, lease)
	h.ok(err)
	equal(h, "taken over at once", len(turns), 1)
	equal(h, "the attempt is not counted", turns[0].Attempt, 1)
	h.is(h.store.Finish(h.ctx(), t, store.Result{Outcome: store.OutcomeNothing}), store.ErrFenced, "who left")
	held, err := h.store.HoldSenders(h.ctx(), "host-2", []store.Account{{Platform: "echo", Account: "acc"}}, lease)
	h.ok(err)
	equal(h, "the account too", len(held), 1)
}

func (h *harness) redeliver() {
	d := h.sending("ann")
	h.is(h.store.Redeliver(h.ctx(), d.ID, "x"), store.ErrState, "while it is sent")
	h.is(h.store.Redeliver(h.ctx(), "d-none", "x"), store.ErrNotFound, "an unknown id")
	h.settle(d, store.StateUnknown, "m1")
	h.clock.Add(time.Hour)
	h.ok(h.store.Redeliver(h.ctx(), d.ID, "the user asked"))
	h.ok(h.store.Redeliver(h.ctx(), d.ID, "the user asked")) // repeated, as every call may be
	again := h.due(10)
	equal(h, "due", len(again), 1)
	equal(h, "attempt", again[0].Attempt, 2)
	equal(h, "that count before", again[0].Before, 1)
	equal(h, "queued", again[0].QueuedAt.UTC(), h.clock.Now())
	equal(h, "what was sent stays sent", again[0].PartsSent, 1)
	h.settle(again[0], store.StateSent, "m1", "m2")
	h.is(h.store.Redeliver(h.ctx(), d.ID, "x"), store.ErrState, "what was sent")
	events, err := h.store.Trace(h.ctx(), d.ID)
	h.ok(err)
	equal(h, "trace", strings.Contains(events[0].Detail, "the user asked"), true)
}

func (h *harness) drop() {
	t := h.turn("ann", 1)
	h.finish(t, h.delivery(t, 1), h.delivery(t, 2))
	first := store.DeliveryID(t.Cause, 1)
	h.ok(h.store.Drop(h.ctx(), first, "not wanted"))
	h.ok(h.store.Drop(h.ctx(), first, "not wanted"))
	d := h.deliveryOf(first)
	equal(h, "state", d.State, store.StateSuppressed)
	equal(h, "why", d.LastError.Message, "not wanted")
	next := h.due(10)
	equal(h, "the next one goes", next[0].Ordinal, 2)
	h.is(h.store.Drop(h.ctx(), next[0].ID, "x"), store.ErrState, "while it is sent")
	h.is(h.store.Drop(h.ctx(), "d-none", "x"), store.ErrNotFound, "an unknown id")
}

func (h *harness) replay() {
	t := h.turn("ann", 1)
	_, err := h.store.Replay(h.ctx(), t.Cause, "x")
	h.is(err, store.ErrState, "while it is answered")
	_, err = h.store.Replay(h.ctx(), "echo/acc/none", "x")
	h.is(err, store.ErrNotFound, "an unknown cause")
	h.finish(t, h.delivery(t, 1))
	replay, err := h.store.Replay(h.ctx(), t.Cause, "the agent is mended")
	h.ok(err)
	same, err := h.store.Replay(h.ctx(), t.Cause, "again")
	h.ok(err)
	equal(h, "one at a time", same, replay)
	again := h.claim(10)
	equal(h, "claimed", len(again), 1)
	equal(h, "cause", again[0].Cause, replay)
	equal(h, "message", again[0].Message, t.Message)
	h.finish(again[0], h.delivery(again[0], 1))
	m, err := h.store.Message(h.ctx(), replay)
	h.ok(err)
	equal(h, "of", m.ReplayOf, t.Cause)
	second, err := h.store.Replay(h.ctx(), t.Cause, "once more")
	h.ok(err)
	if second == replay {
		h.Fatal("a second replay has the cause of the first")
	}
	ds, _, err := h.store.Deliveries(h.ctx(), store.Filter{Conversation: t.Conversation})
	h.ok(err)
	equal(h, "two answers", len(ds), 2)
}

func (h *harness) ledger() {
	for n := range 5 {
		for _, user := range []string{"ann", "bob"} {
			m := message(user, n)
			m.User.DisplayName = "Name of " + user
			m.Text = fmt.Sprintf("100%% of %s's number %d", user, n)
			h.append(inbound(m))
			h.clock.Add(time.Second)
		}
	}
	var seen []string
	f := store.Filter{Limit: 4}
	for {
		page, next, err := h.store.Messages(h.ctx(), f)
		h.ok(err)
		for _, m := range page {
			seen = append(seen, m.Message.ID)
		}
		if next == 0 {
			break
		}
		f.Before = next
	}
	equal(h, "all, newest first", strings.Join(seen, " "), "bob-4 ann-4 bob-3 ann-3 bob-2 ann-2 bob-1 ann-1 bob-0 ann-0")
	for _, t := range h.claim(10) {
		h.finish(t, h.delivery(t, 1))
	}
	for what, c := range map[string]struct {
		f    store.Filter
		want int
	}{
		"of a user":            {store.Filter{UserID: "ann"}, 5},
		"of a conversation":    {store.Filter{Conversation: "c:bob"}, 5},
		"of another account":   {store.Filter{Account: "none"}, 0},
		"that wait":            {store.Filter{Outcomes: []store.Outcome{""}}, 8},
		"answered":             {store.Filter{Outcomes: []store.Outcome{store.OutcomeAnswered, store.OutcomeFailed}}, 2},
		"with a word":          {store.Filter{Search: "NUMBER 3"}, 2},
		"with a name":          {store.Filter{Search: "of bob"}, 5},
		"with a wild card":     {store.Filter{Search: "100%"}, 10},
		"with another one":     {store.Filter{Search: "1%of"}, 0},
		"by their id":          {store.Filter{Search: "echo/acc/ann-2"}, 1},
		"since":                {store.Filter{Since: h.clock.Now().Add(-3 * time.Second)}, 3},
		"until":                {store.Filter{Until: h.clock.Now().Add(-3 * time.Second)}, 7},
		"with several at once": {store.Filter{UserID: "ann", Search: "number 3", Platform: "echo"}, 1},
	} {
		got, _, err := h.store.Messages(h.ctx(), c.f)
		h.ok(err)
		equal(h, "messages "+what, len(got), c.want)
	}
	ds, next, err := h.store.Deliveries(h.ctx(), store.Filter{States: []store.DeliveryState{store.StateQueued}, Limit: 1})
	h.ok(err)
	equal(h, "deliveries", len(ds), 1)
	ds, next, err = h.store.Deliveries(h.ctx(), store.Filter{States: []store.DeliveryState{store.StateQueued}, Limit: 1, Before: next})
	h.ok(err)
	equal(h, "the other one", len(ds), 1)
	equal(h, "the last page", next, 0)
	ds, _, err = h.store.Deliveries(h.ctx(), store.Filter{Cause: ds[0].Cause, Platform: "echo", Search: ds[0].ChannelID})
	h.ok(err)
	equal(h, "of a cause", len(ds), 1)
	cs, _, err := h.store.Conversations(h.ctx(), store.Filter{Search: "NAME OF a"})
	h.ok(err)
	equal(h, "conversations", len(cs), 1)
	equal(h, "key", cs[0].Key, "c:ann")
	tap := message("zoe", 1)
	tap.Text, tap.Content.Interaction = "button:a1", &chat.Interaction{Kind: chat.InteractionButton, ID: "a1", Title: "Restart"}
	tap.Account = "another"
	h.append(inbound(tap))
	tapped, _, err := h.store.Messages(h.ctx(), store.Filter{Account: "another"})
	h.ok(err)
	equal(h, "what was tapped", tapped[0].Preview, "[Restart]")
}

func (h *harness) tail() {
	in := inbound(message("ann", 1))
	in.Trace = []store.TraceEvent{{At: h.clock.Now(), Hop: "first"}}
	h.append(in)
	var events []store.TraceEvent
	var last int64
	var err error
	for last == 0 { // as long as what others are writing at this moment may come before the first
		events, last, err = h.store.TraceAfter(h.ctx(), -1, 10)
		h.ok(err)
	}
	equal(h, "nothing before the end", len(events), 0)
	h.ok(h.store.AppendTrace(h.ctx(), []store.TraceEvent{
		{At: h.clock.Now(), Hop: "second", Cause: "x"}, {At: h.clock.Now(), Hop: "third", Cause: "x"},
	}))
	var next int64
	for len(events) < 2 { // what others are writing at this moment may come before it
		events, next, err = h.store.TraceAfter(h.ctx(), last, 10)
		h.ok(err)
	}
	equal(h, "events", len(events), 2)
	equal(h, "hop", events[1].Hop, "third")
	equal(h, "cause", events[1].Cause, "x")
	events, same, err := h.store.TraceAfter(h.ctx(), next, 10)
	h.ok(err)
	equal(h, "no more", len(events), 0)
	equal(h, "position", same, next)
	events, _, err = h.store.TraceAfter(h.ctx(), 0, 1)
	h.ok(err)
	equal(h, "from the start", events[0].Hop, "first")
}

func (h *harness) webhook() {
	in := inbound(message("ann", 1), message("ann", 2))
	in.Request = &chat.Request{
		Method: "POST", URI: "/webhook/echo", Headers: []chat.Header{{Name: "x-signature", Value: "abc"}},
		Body: []byte("{\"a\": \xff}"), ReceivedAt: h.clock.Now(),
	}
	for _, cause := range h.append(in).New {
		got, err := h.store.Webhook(h.ctx(), cause)
		h.ok(err)
		equal(h, "request", got, *in.Request)
	}
	h.append(inbound(message("ann", 3)))
	_, err := h.store.Webhook(h.ctx(), "echo/acc/ann-3")
	h.is(err, store.ErrNotFound, "one that was not kept")
}

func (h *harness) retention() {
	t := h.turn("ann", 1)
	h.append(inbound(message("bob", 1)))
	h.ok(h.store.Finish(h.ctx(), t, store.Result{
		Outcome: store.OutcomeAnswered, HistoryAgent: "a", History: []chat.Turn{{Text: "x"}},
		Trace: []store.TraceEvent{{At: h.clock.Now(), Hop: "agent.end"}},
	}))
	day := 24 * time.Hour
	prune := func(r store.Retention) {
		h.Helper()
		h.ok(h.store.Prune(h.ctx(), r))
	}
	month := store.Retention{IDs: 30 * day, Ledger: 30 * day, Bodies: 30 * day, Trace: 30 * day, History: 30 * day}
	h.clock.Add(2 * day)
	prune(month)
	_, err := h.store.Trace(h.ctx(), "ann-1")
	h.ok(err)
	short := month
	short.Trace, short.Bodies, short.History = day, day, day
	prune(short)
	_, err = h.store.Trace(h.ctx(), "ann-1")
	h.is(err, store.ErrNotFound, "the trace")
	m, err := h.store.Message(h.ctx(), t.Cause)
	h.ok(err)
	if m.Message != nil || m.Preview != "" || m.Outcome != store.OutcomeAnswered {
		h.Fatalf("the body is kept: %+v", m)
	}
	_, err = h.store.Replay(h.ctx(), t.Cause, "x")
	h.is(err, store.ErrNotFound, "the replay of a forgotten body")
	turns, err := h.store.History(h.ctx(), t.Conversation, "a", 10)
	h.ok(err)
	equal(h, "history", len(turns), 0)
	prune(store.Retention{})
	_, err = h.store.Message(h.ctx(), t.Cause)
	h.is(err, store.ErrNotFound, "the message")
	equal(h, "its id is known for seven days", h.append(inbound(message("ann", 1))).Duplicates, 1)
	equal(h, "what waits has its body", h.claim(1)[0].Message.Text, "text 1")
}

func (h *harness) full() {
	var ms []chat.Message
	for n := range MaxMessages {
		ms = append(ms, message("ann", n))
	}
	h.append(inbound(ms...))
	_, err := h.store.Append(h.ctx(), inbound(message("bob", 1)))
	h.is(err, store.ErrFull, "one more")
	h.is(h.store.Ping(h.ctx()), store.ErrFull, "readiness")
	h.receive(receipt("r1", "m1", "", chat.ReceiptSent))
	h.finish(h.claim(1)[0])
	h.ok(h.store.Ping(h.ctx()))
	h.append(inbound(message("bob", 1)))
}

// large: what passes a limit by itself is taken, since it would come again for ever.
func (h *harness) large() {
	var ms []chat.Message
	for n := range MaxMessages + 1 {
		ms = append(ms, message("ann", n))
	}
	equal(h, "all", len(h.append(inbound(ms...)).New), len(ms))
	_, err := h.store.Append(h.ctx(), inbound(message("bob", 1)))
	h.is(err, store.ErrFull, "one more")
}

func (h *harness) fullOutbox() {
	answers := func(user string, n int) store.Turn {
		h.Helper()
		t := h.turn(user, 1)
		var ds []store.Delivery
		for i := range n {
			ds = append(ds, h.delivery(t, i+1))
		}
		h.finish(t, ds...)
		return t
	}
	claim := func() error {
		_, err := h.store.Claim(h.ctx(), owner, store.LaneTurn, 10, lease)
		return err
	}
	send := func(n int) error {
		key := fmt.Sprint("operator/", n)
		return h.store.Send(h.ctx(), store.Delivery{
			ID: store.DeliveryID(key, 1), Cause: key, Ordinal: 1, Platform: "echo", Account: "acc", Conversation: "c:zoe",
			ChannelID: "zoe", CreatedAt: h.clock.Now(), Response: chat.Response{Text: "news"}, Bulk: true,
		}, nil)
	}
	h.append(inbound(message("bob", 1)))
	running := h.claim(1)[0]
	first := answers("ann", MaxMessages-MaxMessages/10)
	h.is(send(1), store.ErrFull, "an operator's message, when a tenth is left")
	h.ok(claim())
	answers("cem", MaxMessages/10)
	h.is(claim(), store.ErrFull, "one more turn")
	h.append(inbound(message("ann", 2)))
	answer := h.delivery(running, 1)
	h.finish(running, answer) // it was asked before
	equal(h, "its answer", h.state(answer.ID), store.StateQueued)
	d := h.due(1)[0]
	equal(h, "the oldest", d.Cause, first.Cause)
	h.settle(d, store.StateSent, "m1")
	h.is(claim(), store.ErrFull, "with one too many")
	d = h.due(1)[0]
	h.settle(d, store.StateSent, "m2")
	equal(h, "room again", len(h.claim(1)), 1)
}

func (h *harness) wholeOrNot() {
	var ms []chat.Message
	for n := range 1000 {
		ms = append(ms, message(fmt.Sprint("user", n%50), n))
	}
	spoiled := inbound(ms...)
	spoiled.Notices = []chat.Notice{{ID: "n", Raw: []byte("{")}} // cannot be stored
	if _, err := h.store.Append(h.ctx(), spoiled); err == nil {
		h.Fatal("a notice that is no JSON was stored")
	}
	b, err := h.store.Backlog(h.ctx())
	h.ok(err)
	equal(h, "nothing is stored", b.InboxPending, 0)
	equal(h, "all are new", len(h.append(inbound(ms...)).New), len(ms))
}

func (h *harness) operatorSend() {
	old := inbound(message("old", 1))
	h.append(old)
	moved := inbound(message("new", 1))
	moved.Messages[0].Aliases, moved.Messages[0].Message.User.Aliases = []string{"c:old"}, []string{"old"}
	moved.Messages[0].Message.SentAt = h.clock.Now()
	h.append(moved)
	d := store.Delivery{
		ID: "d-op", Cause: "operator/1", Ordinal: 1, Platform: "echo", Account: "acc", Conversation: "c:new", ChannelID: "new",
		Response: chat.Response{Text: "maintenance at noon"}, CreatedAt: h.clock.Now(),
	}
	trace := []store.TraceEvent{{At: h.clock.Now(), Hop: "operator.send", DeliveryID: d.ID}}
	h.ok(h.store.Send(h.ctx(), d, trace))
	h.ok(h.store.Send(h.ctx(), d, trace)) // the answer to the first call may have been lost
	equal(h, "filed under the conversation's key", h.deliveryOf("d-op").Conversation, "c:old")
	events, err := h.store.Trace(h.ctx(), "d-op")
	h.ok(err)
	equal(h, "one trace", len(events), 1)
	d.ID, d.Cause, d.Conversation, d.ChannelID = "d-op2", "operator/2", "c:stranger", "stranger"
	h.ok(h.store.Send(h.ctx(), d, nil))
	loads, err := h.store.Loads(h.ctx(), "echo", h.clock.Now().Add(-time.Hour))
	h.ok(err)
	equal(h, "load", loads["acc"], store.Load{Pending: 2, OpenWindows: 1})
	for search, want := range map[string]int{"MAINTENANCE at": 2, "at midnight": 0, "text": 0} {
		found, _, err := h.store.Deliveries(h.ctx(), store.Filter{Search: search})
		h.ok(err)
		equal(h, "found by "+search, len(found), want)
	}
	due, err := h.store.ClaimDeliveries(h.ctx(), "sender", 10, time.Minute)
	h.ok(err)
	equal(h, "both are sent", len(due), 2)
}
