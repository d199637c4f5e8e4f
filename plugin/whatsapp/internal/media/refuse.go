package media

import (
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/sony/gobreaker/v2"

	"github.com/aof-dev/aofd/sdk/chat"
)

// How long nothing is asked for again.
const (
	forgetAfter = 10 * time.Minute // a file that cannot be had
	retryAfter  = 30 * time.Second // a file that could not be had now
	maxRefused  = 1024             // files that are remembered

	// After so many failures within the window, nothing is fetched until the rest is over.
	failureMax = 10
	window     = 10 * time.Minute
	rest       = 5 * time.Minute
)

// refusals remember what Meta did not give, so that nobody asks again and again.
type refusals struct {
	files   *lru.Cache[string, refused]
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
}

type refused struct {
	err   *chat.Error
	until time.Time
}

func newRefusals() *refusals {
	files, _ := lru.New[string, refused](maxRefused) // fails for a size of 0 only
	return &refusals{files: files, breaker: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Interval: window, BucketPeriod: window / 10, Timeout: rest,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.TotalFailures >= failureMax },
		IsSuccessful: func(err error) bool { return err == nil },
		IsExcluded:   ours,
	})}
}

// ours reports whether an error says nothing about Meta.
func ours(err error) bool {
	return errors.Is(err, errCaller)
}

// before says why a file is not asked for now; done must be called with how it went when it is.
func (r *refusals) before(id string) (done func(error), failure *chat.Error) {
	if f, ok := r.files.Get(id); ok {
		if wait := time.Until(f.until); wait > 0 {
			again := *f.err
			again.Text += " (not asked again so soon)"
			if !again.Permanent {
				again.RetryAfter = max(again.RetryAfter, wait)
			}
			return nil, &again
		}
		r.files.Remove(id)
	}
	done, err := r.breaker.Allow()
	if err != nil {
		return nil, &chat.Error{
			Reason: chat.ReasonRateLimited, RetryAfter: rest,
			Text: "too many files could not be fetched; Meta is not asked for a while, as it blocks who asks on", Err: err,
			Hint: "the errors before this one say why",
		}
	}
	return done, nil
}

// after remembers a failure.
func (r *refusals) after(id string, failure *chat.Error) {
	wait := max(retryAfter, failure.RetryAfter)
	if failure.Permanent {
		wait = forgetAfter
	}
	r.files.Add(id, refused{failure, time.Now().Add(wait)})
}
