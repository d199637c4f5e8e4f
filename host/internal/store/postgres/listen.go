package postgres

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// hints tells hosts of each other's writes by LISTEN and NOTIFY. They are sent after the commit and beside it,
// since a commit that notifies waits for all others that do.
type hints struct {
	store   *Store
	self    string // tells our own hints from those of others
	channel string
	changed chan struct{} // for Changed
	wrote   chan struct{} // this host stored something

	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// hintEvery is how often a host tells the others of its writes, at most.
const hintEvery = 10 * time.Millisecond

func listen(s *Store) *hints {
	h := &hints{
		store: s, self: uuid.NewString(), channel: "aofd_" + s.schema,
		changed: make(chan struct{}, 1), wrote: make(chan struct{}, 1),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.done.Go(h.tell)
	h.done.Go(h.hear)
	return h
}

func (h *hints) close() {
	h.cancel()
	h.done.Wait()
}

// give says that this host stored something. It never blocks.
func (h *hints) give() {
	select {
	case h.wrote <- struct{}{}:
	default:
	}
}

// tell sends hints to the other hosts.
func (h *hints) tell() {
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.wrote:
		}
		if _, err := h.store.reads.ExecContext(h.ctx, `SELECT pg_notify($1, $2)`, h.channel, h.self); err != nil &&
			h.ctx.Err() == nil {
			h.store.log.Debug("other hosts were not told of new work; they look for themselves", "err", err)
		}
		select {
		case <-h.ctx.Done():
			return
		case <-time.After(hintEvery):
		}
	}
}

// hear passes on the hints of other hosts.
func (h *hints) hear() {
	for h.ctx.Err() == nil {
		err := h.hearUntilLost()
		if h.ctx.Err() != nil {
			return
		}
		h.store.log.Debug("hints of other hosts cannot be heard; this host looks for itself until they can", "err", err)
		select {
		case <-h.ctx.Done():
		case <-time.After(time.Second/2 + rand.N(time.Second)):
		}
	}
}

func (h *hints) hearUntilLost() error {
	conn, err := pgx.ConnectConfig(h.ctx, h.store.config.Copy())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(h.ctx)) }() // there is nothing to lose
	if _, err := conn.Exec(h.ctx, `LISTEN `+h.channel); err != nil {
		return err
	}
	for {
		n, err := conn.WaitForNotification(h.ctx)
		if err != nil {
			return err
		}
		if n.Payload == h.self {
			continue
		}
		select {
		case h.changed <- struct{}{}:
		default:
		}
	}
}
