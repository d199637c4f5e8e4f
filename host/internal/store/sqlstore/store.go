package sqlstore

import (
	"context"
	"log/slog"
	"sync"

	"github.com/aof-dev/aofd/host/internal/store"
)

// Store implements store.Store but for Backup and Changed, which belong to a database.
type Store struct {
	*Engine
	log    *slog.Logger
	limits Limits
	// Retry says whether a delivery that failed after the platform had taken it is sent again, and when. It is
	// set before the first call, and nil means never.
	Retry  store.Retry
	commit *committer

	stop      chan struct{}
	keeper    sync.WaitGroup
	closeOnce sync.Once

	waits    waits
	arrivals arrivals
}

// Limits bound what waits: messages for an answer, and deliveries to be sent.
type Limits struct{ Inbox, Outbox Limit }

// Limit bounds one queue, in entries and in bytes of what they say; 0 is no limit.
type Limit struct {
	Entries int
	Bytes   int64
}

// New returns a store on an engine whose database has the current schema. Close ends it, but not the engine.
func New(e *Engine, l Limits, log *slog.Logger) *Store {
	s := &Store{Engine: e, log: log, limits: l, stop: make(chan struct{})}
	s.count(true) // nothing is written meanwhile by this process
	s.commit = startCommitter(s)
	s.keeper.Go(s.recount)
	return s
}

// Do runs something in a transaction, alone with its keys.
func (s *Store) Do(ctx context.Context, run func(*Writer) error) error {
	return s.commit.do(ctx, nil, run)
}

// Fail makes every later write fail with err.
func (s *Store) Fail(err error) { s.commit.fail(err) }

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	err := s.commit.do(ctx, nil, func(w *Writer) error {
		return w.later(`INSERT INTO pulse (one, at) VALUES (1, $1)
			ON CONFLICT (one) DO UPDATE SET at = excluded.at`, micros(w.now))
	})
	if err != nil {
		return err
	}
	return s.inboxFull()
}

// Close writes what is queued and ends the store.
func (s *Store) Close() {
	s.closeOnce.Do(func() {
		close(s.stop)
		s.keeper.Wait()
		s.commit.close()
		s.leave()
	})
}
