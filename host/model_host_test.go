package host_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/aof-dev/aofd/host/internal/egress"
	"github.com/aof-dev/aofd/host/internal/ingress"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/telemetry"
	"github.com/aof-dev/aofd/host/internal/turn"
	"github.com/aof-dev/aofd/sdk/chat"
)

// host is one host with its real stages, over a gate to the store that can be shut.
type host struct {
	world   *world
	n       int
	owner   string
	gate    *gate
	turn    *turn.Stage
	egress  *egress.Stage
	ingress *ingress.Handler
}

// parser has a host parse what the model's platform sends.
type parser struct{ w *world }

func (p parser) ParseMessage(_ context.Context, r chat.Request) (chat.Batch, error) {
	return p.w.parse(r.Body)
}

// planner asks the agent about everything.
type planner struct{}

func (planner) Plan(context.Context, store.Turn) (turn.Plan, error) {
	return turn.Plan{Agent: "a", Timeout: time.Minute, Why: "there is no other"}, nil
}

// boot starts host n.
func (w *world) boot(n int) *host {
	generation := w.generation.Add(1)
	h := &host{world: w, n: n, owner: fmt.Sprintf("host %d, start %d", n, generation)}
	h.gate = &gate{Store: w.store, world: w, died: make(chan struct{})}
	metrics := telemetry.New("test", func() (store.Backlog, error) { return store.Backlog{}, nil })
	log := slog.New(slog.DiscardHandler)
	h.egress = egress.New(egress.Settings{
		Owner: h.owner, Outbox: h.gate, Metrics: metrics, Logger: log,
		Sender: func(string, string) (egress.Sender, chat.Limits) { return h, w.limits },
	})
	h.turn = turn.New(turn.Settings{
		Owner: h.owner, Lanes: h.gate, Planner: planner{}, Agents: h, Enqueued: h.egress.Wake, MaxConcurrent: 100,
		ProgressAfter: 10 * time.Second, Window: w.plan.Window, Metrics: metrics, Logger: log,
	})
	h.ingress = ingress.New(ingress.Settings{
		Platform: netPlatform, ContentTypes: func() []string { return nil }, Parser: parser{w}, Inbox: h.gate,
		Lane: func(chat.Message) store.LaneKind { return store.LaneTurn }, Arrived: func(kinds ...store.LaneKind) { h.turn.Wake(kinds...); h.egress.Wake() },
		MaxBodyBytes: 1 << 20, Timeout: 10 * time.Second, InFlight: semaphore.NewWeighted(1 << 20),
		Metrics: metrics, Logger: log,
	})
	h.egress.Start()
	h.turn.Start()
	return h
}

// stop ends the goroutines of a host, within d if it can.
func (h *host) stop(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	if d == 0 {
		cancel()
	}
	h.turn.Stop(ctx)
	h.egress.Stop(ctx)
}

// anyHost returns a host that is there; nil when there is none.
func (w *world) anyHost(n int) *host {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.hosts {
		if h := w.hosts[(n+i)%len(w.hosts)]; h != nil {
			return h
		}
	}
	return nil
}

// trouble makes a trouble happen and, when it is over, everything be as before.
func (w *world) trouble(b trouble) {
	if b.What == "pause" {
		w.pause(b.Lasts)
		return
	}
	w.mu.Lock()
	h := w.hosts[b.Host]
	if h == nil {
		w.mu.Unlock()
		return // it is gone already
	}
	switch b.What {
	case "cut off":
		h.gate.away.Store(int64(w.now() + b.Lasts))
		w.mu.Unlock()
		return
	case "kill":
		if b.Call == 0 {
			h.gate.die()
			break
		}
		h.gate.mu.Lock()
		h.gate.calls, h.gate.stored = b.Call, b.Stored
		h.gate.mu.Unlock()
		w.mu.Unlock()
		select {
		case <-h.gate.died:
		case <-time.After(time.Minute):
			return // it made no more calls
		}
		w.mu.Lock()
	}
	if w.hosts[b.Host] != h {
		w.mu.Unlock()
		return
	}
	w.hosts[b.Host] = nil
	w.mu.Unlock()
	if b.What == "stop" {
		h.stop(2 * time.Second)
		if err := w.store.Leave(context.Background(), h.owner); err != nil {
			w.mu.Lock()
			w.problem("leave: %v", err)
			w.mu.Unlock()
		}
	} else {
		h.stop(0)
	}
	time.Sleep(b.Lasts)
	next := w.boot(b.Host)
	w.mu.Lock()
	w.hosts[b.Host] = next
	w.mu.Unlock()
}

func (w *world) pause(d time.Duration) {
	account := store.Account{Platform: netPlatform, Account: netAccount}
	w.mu.Lock()
	twice := w.pausedAt > 0
	if !twice {
		w.pausedAt = w.now()
	}
	w.mu.Unlock()
	if twice {
		return
	}
	err := w.store.Pause(context.Background(), account, "model")
	time.Sleep(d)
	err = errors.Join(err, w.store.Resume(context.Background(), account))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pausedAt = 0
	if err != nil {
		w.problem("pause: %v", err)
	}
}

