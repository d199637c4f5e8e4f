package egress

import (
	"math/rand/v2"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Policy says how long a delivery is tried. The zero value of a field takes the default.
type Policy struct {
	Attempts int           // that count; 10
	Age      time.Duration // from when it was enqueued; 24 hours
	// UnknownAfter is how long a receipt is waited for until the operator is told that nobody knows what became
	// of a delivery; 10 minutes.
	UnknownAfter time.Duration
}

func (p Policy) withDefaults() Policy {
	if p.Attempts == 0 {
		p.Attempts = 10
	}
	if p.Age == 0 {
		p.Age = 24 * time.Hour
	}
	if p.UnknownAfter == 0 {
		p.UnknownAfter = 10 * time.Minute
	}
	return p
}

const (
	backoffBase = time.Second
	backoffMax  = 5 * time.Minute
	// While a token is rejected nothing is lost: the operator has all of Policy.Age to renew it.
	credentialsWait = 15 * time.Second
	downWait        = 500 * time.Millisecond // the plugin is being restarted
)

// conclude decides what an error means for a delivery.
func (p Policy) conclude(e *chat.Error, d store.Delivery, now time.Time) store.Settlement {
	v := store.Settlement{MessageIDs: append(d.MessageIDs, e.MessageIDs...), Error: deliveryError(e)}
	again := func(wait time.Duration, counted bool) store.Settlement {
		v.State, v.NextAt, v.Deferred = store.StateQueued, now.Add(wait), !counted
		return v
	}
	fresh := now.Sub(queuedAt(d)) < p.Age
	switch {
	case e.Sent == chat.SentYes:
		v.State = store.StateSent
	case e.Sent == chat.SentUnknown:
		v.State = store.StateUnknown
	case e.Reason == chat.ReasonCredentialsRejected && fresh:
		return again(credentialsWait, false)
	case e.Reason == chat.ReasonUnavailable && fresh:
		return again(jitter(2*downWait), false)
	case len(e.MessageIDs) > 0 && !e.Permanent && fresh:
		return again(e.RetryAfter, false) // some parts are out, so it gets on: it is no failed attempt
	case e.Permanent || tries(d) >= p.Attempts || !fresh:
		v.State = store.StateFailed
	case e.Reason == chat.ReasonRateLimited:
		return again(max(e.RetryAfter, slower(tries(d))), true)
	default:
		return again(max(e.RetryAfter, backoff(tries(d))), true)
	}
	return v
}

// Retry is the store.Retry of this policy: what failed after the platform had taken it is tried again like what
// the platform did not take.
func (p Policy) Retry(d store.Delivery, e chat.DeliveryError, now time.Time) (wait time.Duration, again bool) {
	p = p.withDefaults()
	if e.Permanent || tries(d) >= p.Attempts || now.Sub(queuedAt(d)) >= p.Age {
		return 0, false
	}
	switch e.Reason {
	case chat.ReasonRateLimited:
		return max(e.RetryAfter, slower(tries(d))), true
	case chat.ReasonUpstreamError:
		return max(e.RetryAfter, backoff(tries(d))), true
	}
	return 0, false // the same message would fail again
}

// tries is how many attempts count against a delivery, from 1 once it was tried.
func tries(d store.Delivery) int { return d.Attempt - d.Before }

func queuedAt(d store.Delivery) time.Time {
	if d.QueuedAt.IsZero() {
		return d.CreatedAt
	}
	return d.QueuedAt
}

// backoff is exponential with full jitter. attempt is from 1.
func backoff(attempt int) time.Duration {
	return jitter(min(backoffBase<<min(max(attempt-1, 0), 20), backoffMax))
}

// slower is what platforms ask for when a recipient gets too much: 4^n seconds from the n-th time on, a little
// more each, so that not all come back at once. attempt is from 1.
func slower(attempt int) time.Duration {
	d := min(time.Second<<(2*min(max(attempt-1, 0), 10)), backoffMax)
	return d + jitter(d/4)
}

// jitter is a random time of up to d, which must be more than 0.
func jitter(d time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(d))) + time.Millisecond
}
