package egress

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// pacer keeps sends within what a platform takes per account. Its buckets start full and are forgotten once
// they are full again, so that memory is bounded by the traffic of a few minutes. A recipient's limit is
// left to the platform: its answer makes that conversation wait, and no other.
type pacer struct {
	mu      sync.Mutex
	buckets map[bucketKey]*rate.Limiter
	swept   time.Time
}

type bucketKey struct{ platform, account string }

const sweepEvery = time.Minute

func newPacer() *pacer { return &pacer{buckets: map[bucketKey]*rate.Limiter{}} }

// reserve takes a token and returns 0, or takes none and returns how long to wait.
func (p *pacer) reserve(d store.Delivery, limit chat.Rate, now time.Time) time.Duration {
	if limit.Period <= 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(now)
	r := p.bucket(d, limit).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// spend takes n more tokens, on credit: how many messages an answer became is known once it is sent. A bucket
// gives no more than its size at once.
func (p *pacer) spend(d store.Delivery, limit chat.Rate, n int, now time.Time) {
	if limit.Period <= 0 || n <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.bucket(d, limit)
	b.ReserveN(now, min(n, b.Burst()))
}

// bucket returns an account's bucket. The caller holds mu.
func (p *pacer) bucket(d store.Delivery, limit chat.Rate) *rate.Limiter {
	key := bucketKey{d.Platform, d.Account}
	b := p.buckets[key]
	if b == nil {
		b = rate.NewLimiter(rate.Every(limit.Period), int(max(limit.Burst, 1)))
		p.buckets[key] = b
	}
	return b
}

// sweep forgets the buckets that are full. The caller holds mu.
func (p *pacer) sweep(now time.Time) {
	if now.Sub(p.swept) < sweepEvery {
		return
	}
	p.swept = now
	for key, b := range p.buckets {
		if b.TokensAt(now) >= float64(b.Burst()) {
			delete(p.buckets, key)
		}
	}
}