var (
	errGone = errors.New("this host is dead")
	errAway = errors.New("the store cannot be reached")
)

// gate is the store as one host sees it. After the host's death nothing gets through.
type gate struct {
	store.Store
	world *world
	dead  atomic.Bool
	died  chan struct{}
	once  sync.Once
	away  atomic.Int64 // until then (of world.now) the store cannot be reached

	mu     sync.Mutex
	calls  int  // until death; 0: none is planned
	stored bool // the last call has its effect
}

func (g *gate) die() {
	g.once.Do(func() { g.dead.Store(true); close(g.died) })
}

// through makes a call of the store.
func through[T any](g *gate, call func() (T, error)) (out T, err error) {
	last, err := g.enter()
	if err != nil {
		return out, err
	}
	if last && !g.stored {
		g.die()
		return out, errGone
	}
	got, err := call()
	if last {
		g.die()
	}
	if g.dead.Load() {
		return out, errGone
	}
	return got, err
}

func (g *gate) enter() (last bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.dead.Load() {
		return false, errGone
	}
	if int64(g.world.now()) < g.away.Load() {
		return false, errAway
	}
	if g.calls > 0 {
		g.calls--
		return g.calls == 0, nil
	}
	return false, nil
}

type nothing struct{}

func (g *gate) do(call func() error) error {
	_, err := through(g, func() (nothing, error) { return nothing{}, call() })
	return err
}

func (g *gate) Accept(ctx context.Context, in store.Inbound, filed func(store.Appended)) error {
	return g.do(func() error {
		return g.Store.Accept(ctx, in, func(out store.Appended) {
			g.world.arrived(out.New)
			if !g.dead.Load() {
				filed(out)
			}
		})
	})
}

func (g *gate) Claim(ctx context.Context, o string, k store.LaneKind, n int, d time.Duration) ([]store.Turn, error) {
	return through(g, func() ([]store.Turn, error) { return g.Store.Claim(ctx, o, k, n, d) })
}

func (g *gate) Renew(ctx context.Context, owner string, d time.Duration) error {
	return g.do(func() error { return g.Store.Renew(ctx, owner, d) })
}

func (g *gate) Release(ctx context.Context, t store.Turn) error {
	return g.do(func() error { return g.Store.Release(ctx, t) })
}

func (g *gate) Enqueue(ctx context.Context, t store.Turn, d []store.Delivery, e []store.TraceEvent) error {
	return g.do(func() error { return g.Store.Enqueue(ctx, t, d, e) })
}

func (g *gate) Finish(ctx context.Context, t store.Turn, r store.Result) error {
	return g.do(func() error {
		err := g.Store.Finish(ctx, t, r)
		if err == nil {
			g.world.finished(t, r)
			for _, m := range r.Merged {
				m.Epoch = t.Epoch
				g.world.finished(m, store.Result{Outcome: store.OutcomeMerged, Reason: t.Cause})
			}
		}
		return err
	})
}

func (g *gate) ClaimDeliveries(
	ctx context.Context, o string, n int, d time.Duration, r ...store.Rest,
) ([]store.Delivery, error) {
	return through(g, func() ([]store.Delivery, error) {
		out, err := g.Store.ClaimDeliveries(ctx, o, n, d, r...)
		g.world.claimed(out)
		return out, err
	})
}

func (g *gate) Settle(ctx context.Context, s store.Settlement) error {
	return g.do(func() error {
		err := g.Store.Settle(ctx, s)
		// Somebody else may have made it unknown by now.
		if d, gone := g.Store.Delivery(ctx, s.DeliveryID); err == nil && gone == nil && d.State != store.StateUnknown {
			g.world.settled(s.DeliveryID)
		}
		return err
	})
}

func (g *gate) HoldSenders(ctx context.Context, o string, a []store.Account, d time.Duration) ([]store.Account, error) {
	return through(g, func() ([]store.Account, error) { return g.Store.HoldSenders(ctx, o, a, d) })
}

func (g *gate) Join(
	ctx context.Context, o string, first store.Delivery, n int, fits func(store.Delivery) bool,
) ([]store.Delivery, error) {
	return through(g, func() ([]store.Delivery, error) {
		out, err := g.Store.Join(ctx, o, first, n, fits)
		g.world.joined(first.ID, out)
		return out, err
	})
}

func (g *gate) RecentSends(ctx context.Context, a store.Account, since time.Time) ([]store.Send, error) {
	return through(g, func() ([]store.Send, error) { return g.Store.RecentSends(ctx, a, since) })
}

func (g *gate) Following(ctx context.Context, t store.Turn, n int) ([]store.Turn, error) {
	return through(g, func() ([]store.Turn, error) { return g.Store.Following(ctx, t, n) })
}
