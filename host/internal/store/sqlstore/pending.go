package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
)

// load is how much waits.
type load struct {
	entries int
	bytes   int64
}

func (l *load) add(entries int, bytes int64) { l.entries += entries; l.bytes += bytes }

// over says what passes a limit, or nothing.
func (l load) over(most Limit) error {
	switch {
	case most.Entries > 0 && l.entries >= most.Entries:
		return fmt.Errorf("%w: %d wait, and %d may", store.ErrFull, l.entries, most.Entries)
	case most.Bytes > 0 && l.bytes >= most.Bytes:
		return fmt.Errorf("%w: %d bytes wait, and %d may", store.ErrFull, l.bytes, most.Bytes)
	}
	return nil
}

// pending is what waits: messages without an outcome, and deliveries that are queued or being sent.
type pending struct{ in, out load }

func (p *pending) add(more pending) {
	p.in.add(more.in.entries, more.in.bytes)
	p.out.add(more.out.entries, more.out.bytes)
}

// waits is what waits in the whole store, as far as this process knows. What it stored, finished and sent itself
// is counted at once; the rest, such as what other hosts did or what expired, at the next count.
type waits struct {
	mu   sync.Mutex
	load pending
	held load // deliveries that wait for the user
	// ended is how many deliveries are unknown, and how many failed.
	ended struct{ unknown, failed int }
	// since is what this process did since the count began that is under way.
	since    pending
	counting bool
}

const (
	recountEvery = time.Second // bounds how long what others did goes unseen
	recountShare = 20          // a count that takes long is made less often, so that it costs this part of a core at most
	recountMax   = 5 * time.Second
)

// recount counts what waits again and again, until Close.
func (s *Store) recount() {
	next := time.NewTimer(recountEvery)
	defer next.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-next.C:
		}
		begin := time.Now()
		s.count(s.Writers > 1) // what one process knows of its own inbox is exact
		next.Reset(max(recountEvery, recountShare*time.Since(begin)))
	}
}

// count counts the outbox and, if asked to, the inbox.
func (s *Store) count(inbox bool) {
	ctx, cancel := context.WithTimeout(context.Background(), recountMax)
	defer cancel()
	s.waits.mu.Lock()
	s.waits.since, s.waits.counting = pending{}, true
	s.waits.mu.Unlock()
	var l pending
	var held, unknown, failed load
	err := s.countOutbox(ctx, &l.out, &held, &unknown, &failed)
	if err == nil && inbox {
		err = s.Reads.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(size), 0) FROM message WHERE outcome IS NULL`).
			Scan(&l.in.entries, &l.in.bytes)
	}
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	s.waits.counting = false
	if err != nil {
		s.log.Debug("what waits could not be counted; the last count stands", "err", err)
		return
	}
	if !inbox {
		l.in, s.waits.since.in = s.waits.load.in, load{}
	}
	s.waits.load, s.waits.held = l, held
	s.waits.ended.unknown, s.waits.ended.failed = unknown.entries, failed.entries
	s.waits.load.add(s.waits.since)
}

// countOutbox counts deliveries: those that are queued or being sent, and the others by state.
func (s *Store) countOutbox(ctx context.Context, into ...*load) error {
	rows, err := s.Reads.QueryContext(ctx, `SELECT 0, count(*), coalesce(sum(length(response)), 0) FROM delivery
			WHERE state IN ('queued', 'sending')
		UNION ALL SELECT 1, count(*), coalesce(sum(length(response)), 0) FROM delivery WHERE state = 'held' AND `+exceptional+`
		UNION ALL SELECT 2, count(*), 0 FROM delivery WHERE state = 'unknown' AND `+exceptional+`
		UNION ALL SELECT 3, count(*), 0 FROM delivery WHERE state = 'failed' AND `+exceptional)
	return drain(rows, err, func(rows *sql.Rows) error {
		var which int
		var l load
		err := rows.Scan(&which, &l.entries, &l.bytes)
		*into[which] = l
		return err
	})
}

// stored takes account of a transaction.
func (s *Store) stored(p pending) {
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	s.waits.load.add(p)
	if s.waits.counting {
		s.waits.since.add(p)
	}
}

// waiting returns what waits now.
func (s *Store) waiting() (p pending, held load) {
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	return s.waits.load, s.waits.held
}

// inboxFull returns store.ErrFull when no more messages are taken. The one that passes a limit still is, so that
// none is too large to ever be taken.
func (s *Store) inboxFull() error {
	p, _ := s.waiting()
	unfiled := s.arrivals.messages()
	p.in.add(unfiled.entries, unfiled.bytes)
	if err := p.in.over(s.limits.Inbox); err != nil {
		return fmt.Errorf("messages in the inbox: %w", err)
	}
	return nil
}

// outboxFull returns store.ErrFull when no more answers are to be made. What is held does not count: it may need
// a message of its user, and so a turn, to get away.
func (s *Store) outboxFull() error {
	p, _ := s.waiting()
	if err := p.out.over(s.limits.Outbox); err != nil {
		return fmt.Errorf("deliveries in the outbox: %w", err)
	}
	return nil
}

// operatorFull returns store.ErrFull when an operator may send no more: what nobody waits for leaves a tenth of
// the outbox to answers, and what is held counts.
func (s *Store) operatorFull() error {
	p, held := s.waiting()
	p.out.add(held.entries, held.bytes)
	most := s.limits.Outbox
	most.Entries, most.Bytes = most.Entries-most.Entries/10, most.Bytes-most.Bytes/10
	if err := p.out.over(most); err != nil {
		return fmt.Errorf("deliveries in the outbox: %w for what an operator sends", err)
	}
	return nil
}

// countMost is how many of a kind Backlog counts itself.
const countMost = 10_000

// Backlog implements store.Journal. It is asked for again and again, so it walks no long queue: of what there is
// more than countMost, it tells what is known of it without counting.
func (s *Store) Backlog(ctx context.Context) (b store.Backlog, err error) {
	s.waits.mu.Lock()
	p, held, ended := s.waits.load, s.waits.held, s.waits.ended
	s.waits.mu.Unlock()
	count := func(of string) string { return `(SELECT count(*) FROM (SELECT 1 FROM ` + of + ` LIMIT $1) AS first)` }
	err = s.Reads.QueryRowContext(ctx, `SELECT `+
		count(`message WHERE outcome IS NULL`)+`, `+
		count(`delivery WHERE state IN ('queued', 'sending')`)+`, `+
		count(`delivery WHERE state = 'held' AND `+exceptional)+`, `+
		count(`delivery WHERE state = 'unknown' AND `+exceptional)+`, `+
		count(`delivery WHERE state = 'failed' AND `+exceptional)+`,
		(SELECT count(*) FROM lane WHERE owner <> '' AND lease_until > $2)`, countMost, micros(s.Now())).
		Scan(&b.InboxPending, &b.OutboxPending, &b.OutboxHeld, &b.OutboxUnknown, &b.OutboxFailed, &b.TurnsRunning)
	for known, n := range map[*int]int{
		&b.InboxPending: p.in.entries, &b.OutboxPending: p.out.entries, &b.OutboxHeld: held.entries,
		&b.OutboxUnknown: ended.unknown, &b.OutboxFailed: ended.failed,
	} {
		if *known == countMost {
			*known = max(countMost, n)
		}
	}
	return b, err
}
