package egress_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aof-dev/aofd/host/internal/egress"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/telemetry"
	"github.com/aof-dev/aofd/sdk/chat"
)

// outbox keeps deliveries in memory, one conversation each, and remembers how attempts ended.
type outbox struct {
	store.Outbox
	mu      sync.Mutex
	waiting []store.Delivery
	settled []store.Settlement
}

func (o *outbox) ClaimDeliveries(_ context.Context, _ string, n int, _ time.Duration, _ ...store.Rest) ([]store.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var due []store.Delivery
	o.waiting = slices.DeleteFunc(o.waiting, func(d store.Delivery) bool {
		if len(due) == n || d.NextAt.After(time.Now()) {
			return false
		}
		d.Attempt++
		due = append(due, d)
		return true
	})
	return due, nil
}

func (o *outbox) Settle(_ context.Context, s store.Settlement) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.settled = append(o.settled, s)
	if s.State == store.StateQueued {
		d := delivery(s.DeliveryID)
		d.Attempt, d.NextAt, d.PartsSent, d.MessageIDs = s.Attempt, s.NextAt, len(s.MessageIDs), s.MessageIDs
		if s.Deferred {
			d.Attempt--
		}
		o.waiting = append(o.waiting, d)
	}
	return nil
}

func (o *outbox) NextDue(context.Context) (time.Time, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var at time.Time
	for _, d := range o.waiting {
		if at.IsZero() || d.NextAt.Before(at) {
			at = d.NextAt
		}
	}
	return at, nil
}

func (o *outbox) states(id string) (out []store.DeliveryState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.settled {
		if s.DeliveryID == id && !s.Deferred {
			out = append(out, s.State)
		}
	}
	return out
}

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // where synctest's clock begins

func delivery(id string) store.Delivery {
	return store.Delivery{
		ID: id, Cause: "c", Platform: "echo", Account: "a", ChannelID: "ch", Conversation: id, CreatedAt: epoch,
		Response: chat.Response{Text: "hi"},
	}
}

type sender func(d chat.Delivery) (chat.Sent, error)

func (s sender) SendResponse(_ context.Context, d chat.Delivery) (chat.Sent, error) { return s(d) }

// run sends what is waiting until d has passed by the fake clock.
func run(t *testing.T, o *outbox, s sender, limits chat.Limits, d time.Duration) {
	t.Helper()
	st := egress.New(egress.Settings{
		Owner: "me", Outbox: o, Logger: slog.New(slog.DiscardHandler),
		Sender: func(p string) (egress.Sender, chat.Limits) {
			if p != "echo" {
				return nil, chat.Limits{}
			}
			return s, limits
		},
		Metrics: telemetry.New("test", func() (store.Backlog, error) { return store.Backlog{}, nil }),
	})
	st.Start()
	time.Sleep(d) // of synctest's clock
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	st.Stop(ctx)
	st.Stop(ctx)
}

func TestEndsOfADelivery(t *testing.T) {
	t.Parallel()
	transient := &chat.Error{Reason: chat.ReasonUpstreamError, Text: "down"}
	cases := []struct {
		name string
		errs []error // of the attempts, in order; then success
		want []store.DeliveryState
	}{
		{"sent", nil, []store.DeliveryState{store.StateSent}},
		{"transient", []error{transient, transient}, []store.DeliveryState{store.StateQueued, store.StateQueued, store.StateSent}},
		{"permanent", []error{&chat.Error{Reason: chat.ReasonContentRejected, Permanent: true}}, []store.DeliveryState{store.StateFailed}},
		{"answer lost", []error{&chat.Error{Reason: chat.ReasonOutcomeUnknown, Sent: chat.SentUnknown}}, []store.DeliveryState{store.StateUnknown}},
		{"plugin restarting", []error{&chat.Error{Reason: chat.ReasonUnavailable}}, []store.DeliveryState{store.StateSent}},
		{"token renewed", []error{&chat.Error{Reason: chat.ReasonCredentialsRejected}}, []store.DeliveryState{store.StateSent}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &outbox{waiting: []store.Delivery{delivery("d")}}
				n := 0
				run(t, o, func(chat.Delivery) (chat.Sent, error) {
					if n++; n <= len(c.errs) {
						return chat.Sent{}, c.errs[n-1]
					}
					return chat.Sent{MessageIDs: []string{"m"}}, nil
				}, chat.Limits{}, 10*time.Minute)
				if got := o.states("d"); !slices.Equal(got, c.want) {
					t.Errorf("states %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestNeverEndingFailureIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{waiting: []store.Delivery{delivery("d")}}
		n := 0
		run(t, o, func(chat.Delivery) (chat.Sent, error) {
			n++
			return chat.Sent{}, errors.New("always")
		}, chat.Limits{}, 24*time.Hour)
		states := o.states("d")
		if n != 10 || states[len(states)-1] != store.StateFailed {
			t.Errorf("%d attempts, last state %v", n, states[len(states)-1])
		}
	})
}

// The platform's wait is kept: not a moment earlier.
func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{waiting: []store.Delivery{delivery("d")}}
		var at []time.Time
		run(t, o, func(chat.Delivery) (chat.Sent, error) {
			if at = append(at, time.Now()); len(at) == 1 {
				return chat.Sent{}, &chat.Error{Reason: chat.ReasonRateLimited, RetryAfter: 7 * time.Second}
			}
			return chat.Sent{}, nil
		}, chat.Limits{}, time.Minute)
		if len(at) != 2 || at[1].Sub(at[0]) < 7*time.Second {
			t.Errorf("attempts at %v", at)
		}
	})
}

