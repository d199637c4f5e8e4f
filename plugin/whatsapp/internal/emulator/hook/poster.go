// Package hook delivers webhooks as Meta does: signed, again and again until they are taken, and with the
// mishaps that somebody asked for.
package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/clock"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/fault"
)

const (
	// maxWaiting bounds what waits to be taken, so that a receiver that is down does not fill the memory.
	maxWaiting = 5000
	// maxDrain is what is read of an answer so that its connection can be used again.
	maxDrain = 64 << 10
	// patience is how long a held back webhook waits for what it waits for.
	patience = 30 * time.Second
	// answerTime is how long Meta waits for an answer.
	answerTime = 10 * time.Second
	pieces     = 5
)

// ErrBusy says that too many webhooks wait to be taken.
var ErrBusy = errors.New("too many webhooks wait to be taken, or the emulator is closed")

// Config of a Poster.
type Config struct {
	Address string // where the webhooks go
	Secret  string
	Account string
	Clock   *clock.Clock
	Faults  *fault.Set
	// Retry returns the pause after so many tries since a first one, or false when it is over.
	Retry func(tries int, since time.Duration) (time.Duration, bool)
	// Tell gets each attempt.
	Tell func(Attempt)
	// Waiting gets the change of the number of webhooks that wait.
	Waiting func(by int)
}

// Update is one thing that a webhook tells.
type Update struct {
	Lane  string // those of a lane arrive in order
	What  string // in words, for people
	Field string
	Value json.RawMessage // compact JSON
	Raw   []byte          // a whole body instead of field and value
	Time  int64           // of the entry; 0 is none
	User  []string        // all names of the person, for faults
	Type  string          // of the message, or "status", for faults
	// Posted is called before each try, Taken once it was taken, GivenUp when there are no more tries. Each
	// may be nil.
	Posted  func()
	Taken   func()
	GivenUp func(problem string)
}

// Poster delivers. It may be used by many goroutines. Close it after use.
type Poster struct {
	config Config
	client *http.Client
	log    log

	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	lanes   map[string][]*delivery // a key is there while its first one is under way or waits
	held    map[string][]*delivery // by lane, until the next one of it was taken
	batches map[string]*batch      // by fault
	count   int                    // of what was submitted and is not over
	parked  int                    // of those, what a fault holds back
	running int                    // goroutines that post
	last    int
	closed  bool
	busy    sync.WaitGroup
	changed chan struct{} // closed and replaced when count changes
	epoch   int           // rises with each reset: what is older is void
}

// delivery is one POST, until it is taken.
type delivery struct {
	id      int
	epoch   int
	lane    string
	updates []*Update
	shape   string
	tries   int
	first   time.Time
	faults  []fault.Fault // of its first try
	names   string
	copyOf  []byte // the bytes of a repetition
}

