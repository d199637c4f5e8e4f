package dev

import (
	"context"
	"sync"
	"time"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// counts compares what people sent, as their phones know it, with what became of it, as the daemon's ledger
// knows it.
type counts struct {
	changed func()

	mu       sync.Mutex
	sent     map[id]string // state on the phone
	known    map[id]bool   // in the ledger; true: it has its outcome
	repeated map[string]uint64
	cursor   string // of the ledger's tail
	total    *hostv1.Counters
}

// id of a message of a person.
type id struct{ platform, message string }

// These bound the memory: later messages are not counted.
const (
	maxCounted = 100_000
	maxKnown   = 10 * maxCounted // a folder that is kept has those of earlier sessions, too
)

// countEvery is how often the two are compared.
const countEvery = 300 * time.Millisecond

func newCounts(changed func()) *counts {
	return &counts{
		changed: changed, sent: map[id]string{}, known: map[id]bool{}, repeated: map[string]uint64{},
		cursor: "0.0", total: &hostv1.Counters{},
	}
}

// phone notes a message on a phone.
func (c *counts) phone(platform string, m phoneMessage) {
	if m.Direction != "from_user" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := id{platform, m.ID}
	if _, known := c.sent[key]; known || len(c.sent) < maxCounted {
		c.sent[key] = m.State
	}
}

func (c *counts) counters(platform string, n phoneCounters) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.repeated[platform] = n.Repeated
}

// run compares until ctx ends. While the daemon is down the ledger cannot be read, and nothing counts as lost.
func (c *counts) run(ctx context.Context, dial func() (hostv1connect.HostServiceClient, error)) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		taken := c.taken()
		err := c.read(ctx, dial)
		c.compare(taken, err == nil)
	}
}

// taken are the messages whose webhook was answered with 200: those must be in the ledger from now on.
func (c *counts) taken() (out []id) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m, state := range c.sent {
		if state == "delivered" || state == "read" {
			out = append(out, m)
		}
	}
	return out
}

// read takes what is new in the ledger.
func (c *counts) read(ctx context.Context, dial func() (hostv1connect.HostServiceClient, error)) error {
	client, err := dial()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	stream, err := client.TailEvents(ctx, &hostv1.TailEventsRequest{Cursor: c.cursor})
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // it is only read
	for stream.Receive() {
		e := stream.Msg()
		c.cursor = e.GetCursor()
		if e.GetCaughtUp() {
			return nil
		}
		if m := e.GetMessage(); m != nil {
			c.learn(id{m.GetPlatform(), m.GetEventId()}, m.GetState() == "done")
		}
	}
	return stream.Err()
}

// learn notes that the ledger has a message, and whether that has its outcome.
func (c *counts) learn(m id, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.known[m]; known || len(c.known) < maxKnown {
		c.known[m] = done
	}
}

// compare counts. lost is judged by the messages that were taken before the ledger was read.
func (c *counts) compare(taken []id, read bool) {
	c.mu.Lock()
	out := &hostv1.Counters{Sent: uint64(len(c.sent)), Lost: c.total.GetLost()}
	for m, state := range c.sent {
		done, known := c.known[m]
		switch {
		case done:
			out.Answered++
		case state != "not_delivered" || known:
			out.Waiting++
		}
	}
	if read {
		out.Lost = 0
		for m, state := range c.sent {
			if _, known := c.known[m]; !known && state == "not_delivered" {
				out.Lost++
			}
		}
		for _, m := range taken {
			if _, known := c.known[m]; !known {
				out.Lost++
				out.Waiting--
			}
		}
	}
	for _, n := range c.repeated {
		out.Duplicated += n
	}
	same := out.GetSent() == c.total.GetSent() && out.GetAnswered() == c.total.GetAnswered() &&
		out.GetWaiting() == c.total.GetWaiting() && out.GetDuplicated() == c.total.GetDuplicated() && out.GetLost() == c.total.GetLost()
	c.total = out
	c.mu.Unlock()
	if !same {
		c.changed()
	}
}

func (c *counts) now() *hostv1.Counters {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &hostv1.Counters{
		Sent: c.total.GetSent(), Answered: c.total.GetAnswered(), Waiting: c.total.GetWaiting(),
		Duplicated: c.total.GetDuplicated(), Lost: c.total.GetLost(),
	}
}
