package host

import (
	"context"
	"sync"
	"time"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/turn"
	"github.com/aof-dev/aofd/sdk/chat"
)

// setup is what a reload replaces in one piece: the agents, the triggers and all that they decide.
type setup struct {
	cfg        *config.Config
	agents     *agents
	plan       *planner
	generation int // from 1
	loadedAt   time.Time
}

// current is the setup in force. The stages ask it, so that each message is decided by one setup as a whole.
// The one before is kept until the next replacement, for messages that it sent to an agent which is gone now.
// Its methods may be called by many goroutines.
type current struct {
	mu          sync.RWMutex
	now, before *setup
}

func (c *current) get() *setup {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.now
}

// replace puts a setup in force. What runs goes on; agents that nobody can be sent to any more are freed when
// their last run is over.
func (c *current) replace(next *setup) {
	c.mu.Lock()
	old := c.before
	c.now, c.before = next, c.now
	c.mu.Unlock()
	if old != nil {
		go old.agents.closeWhenIdle()
	}
}

// close frees the agents of both setups. No run may be going on.
func (c *current) close() {
	for _, s := range []*setup{c.now, c.before} {
		if s != nil {
			s.agents.closeWhenIdle()
		}
	}
}

// Plan implements turn.Planner.
func (c *current) Plan(ctx context.Context, t store.Turn) (turn.Plan, error) {
	return c.get().plan.Plan(ctx, t)
}

// lane says where a message waits.
func (c *current) lane(m chat.Message) store.LaneKind { return c.get().plan.lane(m) }

// Run implements turn.Agents.
func (c *current) Run(ctx context.Context, r chat.Run, emit func(chat.Event)) chat.Event {
	a := c.hold(r.Agent)
	defer a.runs.Done()
	return a.Run(ctx, r, emit)
}

// hold returns the agents to run one from and keeps them from being closed until runs.Done.
func (c *current) hold(agent string) *agents {
	c.mu.RLock()
	defer c.mu.RUnlock()
	a := c.now.agents
	if c.before != nil && !a.has(agent) && c.before.agents.has(agent) {
		a = c.before.agents
	}
	a.runs.Add(1)
	return a
}
