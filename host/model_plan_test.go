package host_test

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/aof-dev/aofd/sdk/chat"
)

// plan is everything that happens in one run of the model. It is drawn from a seed before the run begins, so
// that the same seed is the same run. Times are from the beginning.
type plan struct {
	Hosts    int
	Window   time.Duration // in which a burst is answered together; 0: never
	Pair     chat.Rate     // what a recipient gets; zero: without a limit
	Messages []*planned
	Troubles []trouble
}

// planned is a message that somebody writes, and what becomes of it outside the hosts.
type planned struct {
	N     int
	Chat  int             // which conversation
	At    time.Duration   // when it is sent to a host
	With  int             // N of the message whose webhook brings it, too; its own: it comes by itself
	Again []time.Duration // after At: the same webhook once more
	NewID bool            // the repetitions have another event id
	Agent agentPlan
	Sends []sendPlan // by attempt of each of its deliveries; further ones go well
}

// agentPlan is how an agent deals with a message.
type agentPlan struct {
	Takes time.Duration
	Parts int
	Ends  string // answer, nothing, error, panic or hang
}

// sendPlan is how the platform deals with one attempt of a delivery.
type sendPlan struct {
	Takes    time.Duration
	Ends     string // see sendEnds
	Receipts []receiptPlan
}

// receiptPlan is a status that the platform reports, so long after it took the message.
type receiptPlan struct {
	Status chat.ReceiptStatus
	After  time.Duration
	Twice  bool
	Passes bool // of a failure: the same message may work later
}

// trouble is something that happens to a host or is done by the operator.
type trouble struct {
	What string // kill, stop, cut off, pause
	Host int
	At   time.Duration
	// Call, when it is more than 0, kills the host at its n-th call of the store after At instead; Stored says
	// whether that call still has its effect.
	Call   int
	Stored bool
	Lasts  time.Duration // until the host is there again, or until it is resumed
}

var (
	agentEnds = []string{"answer", "answer", "answer", "answer", "nothing", "error", "panic", "hang"}
	// What happens to a send: it goes well; is put off; nothing went out, and that is certain; it went out but the
	// answer was lost; it did not go out and the answer was lost; it is refused for good; only a notice went out,
	// since the reply window is over; of two parts only one went out.
	sendEnds   = []string{"ok", "ok", "ok", "limited", "down", "lost", "gone", "refused", "held", "half"}
	statuses   = []chat.ReceiptStatus{chat.ReceiptSent, chat.ReceiptDelivered, chat.ReceiptRead}
	lifeOfTest = 100 * time.Second // in which everything of a plan begins
)

// drawPlan draws a plan. Small numbers make calm plans, which is where failures are shrunk to.
func drawPlan(t *rapid.T) *plan {
	p := &plan{Hosts: rapid.IntRange(1, 2).Draw(t, "hosts")}
	if rapid.IntRange(0, 3).Draw(t, "window") == 3 {
		p.Window = 3 * time.Second
	}
	if rapid.IntRange(0, 2).Draw(t, "pair") == 2 {
		p.Pair = chat.Rate{Period: 5 * time.Second, Burst: uint32(rapid.IntRange(1, 4).Draw(t, "burst"))}
	}
	chats := rapid.IntRange(1, 3).Draw(t, "chats")
	n := rapid.IntRange(1, 14).Draw(t, "messages")
	at := time.Duration(0)
	for i := range n {
		// Each has a moment of its own, so that the order of arrival is certain.
		at += time.Duration(rapid.IntRange(1, 9_000).Draw(t, "gap"))*time.Millisecond + 137*time.Microsecond
		m := &planned{N: i, Chat: rapid.IntRange(0, chats-1).Draw(t, "chat"), At: at, With: i}
		if i > 0 && rapid.IntRange(0, 4).Draw(t, "batch") == 4 {
			m.With = p.Messages[i-1].With
			at = p.Messages[m.With].At
			m.At = at
		}
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "again") {
			m.Again = append(m.Again, millis(t, "again after", 30_000))
		}
		m.NewID = len(m.Again) > 0 && rapid.Bool().Draw(t, "new id")
		m.Agent = agentPlan{
			Takes: millis(t, "agent takes", 25_000), Parts: rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "parts"),
			Ends: rapid.SampledFrom(agentEnds).Draw(t, "agent ends"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "attempts") {
			m.Sends = append(m.Sends, drawSend(t))
		}
		p.Messages = append(p.Messages, m)
	}
	for range rapid.IntRange(0, 4).Draw(t, "troubles") {
		b := trouble{
			What: rapid.SampledFrom([]string{"kill", "kill", "stop", "cut off", "pause"}).Draw(t, "what"),
			Host: rapid.IntRange(0, p.Hosts-1).Draw(t, "host"), At: millis(t, "at", int(lifeOfTest.Milliseconds())),
			Lasts: millis(t, "lasts", 40_000),
		}
		if b.What == "kill" && rapid.Bool().Draw(t, "by call") {
			b.Call, b.Stored = rapid.IntRange(1, 12).Draw(t, "call"), rapid.Bool().Draw(t, "stored")
		}
		p.Troubles = append(p.Troubles, b)
	}
	return p
}

func drawSend(t *rapid.T) sendPlan {
	s := sendPlan{Takes: millis(t, "send takes", 8_000), Ends: rapid.SampledFrom(sendEnds).Draw(t, "send ends")}
	for range rapid.IntRange(0, 3).Draw(t, "receipts") {
		s.Receipts = append(s.Receipts, receiptPlan{
			Status: rapid.SampledFrom(statuses).Draw(t, "status"), After: millis(t, "after", 20_000),
			Twice: rapid.Bool().Draw(t, "twice"),
		})
	}
	if s.Ends == "ok" && rapid.IntRange(0, 5).Draw(t, "fails later") == 5 {
		s.Receipts = append(s.Receipts, receiptPlan{
			Status: chat.ReceiptFailed, After: millis(t, "after", 20_000), Passes: rapid.Bool().Draw(t, "passes"),
		})
	}
	return s
}

func millis(t *rapid.T, label string, most int) time.Duration {
	return time.Duration(rapid.IntRange(1, most).Draw(t, label)) * time.Millisecond
}

// String tells the plan as a story.
func (p *plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d hosts, window %s, pair %+v\n", p.Hosts, p.Window, p.Pair)
	for _, m := range p.Messages {
		fmt.Fprintf(&b, "m%d in chat %d at %s, with m%d, again %v (new id %v); agent %+v\n",
			m.N, m.Chat, m.At, m.With, m.Again, m.NewID, m.Agent)
		for i, s := range m.Sends {
			fmt.Fprintf(&b, "  attempt %d: %+v\n", i+1, s)
		}
	}
	for _, x := range p.Troubles {
		fmt.Fprintf(&b, "%+v\n", x)
	}
	return b.String()
}
