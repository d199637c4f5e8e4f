package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Filing what a webhook said takes the writer several times as long as writing it down. So where there is one
// writer, webhooks that wait for each other are only written down, as rows of the table arrival, and answered. They are
// filed together when the first of them has waited for fileAfter. A webhook that comes alone is filed at once. What a
// dead process had not filed is filed before anything else.

// How much is filed in one transaction, and how much may wait for it.
const (
	// fileTogether is how many operations share a transaction cheaply enough to be done whole at once.
	fileTogether = 32
	fileUpdates  = 1000                  // messages, receipts and notices; a webhook with more has its own transaction
	fileAfter    = 20 * time.Millisecond // about
	mostUpdates  = 8192
	mostBytes    = 32 << 20
	fileAgain    = time.Second // after the store took no writes
)

// arrivals are what is written down and not filed, in memory.
type arrivals struct {
	mu      sync.Mutex
	queue   []*appending // in the order in which they were accepted
	load    load         // messages of them
	updates int
	bytes   int64
	rest    time.Time // until then nothing is filed
}

// add puts what was written down at the end.
func (s *arrivals) add(a *appending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.since = time.Now()
	s.queue = append(s.queue, a)
	s.count(a, 1)
}

func (s *arrivals) count(a *appending, sign int) {
	s.load.add(sign*len(a.Messages), int64(sign)*a.size)
	s.updates += sign * a.updates()
	s.bytes += int64(sign) * a.bytes()
}

// ripe returns a channel that receives when the oldest one is due; nil when there is none.
func (s *arrivals) ripe() <-chan time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil
	}
	at := s.queue[0].since.Add(fileAfter)
	if s.rest.After(at) {
		at = s.rest
	}
	return time.After(time.Until(at))
}

// due says whether it is time to file something, or whether there is something that can be filed at any time.
func (s *arrivals) due(anyTime bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 || time.Now().Before(s.rest) {
		return false
	}
	return anyTime || s.full() || time.Since(s.queue[0].since) >= fileAfter
}

// over says whether no more may be written down before something is filed.
func (s *arrivals) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full() && !time.Now().Before(s.rest)
}

func (s *arrivals) full() bool { return s.updates > mostUpdates || s.bytes > mostBytes }

func (s *arrivals) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue) > 0
}

// messages is how many messages wait to be filed.
func (s *arrivals) messages() load {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.load
}

// first returns as much as is filed at once.
func (s *arrivals) first() []*appending {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue[:atOnce(s.queue)]
}

// atOnce is how many of them are filed together: at least one. Those that have ended are at the beginning.
func atOnce(all []*appending) (n int) {
	for updates := 0; n < len(all); n++ {
		updates += all[n].updates()
		if n > 0 && (updates > fileUpdates || all[n].ended && !all[n-1].ended) {
			break
		}
	}
	return n
}

// done takes out the first ones.
func (s *arrivals) done(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.queue[:n] {
		s.count(a, -1)
	}
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil
	}
}

func (s *arrivals) pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = time.Now().Add(fileAgain)
}

// said is what a row of the table arrival has beside its request: this as JSON, and the messages one after the
// other, as they are going to be stored.
type said struct {
	Messages   []saidMessage      `json:"messages,omitempty"`
	Receipts   []chat.Receipt     `json:"receipts,omitempty"`
	Notices    []chat.Notice      `json:"notices,omitempty"`
	Trace      []store.TraceEvent `json:"trace,omitempty"`
	MaxPerUser int                `json:"max_per_user,omitempty"`
}

type saidMessage struct {
	Conversation string         `json:"conversation"`
	Aliases      []string       `json:"aliases,omitempty"`
	Lane         store.LaneKind `json:"lane"`
	Bytes        int            `json:"bytes"`
}

func (a *appending) encode() ([]byte, error) {
	out := said{Receipts: a.Receipts, Notices: a.Notices, Trace: a.Trace, MaxPerUser: a.MaxPerUser}
	for i, m := range a.Messages {
		out.Messages = append(out.Messages, saidMessage{m.Conversation, m.Aliases, m.Lane, len(a.bodies[i])})
	}
	return encode(out)
}

