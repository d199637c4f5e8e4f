package sqlstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
)

// load is how much waits.
type load struct {
	messages int
	bytes    int64
}

func (l *load) add(messages int, bytes int64) { l.messages += messages; l.bytes += bytes }

// waits is what waits in the whole store, as far as this process knows: what it stored and finished itself is
// counted at once, what others did at the next count.
type waits struct {
	mu   sync.Mutex
	load load
	// since is what this process did since the count began that is under way.
	since    load
	counting bool
}

// recountEvery bounds how long what other hosts did goes unseen.
const recountEvery = time.Second

// recount counts what waits, until Close. A database with one writer needs it once.
func (s *Store) recount() {
	if s.limits == (Limits{}) {
		return
	}
	if s.Writers == 1 {
		s.count(context.Background())
		return
	}
	s.every(recountEvery, s.count)
}

func (s *Store) count(ctx context.Context) {
	s.waits.mu.Lock()
	s.waits.since, s.waits.counting = load{}, true
	s.waits.mu.Unlock()
	var l load
	err := s.Reads.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(size), 0) FROM message WHERE outcome IS NULL`).
		Scan(&l.messages, &l.bytes)
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	s.waits.counting = false
	if err != nil {
		s.log.Debug("what waits could not be counted; the last count stands", "err", err)
		return
	}
	s.waits.load = l
	s.waits.load.add(s.waits.since.messages, s.waits.since.bytes)
}

// stored takes account of a transaction.
func (s *Store) stored(l load) {
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	s.waits.load.add(l.messages, l.bytes)
	if s.waits.counting {
		s.waits.since.add(l.messages, l.bytes)
	}
}

// room returns store.ErrFull when so much more is over the limits.
func (s *Store) room(more load) error {
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	have := s.waits.load
	if s.limits.Messages > 0 && have.messages+more.messages > s.limits.Messages {
		return fmt.Errorf("%w: %d messages wait, and %d may", store.ErrFull, have.messages, s.limits.Messages)
	}
	if s.limits.Bytes > 0 && have.bytes+more.bytes > s.limits.Bytes {
		return fmt.Errorf("%w: messages with %d bytes wait, and %d may", store.ErrFull, have.bytes, s.limits.Bytes)
	}
	return nil
}
