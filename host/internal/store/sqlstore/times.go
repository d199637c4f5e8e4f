package sqlstore

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
)

// way is what comes in to an account, or goes out.
type way struct {
	store.Account
	out bool
}

// lastTimes are those that this process has written of late. All transactions about an account write one row of
// its times, so that they would wait for each other: a time is written only when it is a second later.
type lastTimes struct {
	mu      sync.Mutex
	written map[way]int64
}

const timesApart = int64(time.Second / time.Microsecond)

// due returns which of the times are to be written, in one order for all transactions.
func (l *lastTimes) due(times map[way]int64) (out []way) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w, at := range times {
		if at-l.written[w] >= timesApart {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b way) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Account.Account, b.Account.Account))
	})
	return out
}

// committed takes account of a transaction.
func (l *lastTimes) committed(due []way, times map[way]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written == nil {
		l.written = map[way]int64{}
	}
	for _, w := range due {
		l.written[w] = times[w]
	}
	if len(l.written) > 10_000 { // what is forgotten is written once more than needed
		maps.DeleteFunc(l.written, func(w way, _ int64) bool { return times[w] == 0 })
	}
}

// happened notes that something came in to an account, or went out, in this transaction.
func (w *Writer) happened(platform, account string, out bool) {
	if w.times == nil {
		w.times = map[way]int64{}
	}
	w.times[way{store.Account{Platform: platform, Account: account}, out}] = micros(w.now)
}

// writeTimes writes the times that are due.
func (w *Writer) writeTimes(due []way) error {
	for _, d := range due {
		query := `INSERT INTO last_time (platform, account, last_in) VALUES ($1, $2, $3)
			ON CONFLICT (platform, account) DO UPDATE SET last_in = excluded.last_in`
		if d.out {
			query = `INSERT INTO last_time (platform, account, last_out) VALUES ($1, $2, $3)
				ON CONFLICT (platform, account) DO UPDATE SET last_out = excluded.last_out`
		}
		if err := w.later(query, d.Platform, d.Account.Account, w.times[d]); err != nil {
			return err
		}
	}
	return nil
}
