package egress

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// pacer keeps sends within what a platform takes, per account and per recipient. It counts what goes out through
// this host, which is all of an account while this host is its sender; what went out before is told by prime.
// Buckets are forgotten once they are full again, so that memory is bounded by the traffic of a few minutes.
type pacer struct {
	mu         sync.Mutex
	accounts   map[store.Account]*account
	recipients map[recipient]*rate.Limiter
	flying     map[recipient]int // attempts under way, each of which counts as a message until it ends
	swept      time.Time
}

// account is what an account has sent of late.
type account struct {
	bucket *rate.Limiter // nil: without a limit
	told   time.Time     // until when the store lets it rest
	// limited are the chats that the platform found too fast within limitedWindow, and when the first one was.
	limited map[string]bool
	since   time.Time
	penalty time.Duration // of the last rest that the platform forced
	rest    time.Time     // nothing is sent until then
}

type recipient struct {
	store.Account
	channel string
}

const (
	sweepEvery = time.Minute
	// So many chats that are too fast within so short a time mean that the account is.
	limitedChats  = 3
	limitedWindow = 10 * time.Second
	penaltyMin    = time.Second
	penaltyMax    = time.Minute
)

func newPacer() *pacer {
	return &pacer{accounts: map[store.Account]*account{}, recipients: map[recipient]*rate.Limiter{}, flying: map[recipient]int{}}
}

func accountOf(d store.Delivery) store.Account {
	return store.Account{Platform: d.Platform, Account: d.Account}
}

func recipientOf(d store.Delivery) recipient { return recipient{accountOf(d), d.ChannelID} }

// knows reports whether the account's sends are being counted.
func (p *pacer) knows(a store.Account) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accounts[a] != nil
}

// known returns the accounts whose sends are being counted.
func (p *pacer) known() (out []store.Account) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for a := range p.accounts {
		out = append(out, a)
	}
	return out
}

// prime begins to count an account's sends with what was sent of late, oldest first.
func (p *pacer) prime(a store.Account, l chat.Limits, sent []store.Send) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accounts[a] = &account{bucket: bucket(l.PerAccount)}
	for _, s := range sent {
		spend(p.accounts[a].bucket, s.Messages, s.At)
		spend(p.recipient(recipient{a, s.ChannelID}, l.PerRecipient), s.Messages, s.At)
	}
}

// forget counts an account no more: another host sends for it.
func (p *pacer) forget(a store.Account) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.accounts, a)
	for r := range p.recipients {
		if r.Account == a {
			delete(p.recipients, r)
		}
	}
}

// recipientWait is how long a recipient's limit keeps a message back; 0: not at all, and it counts as under way until
// landed is called. left is how many more than this one it would let through then; many, without a limit.
func (p *pacer) recipientWait(d store.Delivery, limit chat.Rate, now time.Time) (wait time.Duration, left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.recipient(recipientOf(d), limit)
	if b == nil {
		return 0, 1 << 20
	}
	to := recipientOf(d)
	tokens := b.TokensAt(now) - float64(p.flying[to])
	if tokens < 1 {
		return time.Duration((1 - tokens) * float64(limit.Period)), 0
	}
	p.flying[to]++
	return 0, int(tokens) - 1
}

// landed ends what recipientWait let through; sent has counted what became of it.
func (p *pacer) landed(d store.Delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to := recipientOf(d)
	if p.flying[to]--; p.flying[to] <= 0 {
		delete(p.flying, to)
	}
}

// reserve takes one message's place in the account's limit. It returns how long that place has to be waited for;
// when that is over most, none is taken.
func (p *pacer) reserve(d store.Delivery, l chat.Limits, most time.Duration, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(now)
	a := p.account(d, l)
	wait := max(0, a.rest.Sub(now))
	if wait > most || a.bucket == nil {
		return wait
	}
	r := a.bucket.ReserveN(now, 1)
	if delay := r.DelayFrom(now); delay > most {
		r.CancelAt(now)
		return delay
	} else if delay > wait {
		wait = delay
	}
	return wait
}

// sent counts an attempt that ended: n messages are out, of which the account's limit has one already.
func (p *pacer) sent(d store.Delivery, l chat.Limits, n int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.account(d, l)
	spend(a.bucket, n-1, now)
	spend(p.recipient(recipientOf(d), l.PerRecipient), n, now)
	if n > 0 {
		a.limited, a.penalty = nil, 0
	}
}

