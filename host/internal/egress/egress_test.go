package egress_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	recent  []store.Send
	unknown []store.Delivery
	trace   []store.TraceEvent
	behind  map[string][]store.Delivery
	rested  []store.Rest
}

func (o *outbox) ClaimDeliveries(_ context.Context, _ string, n int, _ time.Duration, r ...store.Rest) ([]store.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rested = append(o.rested, r...)
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

func (o *outbox) RecentSends(context.Context, store.Account, time.Time) ([]store.Send, error) {
	return o.recent, nil
}

func (o *outbox) HoldSenders(_ context.Context, _ string, a []store.Account, _ time.Duration) ([]store.Account, error) {
	return a, nil
}

// Join takes from what waits behind the first one.
func (o *outbox) Join(
	_ context.Context, _ string, first store.Delivery, n int, fits func(store.Delivery) bool,
) (out []store.Delivery, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	behind := o.behind[first.ID]
	for _, d := range behind {
		if len(out) == n || !fits(d) {
			break
		}
		out = append(out, d)
	}
	return out, nil
}

func (o *outbox) Deliveries(context.Context, store.Filter) ([]store.Delivery, store.Cursor, error) {
	return o.unknown, 0, nil
}

func (o *outbox) AppendTrace(_ context.Context, events []store.TraceEvent) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.trace = append(o.trace, events...)
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
		Sender: func(p, _ string) (egress.Sender, chat.Limits) {
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

// TestLongIDIsCut: a part that is out stays one, also when nobody could store its id.
func TestLongIDIsCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{waiting: []store.Delivery{delivery("d")}}
		run(t, o, func(chat.Delivery) (chat.Sent, error) {
			return chat.Sent{MessageIDs: []string{"m", strings.Repeat("i", 513)}}, nil
		}, chat.Limits{}, time.Minute)
		ids := o.settled[0].MessageIDs
		if len(ids) != 2 || len(ids[1]) != 512 {
			t.Errorf("ids %v", ids)
		}
	})
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

func toTheSame(n int) *outbox {
	o := &outbox{}
	for i := range n {
		o.waiting = append(o.waiting, delivery(fmt.Sprint("d", i)))
	}
	return o
}

// times notes when sends began.
type times struct {
	mu sync.Mutex
	at []time.Duration
}

func (t *times) note() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = append(t.at, time.Since(epoch).Truncate(time.Second))
}

// A recipient gets no more than the platform lets through; other recipients do not wait.
func TestPaceOfARecipient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := toTheSame(4)
		other := delivery("other")
		other.ChannelID = "somebody else"
		o.waiting = append(o.waiting, other)
		var same, others times
		run(t, o, func(d chat.Delivery) (chat.Sent, error) {
			if d.ChannelID == "ch" {
				same.note()
			} else {
				others.note()
			}
			return chat.Sent{MessageIDs: []string{"m"}}, nil
		}, chat.Limits{PerRecipient: chat.Rate{Period: 6 * time.Second, Burst: 1}}, time.Minute)
		if want := []time.Duration{0, 6 * time.Second, 12 * time.Second, 18 * time.Second}; !slices.Equal(same.at, want) {
			t.Errorf("sent at %v, want %v", same.at, want)
		}
		if !slices.Equal(others.at, []time.Duration{0}) {
			t.Errorf("the other recipient got it at %v", others.at)
		}
	})
}

// Who takes an account over knows what went out before: the limit holds over hosts.
func TestPaceIsTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := toTheSame(1)
		o.recent = []store.Send{{ChannelID: "ch", At: epoch.Add(-time.Second), Messages: 2}}
		var sent times
		run(t, o, func(chat.Delivery) (chat.Sent, error) {
			sent.note()
			return chat.Sent{MessageIDs: []string{"m"}}, nil
		}, chat.Limits{PerRecipient: chat.Rate{Period: 6 * time.Second, Burst: 2}}, time.Minute)
		if !slices.Equal(sent.at, []time.Duration{5 * time.Second}) {
			t.Errorf("sent at %v, want after 5 s", sent.at)
		}
	})
}

// An account that has sent as much as it may is left alone, for all hosts, instead of being claimed in vain.
func TestAccountRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := toTheSame(3)
		run(t, o, func(chat.Delivery) (chat.Sent, error) { return chat.Sent{MessageIDs: []string{"m"}}, nil },
			chat.Limits{PerAccount: chat.Rate{Period: 20 * time.Second, Burst: 1}}, time.Second)
		if len(o.rested) == 0 || o.rested[0].Account != (store.Account{Platform: "echo", Account: "a"}) ||
			o.rested[0].For < 19*time.Second || o.rested[0].For > 20*time.Second {
			t.Errorf("rests: %+v", o.rested)
		}
	})
}

