package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Cycle measures whole turns: a message is stored, its lane claimed, its answer recorded, claimed for sending and
// settled. As many of them are under way at once as there are callers; as in a host, one loop claims turns and
// another one deliveries. The metrics are those of each step in microseconds, the median and the 99th percentile.
func Cycle(b *testing.B, s store.Store, callers int) {
	c := &cycle{
		B: b, store: s, series: time.Now().UnixNano(), steps: map[string][]time.Duration{},
		under: make(map[string]chan struct{}), turns: make(chan struct{}, 1), due: make(chan struct{}, 1),
	}
	b.ReportAllocs()
	b.ResetTimer()
	ctx, stop := context.WithCancel(b.Context())
	var loops, clients sync.WaitGroup
	loops.Go(func() { c.loop(ctx, c.turns, c.takeTurns) })
	loops.Go(func() { c.loop(ctx, c.due, c.send) })
	for range callers {
		clients.Go(func() {
			for n := c.next.Add(1); n <= int64(b.N) && !b.Failed(); n = c.next.Add(1) {
				c.message(n)
			}
		})
	}
	clients.Wait()
	b.StopTimer()
	stop()
	loops.Wait()
	c.workers.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "turns/s")
	for step, took := range c.steps {
		slices.Sort(took)
		for _, p := range []int{50, 99} {
			b.ReportMetric(float64(took[(len(took)-1)*p/100].Microseconds()), fmt.Sprintf("%s-p%d-µs", step, p))
		}
	}
}

type cycle struct {
	*testing.B
	store  store.Store
	series int64 // makes the ids of this run its own
	next   atomic.Int64

	turns, due chan struct{} // there may be some to claim
	workers    sync.WaitGroup

	mu    sync.Mutex
	steps map[string][]time.Duration
	under map[string]chan struct{} // closed when the delivery with that id is settled
}

// cycleUsers is how many conversations there are.
const cycleUsers = 10_000

// message stores one and returns when its answer is settled.
func (c *cycle) message(n int64) {
	user := fmt.Sprintf("49%011d", n%cycleUsers)
	m := chat.Message{
		ID: fmt.Sprintf("wamid.%d.%d", c.series, n), Platform: "p", Account: fmt.Sprint("a", n%4), ChannelID: user,
		User: chat.User{ID: user, DisplayName: "Ada"}, Text: strings.Repeat("x", 60), SentAt: time.Now(), ReceivedAt: time.Now(),
	}
	done := make(chan struct{})
	c.mu.Lock()
	c.under[store.DeliveryID(store.CauseOf(m), 1)] = done
	c.mu.Unlock()
	began := time.Now()
	_, err := c.store.Append(c.Context(), store.Inbound{
		Messages:   []store.InboundMessage{{Message: m, Conversation: "p/" + m.Account + "/" + user, Lane: store.LaneTurn}},
		MaxPerUser: 10,
		Request:    &chat.Request{Method: "POST", URI: "/webhook/p", Body: []byte(strings.Repeat("y", 600)), ReceivedAt: m.ReceivedAt},
		Trace:      []store.TraceEvent{{At: time.Now(), Hop: store.HopReceived, Detail: "600 bytes, signature valid", Duration: time.Millisecond}},
	})
	c.took("append", began, err)
	wake(c.turns)
	select {
	case <-done:
	case <-c.Context().Done():
	case <-time.After(time.Minute):
		c.Errorf("%s is not answered", m.ID)
	}
	c.took("whole", began, nil)
}

func wake(loop chan struct{}) {
	select {
	case loop <- struct{}{}:
	default:
	}
}

func (c *cycle) took(step string, began time.Time, err error) {
	took := time.Since(began)
	if err != nil && c.Context().Err() == nil {
		c.Errorf("%s: %v", step, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps[step] = append(c.steps[step], took)
}

// loop claims again and again when it is woken.
func (c *cycle) loop(ctx context.Context, woken chan struct{}, claim func() (more bool)) {
	poll := time.NewTicker(time.Second)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-woken:
		case <-poll.C:
		}
		for claim() {
		}
	}
}

// cycleClaims is how many are claimed at once, at most.
const cycleClaims = 64

func (c *cycle) takeTurns() (more bool) {
	began := time.Now()
	turns, err := c.store.Claim(c.Context(), "h", store.LaneTurn, cycleClaims, time.Hour)
	c.took("claim", began, err)
	for _, t := range turns {
		c.workers.Go(func() {
			began := time.Now()
			err := c.store.Finish(c.Context(), t, store.Result{
				Outcome: store.OutcomeAnswered,
				Deliveries: []store.Delivery{{
					ID: store.DeliveryID(t.Cause, 1), Cause: t.Cause, Ordinal: 1, Platform: "p", Account: t.Message.Account, Agent: "g",
					Conversation: t.Conversation, ChannelID: t.Message.ChannelID, Response: chat.Response{Text: "fine"}, CreatedAt: time.Now(),
				}},
				History: []chat.Turn{{Role: chat.RoleUser, Text: t.Message.Text}, {Role: chat.RoleAgent, Text: "fine"}}, HistoryAgent: "g",
				Trace: []store.TraceEvent{{At: time.Now(), Hop: store.HopTurnEnd, Detail: "answered"}},
			})
			c.took("finish", began, err)
			wake(c.turns)
			wake(c.due)
		})
	}
	return len(turns) == cycleClaims
}

func (c *cycle) send() (more bool) {
	began := time.Now()
	due, err := c.store.ClaimDeliveries(c.Context(), "h", cycleClaims, time.Hour)
	c.took("claim-deliveries", began, err)
	for _, d := range due {
		c.workers.Go(func() {
			began := time.Now()
			err := c.store.Settle(c.Context(), store.Settlement{
				DeliveryID: d.ID, Attempt: d.Attempt, State: store.StateSent, MessageIDs: []string{"wamid.out." + d.ID},
				Account: store.Account{Platform: d.Platform, Account: d.Account}, Conversation: d.Conversation,
				Trace: []store.TraceEvent{{At: time.Now(), Hop: store.HopAttempt, DeliveryID: d.ID}},
			})
			c.took("settle", began, err)
			c.mu.Lock()
			close(c.under[d.ID])
			delete(c.under, d.ID)
			c.mu.Unlock()
			wake(c.due)
		})
	}
	return len(due) == cycleClaims
}