// Parts that are with the platform are told to the next attempt, so that they are not sent again.
func TestPartsAreNotSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{waiting: []store.Delivery{delivery("d")}}
		var parts []int
		run(t, o, func(d chat.Delivery) (chat.Sent, error) {
			if parts = append(parts, d.PartsSent); len(parts) == 1 {
				return chat.Sent{}, &chat.Error{Reason: chat.ReasonUpstreamError, MessageIDs: []string{"m1", "m2"}}
			}
			return chat.Sent{MessageIDs: []string{"m3"}}, nil
		}, chat.Limits{}, time.Minute)
		if !slices.Equal(parts, []int{0, 2}) {
			t.Errorf("parts %v", parts)
		}
		if last := o.settled[len(o.settled)-1]; !slices.Equal(last.MessageIDs, []string{"m1", "m2", "m3"}) {
			t.Errorf("message ids %v", last.MessageIDs)
		}
	})
}

// An attempt that only waits its turn forgets no part that is out.
func TestWaitingKeepsTheParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second := delivery("d1"), delivery("d2")
		second.MessageIDs = []string{"m1", "m2"}
		o := &outbox{waiting: []store.Delivery{first, second}}
		limits := chat.Limits{PerAccount: chat.Rate{Period: 6 * time.Second, Burst: 1}}
		run(t, o, func(chat.Delivery) (chat.Sent, error) { return chat.Sent{MessageIDs: []string{"m3"}}, nil }, limits, time.Minute)
		waited := false
		for _, v := range o.settled {
			if v.Deferred {
				waited = true
				if v.DeliveryID == "d2" && !slices.Equal(v.MessageIDs, []string{"m1", "m2"}) {
					t.Errorf("message ids after waiting: %v", v.MessageIDs)
				}
			}
		}
		if !waited {
			t.Error("nothing had to wait")
		}
	})
}

func TestPaceOfAnAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{}
		for i := range 5 {
			o.waiting = append(o.waiting, delivery(fmt.Sprint("d", i)))
		}
		var mu sync.Mutex
		var at []time.Duration
		begin := time.Now()
		limits := chat.Limits{PerAccount: chat.Rate{Period: 6 * time.Second, Burst: 2}}
		run(t, o, func(chat.Delivery) (chat.Sent, error) {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(begin).Truncate(time.Second))
			return chat.Sent{MessageIDs: []string{"m"}}, nil
		}, limits, time.Minute)
		want := []time.Duration{0, 0, 6 * time.Second, 12 * time.Second, 18 * time.Second}
		if !slices.Equal(at, want) {
			t.Errorf("sent at %v, want %v", at, want)
		}
		for _, s := range o.settled {
			if !s.Deferred && s.Attempt != 1 {
				t.Errorf("%s was sent at attempt %d: waiting must not count", s.DeliveryID, s.Attempt)
			}
		}
	})
}

func TestPanicIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{waiting: []store.Delivery{delivery("d")}}
		run(t, o, func(chat.Delivery) (chat.Sent, error) { panic("boom") }, chat.Limits{}, time.Second)
		if got := o.states("d"); !slices.Equal(got, []store.DeliveryState{store.StateUnknown}) {
			t.Errorf("states %v", got)
		}
	})
}