// One chat that gets too much waits longer each time, 4^n seconds, and is in nobody's way; when several get too
// much at once, it is the account that is too fast.
func TestTooFast(t *testing.T) {
	t.Parallel()
	limited := &chat.Error{Reason: chat.ReasonRateLimited, Text: "too fast"}
	synctest.Test(t, func(t *testing.T) {
		o := toTheSame(1)
		var sent times
		run(t, o, func(chat.Delivery) (chat.Sent, error) {
			if sent.note(); len(sent.at) < 5 {
				return chat.Sent{}, limited
			}
			return chat.Sent{MessageIDs: []string{"m"}}, nil
		}, chat.Limits{}, 10*time.Minute)
		for i, least := range []time.Duration{time.Second, 4 * time.Second, 16 * time.Second, 64 * time.Second} {
			if got := sent.at[i+1] - sent.at[i]; got < least || got > least+least/4+2*time.Second {
				t.Errorf("pause %d is %s, want about %s", i+1, got, least)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{}
		for i := range 3 {
			d := delivery(fmt.Sprint("d", i))
			d.ChannelID = d.ID
			o.waiting = append(o.waiting, d)
		}
		late := delivery("late")
		late.ChannelID, late.NextAt = "late", epoch.Add(time.Second/2)
		o.waiting = append(o.waiting, late)
		var first sync.Map
		var at time.Duration
		run(t, o, func(d chat.Delivery) (chat.Sent, error) {
			if d.ID == "late" {
				at = time.Since(epoch)
			} else if _, again := first.LoadOrStore(d.ID, true); !again {
				return chat.Sent{}, &chat.Error{Reason: chat.ReasonRateLimited, RetryAfter: 5 * time.Second}
			}
			return chat.Sent{MessageIDs: []string{"m"}}, nil
		}, chat.Limits{}, time.Minute)
		if at < 5*time.Second {
			t.Errorf("a fourth chat was served after %s, while the account had to rest for 5 s", at)
		}
	})
}

// Many sends that are refused at once make the account rest once, and not longer and longer.
func TestTooFastAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{}
		for i := range 60 {
			d := delivery(fmt.Sprint("d", i))
			d.ChannelID = d.ID
			o.waiting = append(o.waiting, d)
		}
		var refused, sent atomic.Int64
		run(t, o, func(chat.Delivery) (chat.Sent, error) {
			time.Sleep(100 * time.Millisecond)
			if refused.Add(1) <= 60 {
				return chat.Sent{}, &chat.Error{Reason: chat.ReasonRateLimited}
			}
			sent.Add(1)
			return chat.Sent{MessageIDs: []string{"m"}}, nil
		}, chat.Limits{}, 5*time.Second)
		if sent.Load() != 60 {
			t.Errorf("%d of 60 were sent within 5 seconds", sent.Load())
		}
	})
}

// While a token is rejected, not every chat asks with it again and again.
func TestRejectedTokenRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{}
		for i := range 2000 {
			d := delivery(fmt.Sprint("d", i))
			d.ChannelID = d.ID
			o.waiting = append(o.waiting, d)
		}
		var asked, sent atomic.Int64
		renewed := time.Now().Add(50 * time.Second)
		run(t, o, func(chat.Delivery) (chat.Sent, error) {
			time.Sleep(100 * time.Millisecond)
			if time.Now().Before(renewed) {
				asked.Add(1)
				return chat.Sent{}, &chat.Error{Reason: chat.ReasonCredentialsRejected}
			}
			sent.Add(1)
			return chat.Sent{MessageIDs: []string{"m"}}, nil
		}, chat.Limits{}, 2*time.Minute)
		if asked.Load() > 2000 || sent.Load() != 2000 {
			t.Errorf("the platform was asked %d times with the rejected token; then %d of 2000 were sent", asked.Load(), sent.Load())
		}
	})
}

