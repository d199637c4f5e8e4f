package storetest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Conversations is how many conversations Capacity simulates: AOFD_CAPACITY says so. Without it the test is
// skipped, since it takes minutes.
func Conversations(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("AOFD_CAPACITY"))
	if err != nil {
		t.Skip("it takes minutes: see make capacity")
	}
	return n
}

// Capacity fills a store with conversations, each with a message that waits, has a tenth of them answered and
// sent, and says how fast each of that was. size returns the bytes on disk.
func Capacity(t *testing.T, s store.Store, conversations int, size func() int64) {
	c := &capacity{T: t, store: s, size: size, series: time.Now().UnixNano()}
	c.measure("store the first message of a conversation, 100 in a webhook", conversations, 8, 100, func(from, to int) error {
		return c.append(from, to, 0)
	})
	c.measure("store a message more, one in a webhook, 64 at once", conversations/20, 64, 1, func(from, to int) error {
		return c.append(from, to, 1)
	})
	c.answer(conversations / 10)
	c.measure("store a message more, one in a webhook, 64 at once", conversations/20, 64, 1, func(from, to int) error {
		return c.append(from, to, 2)
	})
	c.reads()
}

type capacity struct {
	*testing.T
	store store.Store
	size  func() int64

	series int64 // makes the ids of this run its own
}

func (c *capacity) append(from, to, round int) error {
	var in store.Inbound
	for n := from; n < to; n++ {
		user := fmt.Sprintf("49%011d", n)
		in.Messages = append(in.Messages, store.InboundMessage{
			Message: chat.Message{
				ID: fmt.Sprintf("wamid.%d.%d.%d", c.series, n, round), Platform: "p", Account: fmt.Sprint("a", n%100), ChannelID: user,
				User: chat.User{ID: user, DisplayName: "Ada"}, Text: strings.Repeat("x", 60), SentAt: time.Now(), ReceivedAt: time.Now(),
			},
			Conversation: fmt.Sprintf("p/a%d/%s", n%100, user), Lane: store.LaneTurn,
		})
	}
	in.MaxPerUser = 10
	in.Trace = []store.TraceEvent{{At: time.Now(), Hop: store.HopReceived, Detail: "600 bytes, signature valid", Duration: time.Millisecond}}
	a, err := c.store.Append(context.Background(), in)
	if err == nil && len(a.New) != to-from {
		err = fmt.Errorf("%d of %d messages are new", len(a.New), to-from)
	}
	return err
}

// measure does n things, chunk of them at once, from several callers.
func (c *capacity) measure(what string, n, callers, chunk int, do func(from, to int) error) {
	c.Helper()
	before, start := c.size(), time.Now()
	var next atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for {
				to := next.Add(int64(chunk))
				from := to - int64(chunk)
				if from >= int64(n) || c.Failed() {
					return
				}
				began := time.Now()
				if err := do(int(from), int(min(to, int64(n)))); err != nil {
					c.Error(err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	c.say(what, n, time.Since(start), took, c.size()-before)
}

func (c *capacity) say(what string, n int, all time.Duration, took []time.Duration, grown int64) {
	slices.Sort(took)
	at := func(p float64) time.Duration {
		if len(took) == 0 {
			return 0
		}
		return took[int(p*float64(len(took)-1))].Round(10 * time.Microsecond)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c.Logf("%-62s %9d in %7s: %7.0f/s, p50 %v, p99 %v, %d bytes each on disk, heap %d MB", what, n, all.Round(100*time.Millisecond),
		float64(n)/all.Seconds(), at(0.5), at(0.99), grown/int64(max(n, 1)), m.HeapInuse>>20)
}

// answer takes some turns, the oldest, and sends their answers.
func (c *capacity) answer(some int) {
	ctx := context.Background()
	before, start := c.size(), time.Now()
	turns, done := make(chan store.Turn, 256), 0
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for t := range turns {
				began := time.Now()
				d := store.Delivery{
					ID: store.DeliveryID(t.Cause, 1), Cause: t.Cause, Ordinal: 1, Platform: "p", Account: t.Message.Account,
					Conversation: t.Conversation, ChannelID: t.Message.ChannelID, Response: chat.Response{Text: "fine"}, CreatedAt: time.Now(),
				}
				if err := c.store.Finish(ctx, t, store.Result{
					Outcome: store.OutcomeAnswered, Deliveries: []store.Delivery{d},
					Trace: []store.TraceEvent{{At: time.Now(), Hop: store.HopTurnEnd, Detail: "answered"}},
				}); err != nil {
					c.Error(err)
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	for done < some && !c.Failed() {
		claimed, err := c.store.Claim(ctx, "h", store.LaneTurn, min(256, some-done), time.Hour)
		if err != nil {
			c.Fatal(err)
		}
		for _, t := range claimed {
			turns <- t
		}
		done += len(claimed)
	}
	close(turns)
	wg.Wait()
	c.say("take a turn and record its answer", done, time.Since(start), took, c.size()-before)

	before, start, done, took = c.size(), time.Now(), 0, nil
	due := make(chan store.Delivery, 256)
	for range 64 {
		wg.Go(func() {
			for d := range due {
				began := time.Now()
				if err := c.store.Settle(ctx, store.Settlement{
					DeliveryID: d.ID, Attempt: d.Attempt, State: store.StateSent, MessageIDs: []string{"wamid.out." + d.ID}, Conversation: d.Conversation,
					Trace: []store.TraceEvent{{At: time.Now(), Hop: store.HopAttempt, DeliveryID: d.ID}},
				}); err != nil {
					c.Error(err)
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	for done < some && !c.Failed() {
		claimed, err := c.store.ClaimDeliveries(ctx, "h", 256, time.Hour)
		if err != nil {
			c.Fatal(err)
		}
		for _, d := range claimed {
			due <- d
		}
		done += len(claimed)
	}
	close(due)
	wg.Wait()
	c.say("send an answer and record how that ended", done, time.Since(start), took, c.size()-before)
}

// reads shows how long people wait for lists.
func (c *capacity) reads() {
	ctx := context.Background()
	for what, read := range map[string]func() error{
		"list messages":      func() error { _, _, err := c.store.Messages(ctx, store.Filter{}); return err },
		"list conversations": func() error { _, _, err := c.store.Conversations(ctx, store.Filter{}); return err },
		"trace a message":    func() error { _, err := c.store.Trace(ctx, fmt.Sprintf("wamid.%d.77.0", c.series)); return err },
		"count what waits":   func() error { _, err := c.store.Backlog(ctx); return err },
	} {
		start := time.Now()
		if err := read(); err != nil {
			c.Error(what, err)
		}
		c.Logf("%-62s %v", what, time.Since(start).Round(10*time.Microsecond))
	}
}