// New returns a poster.
func New(c Config) *Poster {
	ctx, cancel := context.WithCancel(context.Background())
	return &Poster{
		config: c, ctx: ctx, cancel: cancel, lanes: map[string][]*delivery{}, held: map[string][]*delivery{},
		batches: map[string]*batch{}, changed: make(chan struct{}),
		client: &http.Client{
			Timeout: answerTime,
			Transport: &http.Transport{
				MaxConnsPerHost: 32, MaxIdleConnsPerHost: 32, IdleConnTimeout: 30 * time.Second,
				ResponseHeaderTimeout: answerTime,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Close ends what is under way and waits for it. What was not taken is dropped. Close the clock after it.
func (p *Poster) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.busy.Wait()
	p.client.CloseIdleConnections()
}

// Reset drops what was not taken, and the log. Reset the clock first.
func (p *Poster) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch++
	clear(p.lanes)
	clear(p.held)
	clear(p.batches)
	p.config.Waiting(-p.count)
	p.count, p.parked = 0, 0
	p.wake()
	p.log.reset()
}

// Room reports whether one more update can wait.
func (p *Poster) Room() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.closed && p.count < maxWaiting
}

// Submit delivers an update, beside the caller.
func (p *Poster) Submit(u *Update) error { return p.submit(u, false) }

// Deliver delivers an update before it returns, when nothing of its lane waits and no fault holds it back.
func (p *Poster) Deliver(u *Update) error { return p.submit(u, true) }

func (p *Poster) submit(u *Update, here bool) error {
	p.mu.Lock()
	if p.closed || p.count >= maxWaiting {
		p.mu.Unlock()
		return ErrBusy
	}
	p.last++
	d := &delivery{id: p.last, epoch: p.epoch, lane: u.Lane, updates: []*Update{u}, shape: shapeValue}
	p.enter(1)
	p.mu.Unlock()
	if p.mishap(d) {
		return nil
	}
	p.queue(d, here)
	return nil
}

// enter changes the number of what is not over. The caller holds the lock.
func (p *Poster) enter(by int) {
	p.count += by
	p.config.Waiting(by)
	p.wake()
}

func (p *Poster) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// queue puts a delivery at the end of its lane. Here says that the caller's goroutine may do the work.
func (p *Poster) queue(d *delivery, here bool) {
	p.mu.Lock()
	if p.closed || d.epoch != p.epoch {
		p.mu.Unlock()
		return
	}
	lane, running := p.lanes[d.lane]
	p.lanes[d.lane] = append(lane, d)
	if running {
		p.mu.Unlock()
		return
	}
	p.begin()
	p.mu.Unlock()
	if here {
		p.run(d.lane, d.epoch)
		return
	}
	go p.run(d.lane, d.epoch)
}

// run works off a lane until it is empty, its first one has to wait, or a reset made it void.
func (p *Poster) run(lane string, epoch int) {
	defer p.end()
	for {
		d := p.firstOf(lane, epoch)
		if d == nil {
			return
		}
		if pause, over := p.try(d); !over {
			p.config.Clock.After(pause, func() { p.again(lane, d) })
			return
		}
		p.pop(lane, d)
	}
}

// begin and end count the goroutines that post. The caller of begin holds the lock.
func (p *Poster) begin() {
	p.busy.Add(1)
	p.running++
}

func (p *Poster) end() {
	p.mu.Lock()
	p.running--
	p.wake()
	p.mu.Unlock()
	p.busy.Done()
}

// Idle waits until nothing is being posted, or ctx ends. What waits for its next try is not being posted.
func (p *Poster) Idle(ctx context.Context) {
	for {
		p.mu.Lock()
		running, changed := p.running, p.changed
		p.mu.Unlock()
		if running == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// firstOf returns what a lane delivers next; nil ends its goroutine.
func (p *Poster) firstOf(lane string, epoch int) *delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || epoch != p.epoch {
		return nil
	}
	if len(p.lanes[lane]) == 0 {
		delete(p.lanes, lane)
		return nil
	}
	return p.lanes[lane][0]
}

// again goes on with a lane whose first one has waited.
func (p *Poster) again(lane string, d *delivery) {
	p.mu.Lock()
	if p.closed || d.epoch != p.epoch {
		p.mu.Unlock()
		return
	}
	p.begin()
	p.mu.Unlock()
	p.run(lane, d.epoch)
}

func (p *Poster) pop(lane string, d *delivery) {
	p.mu.Lock()
	var free []*delivery
	if d.epoch == p.epoch {
		p.lanes[lane] = p.lanes[lane][1:]
		p.enter(-len(d.updates))
		free = p.held[lane]
		delete(p.held, lane)
	}
	p.mu.Unlock()
	for _, h := range free { // the one after those that were reordered was taken
		p.release(h)
	}
}

// try posts a delivery once. over is true when it was taken or given up.
func (p *Poster) try(d *delivery) (pause time.Duration, over bool) {
	if d.tries++; d.tries == 1 {
		d.first = p.config.Clock.Now()
	}
	for _, u := range d.updates {
		call(u.Posted)
	}
	body, a := p.once(d)
	if a.Problem == "" {
		p.tell(a)
		for _, u := range d.updates {
			call(u.Taken)
		}
		p.repeat(d, body)
		return 0, true
	}
	if p.ctx.Err() != nil {
		return 0, true
	}
	pause, more := p.config.Retry(d.tries, p.config.Clock.Now().Sub(d.first))
	if more {
		next := p.config.Clock.Now().Add(pause)
		a.NextAt = &next
	}
	p.tell(a)
	if more {
		return pause, false
	}
	for _, u := range d.updates {
		if u.GivenUp != nil {
			u.GivenUp(a.Problem)
		}
	}
	return 0, true
}

func call(f func()) {
	if f != nil {
		f()
	}
}

func (p *Poster) tell(a Attempt) {
	p.config.Tell(p.log.add(a))
}

// Context ends with the poster.
func (p *Poster) Context() context.Context { return p.ctx }

// Settled returns nil when nothing is under way but what a fault holds back, else what will be closed when
// that may have changed.
func (p *Poster) Settled() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == p.parked {
		return nil
	}
	return p.changed
}

// Attempts returns the newest ones, newest first, without their bytes.
func (p *Poster) Attempts(before, limit int) []Attempt { return p.log.list(before, limit) }

// Attempt returns one with its bytes.
func (p *Poster) Attempt(n int) (Attempt, bool) { return p.log.get(n) }

// Redeliver posts the bytes of an attempt once more.
func (p *Poster) Redeliver(n int) error {
	a, ok := p.log.get(n)
	if !ok {
		return fmt.Errorf("attempt %d is not kept any more, or never was", n)
	}
	return p.Submit(&Update{
		Lane: fmt.Sprint("again ", n), What: "again: " + a.What, Field: a.Field, Raw: []byte(a.Body), Type: "again",
	})
}