// Short texts of one answer go out in one message when the recipient takes hardly any more; what cannot be
// joined goes out by itself.
func TestJoin(t *testing.T) {
	t.Parallel()
	text := func(id, text string, change func(*chat.Response)) store.Delivery {
		d := delivery(id)
		d.Response = chat.Response{Text: text, Format: chat.FormatText}
		if change != nil {
			change(&d.Response)
		}
		return d
	}
	short := chat.Limits{PerRecipient: chat.Rate{Period: 6 * time.Second, Burst: 2}, TextMax: 100}
	long := string(make([]byte, 60))
	for name, c := range map[string]struct {
		limits chat.Limits
		behind []store.Delivery
		want   string
	}{
		"short of messages": {short, []store.Delivery{text("d2", "two", nil), text("d3", "three", nil)}, "one\n\ntwo\n\nthree"},
		"enough messages": {
			chat.Limits{PerRecipient: chat.Rate{Period: 6 * time.Second, Burst: 45}}, []store.Delivery{text("d2", "two", nil)}, "one",
		},
		"no limit":   {chat.Limits{}, []store.Delivery{text("d2", "two", nil)}, "one"},
		"too long":   {short, []store.Delivery{text("d2", "two", nil), text("d3", long+long, nil)}, "one\n\ntwo"},
		"a file":     {short, []store.Delivery{text("d2", "two", func(r *chat.Response) { r.Attachments = []chat.Attachment{{}} })}, "one"},
		"buttons":    {short, []store.Delivery{text("d2", "two", func(r *chat.Response) { r.Actions = []chat.Action{{}} })}, "one"},
		"other mark": {short, []store.Delivery{text("d2", "two", func(r *chat.Response) { r.Format = chat.FormatMarkdown })}, "one"},
		"a quote":    {short, []store.Delivery{text("d2", "two", func(r *chat.Response) { r.ReplyTo = "m" })}, "one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &outbox{waiting: []store.Delivery{text("d", "one", nil)}, behind: map[string][]store.Delivery{"d": c.behind}}
				var got []string
				run(t, o, func(d chat.Delivery) (chat.Sent, error) {
					got = append(got, d.Response.Text)
					return chat.Sent{MessageIDs: []string{"m"}}, nil
				}, c.limits, time.Second)
				if !slices.Equal(got, []string{c.want}) {
					t.Errorf("sent %q, want %q", got, c.want)
				}
			})
		})
	}
}

// What was joined and refused is not lost: each is tried by itself, and nothing is joined there for a while.
func TestJoinedInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		two := delivery("d2")
		o := &outbox{waiting: []store.Delivery{delivery("d")}, behind: map[string][]store.Delivery{"d": {two}}}
		var got []string
		run(t, o, func(d chat.Delivery) (chat.Sent, error) {
			if got = append(got, d.Response.Text); len(got) == 1 {
				return chat.Sent{}, &chat.Error{Reason: chat.ReasonContentRejected, Permanent: true}
			}
			return chat.Sent{MessageIDs: []string{"m"}}, nil
		}, chat.Limits{PerRecipient: chat.Rate{Period: time.Second, Burst: 2}}, time.Minute)
		if !slices.Equal(got, []string{"hi\n\nhi", "hi"}) {
			t.Errorf("sent %q", got)
		}
		if got := o.states("d"); !slices.Equal(got, []store.DeliveryState{store.StateSent}) {
			t.Errorf("states %v", got)
		}
	})
}

// What goes out only as a notice is held, and no part of the answer is out.
func TestHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := delivery("d")
		d.LastInboundAt = epoch.Add(-25 * time.Hour)
		o := &outbox{waiting: []store.Delivery{d}}
		var inbound time.Time
		run(t, o, func(d chat.Delivery) (chat.Sent, error) {
			inbound = d.LastInboundAt
			return chat.Sent{Held: true, MessageIDs: []string{"notice"}}, nil
		}, chat.Limits{}, time.Second)
		if v := o.settled[0]; v.State != store.StateHeld || len(v.MessageIDs) != 0 {
			t.Errorf("settled %+v", v)
		}
		if !inbound.Equal(d.LastInboundAt) {
			t.Errorf("the plugin was told that the user wrote at %s", inbound)
		}
	})
}

// The operator is told once of what is unknown for too long.
func TestUnknownIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old, fresh := delivery("old"), delivery("fresh")
		old.SettledAt, fresh.SettledAt = epoch.Add(-time.Hour), epoch.Add(15*time.Minute)
		o := &outbox{unknown: []store.Delivery{old, fresh}}
		run(t, o, nil, chat.Limits{}, 20*time.Minute)
		if len(o.trace) != 1 || o.trace[0].DeliveryID != "old" || o.trace[0].Hop != store.HopUnsettled {
			t.Errorf("told %+v", o.trace)
		}
		o.trace = nil
		run(t, o, nil, chat.Limits{}, 10*time.Minute)
		if len(o.trace) != 2 {
			t.Errorf("told %+v", o.trace)
		}
	})
}
