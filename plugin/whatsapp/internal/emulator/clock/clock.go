// Package clock is a clock that runs like any other and can be moved forward. What was due in between
// happens at its own time and in order, as if somebody had waited.
package clock

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Clock is such a clock. It may be used by many goroutines. Close it after use.
type Clock struct {
	moving sync.Mutex // held by the one Advance under way

	mu      sync.Mutex
	ahead   time.Duration
	waiting queue
	next    uint64 // breaks ties, so that what is due at one time keeps its order
	timer   *time.Timer
	stopped bool // an Advance is under way and runs what is due, or the clock is closed
	closed  bool
	running sync.WaitGroup
}

// New returns a clock that shows the present.
func New() *Clock {
	c := &Clock{}
	c.timer = time.AfterFunc(time.Hour, c.ring)
	c.timer.Stop()
	return c
}

// Now returns the clock's time, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time { return time.Now().Add(c.ahead).UTC() }

// Ahead returns how far the clock was moved.
func (c *Clock) Ahead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}

// After runs f once d has passed, on a goroutine of its own, unless the clock is reset or closed before.
// An Advance waits for f to return, so f must not call Advance, Reset or Close.
func (c *Clock) After(d time.Duration, f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.next++
	heap.Push(&c.waiting, &job{due: c.now().Add(max(d, 0)), order: c.next, run: f})
	c.arm()
}

// arm sets the timer to the job that is due first. The caller holds the lock.
func (c *Clock) arm() {
	if c.stopped || len(c.waiting) == 0 {
		return
	}
	c.timer.Reset(max(c.waiting[0].due.Sub(c.now()), 0))
}

// ring starts all that is due.
func (c *Clock) ring() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	for now := c.now(); len(c.waiting) > 0 && !c.waiting[0].due.After(now); {
		c.start(heap.Pop(&c.waiting).(*job))
	}
	c.arm()
}

// start runs a job beside the caller, who holds the lock.
func (c *Clock) start(j *job) {
	c.running.Go(j.run)
}

// Advance moves the clock forward by d. It runs what becomes due one after the other, each at its own time,
// and returns how much that was. Before each step it calls settle, which waits for what the step before began.
// When ctx ends first, the clock stands where it got to.
func (c *Clock) Advance(ctx context.Context, d time.Duration, settle func(context.Context)) (fired int, err error) {
	c.moving.Lock()
	defer c.moving.Unlock()
	settle(ctx)
	c.mu.Lock()
	c.stopped = true
	target := c.now().Add(d)
	c.mu.Unlock()
	defer c.resume()
	for {
		j := c.until(target)
		if j == nil {
			return fired, nil
		}
		j.run()
		fired++
		settle(ctx)
		if err := ctx.Err(); err != nil {
			return fired, context.Cause(ctx)
		}
	}
}

// until takes the next job that is due by target and moves the clock to its time, or to target when there
// is none.
func (c *Clock) until(target time.Time) *job {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 || c.waiting[0].due.After(target) {
		c.moveTo(target)
		return nil
	}
	j := heap.Pop(&c.waiting).(*job)
	c.moveTo(j.due)
	return j
}

func (c *Clock) moveTo(t time.Time) {
	if step := t.Sub(c.now()); step > 0 {
		c.ahead += step
	}
}

func (c *Clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = c.closed
	c.arm()
}

// Reset returns to the present and forgets what is due.
func (c *Clock) Reset() {
	c.moving.Lock()
	defer c.moving.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead, c.waiting = 0, nil
	c.timer.Stop()
}

// Close forgets what is due and waits for what runs.
func (c *Clock) Close() {
	c.mu.Lock()
	c.closed, c.stopped, c.waiting = true, true, nil
	c.timer.Stop()
	c.mu.Unlock()
	c.running.Wait()
}

type job struct {
	due   time.Time
	order uint64
	run   func()
}

// queue is a heap of jobs by time.
type queue []*job

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].order < q[j].order
	}
	return q[i].due.Before(q[j].due)
}

func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *queue) Push(x any) { *q = append(*q, x.(*job)) }

func (q *queue) Pop() any {
	old := *q
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return j
}