// limited notes that the platform found a chat too fast, and for how long it wants to be left alone. When it is
// so for several chats at once, it is the account that is too fast: it rests, longer each time. limited returns
// until when; zero, when it is only this chat.
func (p *pacer) limited(d store.Delivery, l chat.Limits, wait time.Duration, now time.Time) (rest time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.account(d, l)
	if now.Before(a.rest) {
		// What began before the rest says nothing about whether that is long enough.
		if until := now.Add(wait); wait > 0 && until.After(a.rest) {
			a.rest = until
		}
		return a.rest
	}
	if now.Sub(a.since) > limitedWindow {
		a.since, a.limited = now, map[string]bool{}
	}
	if a.limited == nil {
		a.limited = map[string]bool{}
	}
	a.limited[d.ChannelID] = true
	if len(a.limited) < limitedChats {
		return time.Time{}
	}
	a.penalty = min(max(penaltyMin, 4*a.penalty), penaltyMax)
	a.rest = now.Add(max(wait, a.penalty))
	a.since, a.limited = now, nil
	return a.rest
}

// halt lets an account rest until a time: nothing that it sends can work before.
func (p *pacer) halt(d store.Delivery, l chat.Limits, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.account(d, l); until.After(a.rest) {
		a.rest = until
	}
}

// rests returns the accounts that may send nothing for a while, as far as the store does not know it yet, and
// when the first of all that rest may go on; zero: none rests.
func (p *pacer) rests(now time.Time) (news []store.Rest, first time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, a := range p.accounts {
		until := a.rest
		if a.bucket != nil {
			if tokens := a.bucket.TokensAt(now); tokens < 1 {
				period := float64(time.Second) / float64(a.bucket.Limit())
				if full := now.Add(time.Duration((1 - tokens) * period)); full.After(until) {
					until = full
				}
			}
		}
		if !until.After(now) {
			continue
		}
		if first.IsZero() || until.Before(first) {
			first = until
		}
		if until.After(a.told.Add(time.Millisecond)) {
			a.told = until
			news = append(news, store.Rest{Account: key, For: until.Sub(now)})
		}
	}
	return news, first
}

// room is about how many messages may go out at once. What is claimed and waits is in doubt when this process
// dies, so no more is claimed than that.
func (p *pacer) room(now time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := roomForOthers
	for _, a := range p.accounts {
		switch {
		case a.rest.After(now):
		case a.bucket == nil:
			return claimMost
		default:
			n += max(0, int(a.bucket.TokensAt(now)))
		}
	}
	return n
}

// roomForOthers is for accounts that this host does not send for yet.
const roomForOthers = 4

// account returns what is counted of an account. The caller holds mu.
func (p *pacer) account(d store.Delivery, l chat.Limits) *account {
	a := p.accounts[accountOf(d)]
	if a == nil {
		a = &account{}
		p.accounts[accountOf(d)] = a
	}
	a.bucket = adjust(a.bucket, l.PerAccount)
	return a
}

// recipient returns a recipient's bucket; nil without a limit. The caller holds mu.
func (p *pacer) recipient(key recipient, limit chat.Rate) *rate.Limiter {
	if limit.Period <= 0 {
		return nil
	}
	b := p.recipients[key]
	if b == nil {
		b = bucket(limit)
		p.recipients[key] = b
	}
	return b
}

// bucket returns a full bucket; nil for no limit.
func bucket(limit chat.Rate) *rate.Limiter {
	if limit.Period <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Every(limit.Period), int(max(limit.Burst, 1)))
}

// adjust gives a bucket another limit, if it is another one.
func adjust(b *rate.Limiter, limit chat.Rate) *rate.Limiter {
	want := bucket(limit)
	if b == nil || want == nil || b.Limit() == want.Limit() && b.Burst() == want.Burst() {
		if b == nil || want == nil {
			return want
		}
		return b
	}
	return want
}

// spend takes n tokens, on credit: how many messages an answer became is known once it is sent. A bucket gives
// no more than its size at once.
func spend(b *rate.Limiter, n int, at time.Time) {
	if b != nil && n > 0 {
		b.ReserveN(at, min(n, b.Burst()))
	}
}

// sweep forgets the recipients whose buckets are full. The caller holds mu.
func (p *pacer) sweep(now time.Time) {
	if now.Sub(p.swept) < sweepEvery {
		return
	}
	p.swept = now
	for key, b := range p.recipients {
		if b.TokensAt(now) >= float64(b.Burst()) {
			delete(p.recipients, key)
		}
	}
}
