package egress

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// pacer keeps sends within what a platform takes: per account and per recipient. Its buckets start full
// and are forgotten once they are full again, so that memory is bounded by the traffic of a few minutes.
type pacer struct {
	mu      sync.Mutex
	buckets map[bucketKey]*rate.Limiter
	swept   time.Time
}

type bucketKey struct{ platform, account, recipient string }

const sweepEvery = time.Minute

func newPacer() *pacer { return &pacer{buckets: map[bucketKey]*rate.Limiter{}} }

// reserve takes a token of each bucket and returns 0, or takes none and returns how long to wait.
func (p *pacer) reserve(d store.Delivery, l chat.Limits, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(now)
	var taken []*rate.Reservation
	for _, b := range p.both(d, l) {
		r := b.ReserveN(now, 1)
		if wait := r.DelayFrom(now); wait > 0 {
			r.CancelAt(now)
			for _, t := range taken {
				t.CancelAt(now)
			}
			return wait
		}
		taken = append(taken, r)
	}
	return 0
}

// spend takes n more tokens of each bucket, on credit: the parts of an answer are known once it is sent.
func (p *pacer) spend(d store.Delivery, l chat.Limits, n int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.both(d, l) {
		b.ReserveN(now, min(max(n, 0), b.Burst()))
	}
}

// both returns the buckets of a delivery's account and of its recipient, where the platform has such limits.
func (p *pacer) both(d store.Delivery, l chat.Limits) (buckets []*rate.Limiter) {
	if l.PerAccount.Period > 0 {
		buckets = append(buckets, p.bucket(bucketKey{d.Platform, d.Account, ""}, l.PerAccount))
	}
	if l.PerRecipient.Period > 0 {
		buckets = append(buckets, p.bucket(bucketKey{d.Platform, d.Account, d.ChannelID}, l.PerRecipient))
	}
	return buckets
}

func (p *pacer) bucket(key bucketKey, r chat.Rate) *rate.Limiter {
	b := p.buckets[key]
	if b == nil {
		b = rate.NewLimiter(rate.Every(r.Period), int(max(r.Burst, 1)))
		p.buckets[key] = b
	}
	return b
}

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