func (a *appending) decode(b, bodies []byte) error {
	var in said
	if err := decode(b, &in); err != nil {
		return err
	}
	a.Inbound = store.Inbound{Receipts: in.Receipts, Notices: in.Notices, Trace: in.Trace, MaxPerUser: in.MaxPerUser}
	for _, m := range in.Messages {
		if m.Bytes < 0 || m.Bytes > len(bodies) {
			return fmt.Errorf("%w: a message of %d bytes, and %d are left", errUnreadable, m.Bytes, len(bodies))
		}
		out := store.InboundMessage{Conversation: m.Conversation, Aliases: m.Aliases, Lane: m.Lane}
		if err := decode(bodies[:m.Bytes], &out.Message); err != nil {
			return err
		}
		a.Messages, a.bodies = append(a.Messages, out), append(a.bodies, bodies[:m.Bytes])
		a.size += int64(m.Bytes)
		bodies = bodies[m.Bytes:]
	}
	return nil
}

// writeDown puts a webhook on disk without filing it.
func writeDown(w *Writer, a *appending) (err error) {
	a.at, a.webhook = w.now, 0
	if a.Request != nil && len(a.Messages) > 0 {
		if err := keepRequest(w, a); err != nil {
			return err
		}
	}
	a.arrival, err = w.add(`INSERT INTO arrival (at, webhook, said, bodies) VALUES ($1, $2, $3, $4)`, "id",
		micros(a.at), a.webhook, a.said, bytesOf(slices.Concat(a.bodies...)))
	return err
}

// fileSome files what has waited longest. It is for the writer's goroutine, between two transactions.
func (s *Store) fileSome(w *Writer) {
	some := s.arrivals.first()
	if s.fileNow(some, func(op *operation) error {
		op.err = make(chan error, 1)
		s.commit.commit(w, []*operation{op})
		return <-op.err
	}) != nil {
		s.arrivals.pause()
		return
	}
	s.arrivals.done(len(some))
	for _, a := range some {
		a.filed(a.out)
	}
}

// fileNow files webhooks that were written down. One that cannot be filed is set aside, and has said nothing then.
// An error means that it may be possible later.
func (s *Store) fileNow(all []*appending, submit func(*operation) error) error {
	for len(all) > 0 && all[0].ended { // by an earlier call, or never read
		all = all[1:]
	}
	if len(all) == 0 || submit(filing(s, all)) == nil {
		return nil
	}
	for _, a := range all {
		err := submit(filing(s, []*appending{a}))
		switch {
		case err == nil:
		case s.commit.broken.Load() != nil: // which was told; the next start files them
			return err
		case s.Passes(err), errors.Is(err, store.ErrBusy):
			s.log.Error("webhooks that were accepted cannot be filed now; they are kept and filed later", "err", err)
			return err
		default:
			s.log.Error("bug: a webhook that was accepted cannot be filed; it is kept in the table arrival and tried again "+
				"when the daemon starts", "id", a.arrival, "err", err)
			a.out = store.Appended{}
		}
		a.ended = true
	}
	return nil
}

// filing is the operation that files webhooks, which were written down one after the other: there is nothing else
// between them.
func filing(s *Store, some []*appending) *operation {
	return &operation{run: func(w *Writer) (err error) {
		for _, a := range some {
			if a.out, err = s.take(w, a); err != nil {
				return err
			}
			if a.webhook != 0 && len(a.out.New) == 0 {
				if err := w.later(`DELETE FROM webhook WHERE id = $1`, a.webhook); err != nil {
					return err
				}
			}
		}
		return w.later(`DELETE FROM arrival WHERE id BETWEEN $1 AND $2`, some[0].arrival, some[len(some)-1].arrival)
	}}
}

// FileRest files what an earlier process had written down and not filed.
func (s *Store) FileRest(ctx context.Context) error {
	var rest []*appending
	rows, err := s.Reads.QueryContext(ctx, `SELECT id, at, webhook, said, bodies FROM arrival ORDER BY id`)
	if err := drain(rows, err, func(rows *sql.Rows) error {
		a := &appending{}
		var at int64
		var said, bodies []byte
		if err := rows.Scan(&a.arrival, &at, &a.webhook, &said, &bodies); err != nil {
			return err
		}
		a.at = moment(at)
		if err := a.decode(said, bodies); err != nil {
			s.log.Error("bug: a webhook that was accepted cannot be read; it is kept in the table arrival", "id", a.arrival, "err", err)
			a.ended = true
		}
		rest = append(rest, a)
		return nil
	}); err != nil {
		return err
	}
	for len(rest) > 0 {
		n := atOnce(rest)
		if err := s.fileNow(rest[:n], func(op *operation) error { return s.commit.submit(ctx, op) }); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// leave says what is kept for the next process.
func (s *Store) leave() {
	if n := len(s.arrivals.first()); n > 0 {
		s.log.Warn("webhooks that were accepted are not filed yet; the next start does it", "at_least", n)
	}
}
