package turn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/telemetry"
	"github.com/aof-dev/aofd/host/internal/turn"
	"github.com/aof-dev/aofd/sdk/chat"
)

// lanes hands out the given turns once and remembers how they ended.
type lanes struct {
	store.Lanes
	mu        sync.Mutex
	waiting   []store.Turn
	enqueued  []store.Delivery
	results   map[string]store.Result
	released  []string
	finishErr []error // of the next calls of Finish
	noEnqueue bool
	full      bool // too many answers wait
	moved     bool // what runs is not ours any more
	cancelled map[string]store.Result
	noRenew   bool
	behind    []store.Turn // what waits behind each turn
}

func (l *lanes) Claim(_ context.Context, _ string, k store.LaneKind, n int, _ time.Duration) ([]store.Turn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full {
		return nil, store.ErrFull
	}
	var got, rest []store.Turn
	for _, t := range l.waiting {
		if t.Lane == k && len(got) < n {
			got = append(got, t)
		} else {
			rest = append(rest, t)
		}
	}
	l.waiting = rest
	return got, nil
}

func (l *lanes) Renew(context.Context, string, time.Duration) error {
	if l.noRenew {
		return errors.New("store down")
	}
	return nil
}

func (l *lanes) Holds(context.Context, string) (map[int64]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.moved {
		return map[int64]int64{0: 1}, nil
	}
	return map[int64]int64{0: 0}, nil
}

func (l *lanes) Cancel(_ context.Context, cause string, r store.Result) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancelled == nil {
		l.cancelled = map[string]store.Result{}
	}
	l.cancelled[cause] = r
	return nil
}

func (l *lanes) Release(_ context.Context, t store.Turn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = append(l.released, t.Cause)
	return nil
}

func (l *lanes) Enqueue(_ context.Context, _ store.Turn, d []store.Delivery, _ []store.TraceEvent) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.noEnqueue {
		return errors.New("store down")
	}
	l.enqueued = append(l.enqueued, d...)
	return nil
}

func (l *lanes) Finish(_ context.Context, t store.Turn, r store.Result) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.finishErr) > 0 {
		err := l.finishErr[0]
		l.finishErr = l.finishErr[1:]
		return err
	}
	l.results[t.Cause] = r
	return nil
}

// Following returns what has arrived by now.
func (l *lanes) Following(_ context.Context, _ store.Turn, n int) (out []store.Turn, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.behind {
		if len(out) < n && !t.Message.ReceivedAt.After(time.Now()) {
			out = append(out, t)
		}
	}
	return out, nil
}

func (l *lanes) History(context.Context, string, string, int) ([]chat.Turn, error) { return nil, nil }

type planner func(store.Turn) (turn.Plan, error)

func (p planner) Plan(_ context.Context, t store.Turn) (turn.Plan, error) { return p(t) }

type agents func(ctx context.Context, r chat.Run, emit func(chat.Event)) chat.Event

func (a agents) Run(ctx context.Context, r chat.Run, emit func(chat.Event)) chat.Event {
	return a(ctx, r, emit)
}

func claimed(id string, change func(*store.Turn)) store.Turn {
	t := store.Turn{
		Cause: "p/a/" + id, Conversation: "p/a/c", Lane: store.LaneTurn, Attempt: 1,
		Message: chat.Message{ID: id, Platform: "p", Account: "a", ChannelID: "c", Text: "hello", SentAt: time.Now()},
	}
	if change != nil {
		change(&t)
	}
	return t
}

func toAgent(store.Turn) (turn.Plan, error) {
	return turn.Plan{Agent: "x", Timeout: time.Minute, Why: "test"}, nil
}

func says(text string) agents {
	return func(context.Context, chat.Run, func(chat.Event)) chat.Event {
		return chat.Event{Final: &chat.Final{Response: chat.Response{Text: text}}}
	}
}

func settings(l *lanes, p planner, a agents) turn.Settings {
	l.results = map[string]store.Result{}
	return turn.Settings{
		Owner: "me", Lanes: l, Planner: p, Agents: a, Enqueued: func() {}, MaxConcurrent: 2,
		Logger:  slog.New(slog.DiscardHandler),
		Metrics: telemetry.New("test", func() (store.Backlog, error) { return store.Backlog{}, nil }),
	}
}

// run takes turns for d of synctest's clock.
func run(t *testing.T, s turn.Settings, d time.Duration) {
	t.Helper()
	st := turn.New(s)
	st.Start()
	st.Wake()
	time.Sleep(d)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	st.Stop(ctx)
	st.Stop(ctx)
}

// Every cause ends with exactly one outcome, and whoever is not answered leaves a reason.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	reply := func(r chat.Response, o store.Outcome) planner {
		return func(store.Turn) (turn.Plan, error) { return turn.Plan{Reply: &r, Outcome: o, Why: "builtin"}, nil }
	}
	failing := func(e chat.AgentError) agents {
		return func(context.Context, chat.Run, func(chat.Event)) chat.Event { return chat.Event{Error: &e} }
	}
	cases := []struct {
		name     string
		change   func(*store.Turn)
		plan     planner
		agent    agents
		want     store.Outcome
		says     string // part of the answer; empty: no answer
		reason   string // part of the reason
		answered bool
	}{
		{"answered", nil, toAgent, says("fine"), store.OutcomeAnswered, "fine", "", true},
		{"nothing to say", nil, toAgent, says(""), store.OutcomeNothing, "", "nothing to say", false},
		{
			"agent failed", nil, toAgent, failing(chat.AgentError{Code: "AGENT_EXIT", Detail: "exit 3"}),
			store.OutcomeFailed, "Something went wrong (ref ", "AGENT_EXIT: exit 3", true,
		},
		{
			"agent says how it failed", nil, toAgent, failing(chat.AgentError{Code: "X", UserText: "No such pod."}),
			store.OutcomeFailed, "No such pod (ref ", "X", true,
		},
		{"interrupted", nil, toAgent, func(context.Context, chat.Run, func(chat.Event)) chat.Event {
			return chat.Event{Interrupt: &chat.Interrupt{}}
		}, store.OutcomeInterrupted, "approval", "INTERRUPT_UNSUPPORTED", true},
		{"agent without an end", nil, toAgent, func(context.Context, chat.Run, func(chat.Event)) chat.Event {
			return chat.Event{}
		}, store.OutcomeFailed, "Something went wrong", "NO_END", true},
		{
			"panic", nil, func(store.Turn) (turn.Plan, error) { panic("boom") }, nil,
			store.OutcomeFailed, "Something went wrong", "PANIC", true,
		},
		{
			"routing failed", nil, func(store.Turn) (turn.Plan, error) { return turn.Plan{}, errors.New("store") }, nil,
			store.OutcomeFailed, "Something went wrong", "ROUTE_FAILED", true,
		},
		{"builtin", nil, reply(chat.Response{Text: "help"}, store.OutcomeAnswered), nil, store.OutcomeAnswered, "help", "builtin", true},
		{"no prompt", nil, func(store.Turn) (turn.Plan, error) {
			return turn.Plan{Outcome: store.OutcomeNothing, Why: "a reaction"}, nil
		}, nil, store.OutcomeNothing, "", "a reaction", false},
		{"sender not allowed", func(t *store.Turn) {
			t.Message.Refusal = &chat.Refusal{Reason: "SENDER_NOT_ALLOWED", Detail: "…0123"}
		}, toAgent, says("leak"), store.OutcomeRefused, "", "SENDER_NOT_ALLOWED", false},
		{
			"too many tasks", func(t *store.Turn) { t.Lane = store.LaneBusy }, toAgent, says("no"),
			store.OutcomeRefused, "too many active tasks", "TOO_MANY_TASKS", true,
		},
		{
			"stale", func(t *store.Turn) { t.Message.SentAt = time.Now().Add(-2 * time.Hour) }, toAgent, says("no"),
			store.OutcomeRefused, "I was away", "STALE", true,
		},
		{
			"given up", func(t *store.Turn) { t.Attempt = 4 }, toAgent, says("no"),
			store.OutcomeFailed, "Something went wrong", "GIVEN_UP", true,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &lanes{waiting: []store.Turn{claimed("1", c.change)}}
				s := settings(l, c.plan, c.agent)
				s.MaxAge = time.Hour
				run(t, s, time.Second)
				r, ok := l.results["p/a/1"]
				if !ok || r.Outcome != c.want || !strings.Contains(r.Reason, c.reason) {
					t.Fatalf("result %+v, %v; want %s", r, ok, c.want)
				}
				if got := len(r.Deliveries) == 1; got != c.answered {
					t.Fatalf("answered %v, want %v: %+v", got, c.answered, r.Deliveries)
				}
				if c.answered && !strings.Contains(r.Deliveries[0].Response.Text, c.says) {
					t.Errorf("answer %q, want %q", r.Deliveries[0].Response.Text, c.says)
				}
			})
		})
	}
}

// What the user reads never holds the detail that the operator needs.
func TestFailureKeepsTheDetailFromTheUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lanes{waiting: []store.Turn{claimed("1", nil)}}
		run(t, settings(l, toAgent, func(context.Context, chat.Run, func(chat.Event)) chat.Event {
			return chat.Event{Error: &chat.AgentError{Code: "C", Detail: "dial 10.1.2.3 refused"}}
		}), time.Second)
		r := l.results["p/a/1"]
		text := r.Deliveries[0].Response.Text
		if strings.Contains(text, "10.1.2.3") || !strings.Contains(r.Reason, "10.1.2.3") {
			t.Errorf("user reads %q, operator reads %q", text, r.Reason)
		}
		if ref := store.Reference("p/a/1"); !strings.Contains(text, ref) || !strings.Contains(r.Reason, ref) {
			t.Errorf("the reference %s must stand in both %q and %q", ref, text, r.Reason)
		}
	})
}

// The ids of answers depend on the message alone, so that a repeated turn enqueues nothing new.
func TestRepeatedTurnHasTheSameIDs(t *testing.T) {
	t.Parallel()
	ids := func(progress time.Duration) (out []string) {
		synctest.Test(t, func(t *testing.T) {
			l := &lanes{waiting: []store.Turn{claimed("1", nil)}}
			s := settings(l, toAgent, func(_ context.Context, _ chat.Run, emit func(chat.Event)) chat.Event {
				emit(chat.Event{Partial: &chat.Partial{Response: chat.Response{Text: "part"}}})
				time.Sleep(5 * time.Second)
				return chat.Event{Final: &chat.Final{Response: chat.Response{Text: "end"}}}
			})
			s.ProgressAfter = progress
			run(t, s, time.Minute)
			for _, d := range append(l.enqueued, l.results["p/a/1"].Deliveries...) {
				if d.Response.Text != "Still working on it…" {
					out = append(out, d.ID+"="+d.Response.Text)
				}
			}
		})
		return out
	}
	with, without := ids(time.Second), ids(0)
	if strings.Join(with, " ") != strings.Join(without, " ") || len(with) != 2 {
		t.Errorf("ids %v, then %v", with, without)
	}
}

func TestProgressIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lanes{waiting: []store.Turn{claimed("1", nil)}}
		s := settings(l, toAgent, func(ctx context.Context, _ chat.Run, _ func(chat.Event)) chat.Event {
			time.Sleep(45 * time.Second)
			return chat.Event{Final: &chat.Final{Response: chat.Response{Text: "end"}}}
		})
		s.ProgressAfter = 10 * time.Second
		run(t, s, time.Minute)
		if len(l.enqueued) != 1 || l.enqueued[0].Response.Text != "Still working on it…" {
			t.Errorf("told %+v", l.enqueued)
		}
	})
}

// A part that the store did not take at once is not lost: it goes out before the answer.
func TestLatePartGoesWithTheResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lanes{waiting: []store.Turn{claimed("1", nil)}, noEnqueue: true}
		run(t, settings(l, toAgent, func(_ context.Context, _ chat.Run, emit func(chat.Event)) chat.Event {
			emit(chat.Event{Partial: &chat.Partial{Response: chat.Response{Text: "part"}}})
			return chat.Event{Final: &chat.Final{Response: chat.Response{Text: "end"}}}
		}), time.Second)
		d := l.results["p/a/1"].Deliveries
		if len(d) != 2 || d[0].Response.Text != "part" || d[1].Response.Text != "end" {
			t.Errorf("deliveries %+v", d)
		}
	})
}

func TestConcurrencyHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lanes{}
		for _, id := range []string{"1", "2", "3", "4", "5"} {
			l.waiting = append(l.waiting, claimed(id, nil))
		}
		var mu sync.Mutex
		running, most := 0, 0
		run(t, settings(l, toAgent, func(context.Context, chat.Run, func(chat.Event)) chat.Event {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			return chat.Event{Final: &chat.Final{}}
		}), time.Minute)
		if most != 2 || len(l.results) != 5 {
			t.Errorf("%d ran at once, want 2; %d ended, want 5", most, len(l.results))
		}
	})
}

// A turn that a stop cuts off gives its message back; nobody is told that something failed.
func TestStopGivesTheMessageBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lanes{waiting: []store.Turn{claimed("1", nil)}}
		run(t, settings(l, toAgent, func(ctx context.Context, _ chat.Run, _ func(chat.Event)) chat.Event {
			<-ctx.Done()
			return chat.Event{Error: &chat.AgentError{Code: "AGENT_CANCELLED"}}
		}), time.Second)
		if len(l.released) != 1 || len(l.results) != 0 {
			t.Errorf("released %v, results %v", l.released, l.results)
		}
	})
}

// While the store is away the result is kept and stored later; when the lease is lost it is void.
func TestResultSurvivesAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]error{"stored": nil, "fenced": store.ErrFenced} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				away := errors.New("disk full")
				l := &lanes{waiting: []store.Turn{claimed("1", nil)}, finishErr: []error{away, away}}
				if last != nil {
					l.finishErr = append(l.finishErr, last)
				}
				run(t, settings(l, toAgent, says("fine")), time.Minute)
				if _, ok := l.results["p/a/1"]; ok != (last == nil) {
					t.Errorf("stored %v, results %v", ok, l.results)
				}
			})
		})
	}
}

// courtesies remember what was shown, and when.
type courtesies struct {
	mu    sync.Mutex
	shown []string
	lasts time.Duration
	err   error
}

func (c *courtesies) SendSignal(ctx context.Context, platform string, s chat.Courtesy) (time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown = append(c.shown, fmt.Sprintf("%s %s %s at %s", platform, s.MessageID, s.Signal, time.Since(began).Round(time.Second)))
	return c.lasts, c.err
}

var began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // where synctest's clock begins

// Whoever wrote sees that it is worked on, as long as it is; who gets an answer at once sees that it was read.
// TestProgramsThatAnswerEachOther: whoever answers every answer gets no more of them in the end.
func TestProgramsThatAnswerEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 20
		l := &lanes{}
		set := settings(l, toAgent, says("and you?"))
		set.MaxPerHour = most
		s := turn.New(set)
		s.Start()
		said, answered := 0, 0
		say := func(user string) store.Result {
			said++
			m := claimed(strconv.Itoa(said), func(t *store.Turn) { t.Message.User.ID = user })
			l.mu.Lock()
			l.waiting = append(l.waiting, m)
			l.mu.Unlock()
			s.Wake()
			time.Sleep(time.Second)
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.results[m.Cause]
		}
		var last store.Result
		for range 10 * most {
			if last = say("bot"); len(last.Deliveries) == 0 {
				break // it has nothing to answer
			}
			answered++
		}
		if answered != most+1 || last.Outcome != store.OutcomeRefused || !strings.Contains(last.Reason, "TOO_MANY_MESSAGES") {
			t.Errorf("%d answers, then %+v; want %d with the notice", answered, last, most+1)
		}
		if r := say("somebody else"); r.Outcome != store.OutcomeAnswered {
			t.Errorf("another sender: %+v", r)
		}
		time.Sleep(time.Hour)
		if r := say("bot"); r.Outcome != store.OutcomeAnswered {
			t.Errorf("an hour later: %+v", r)
		}
		s.Stop(t.Context())
	})
}

func TestFullOutboxBeginsNoTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lanes{waiting: []store.Turn{claimed("1", nil)}, full: true}
		set := settings(l, toAgent, says("hi"))
		var told strings.Builder
		set.Logger = slog.New(slog.NewTextHandler(&told, nil))
		s := turn.New(set)
		s.Start()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(l.results) > 0 || strings.Count(told.String(), "no more messages are answered") != 1 {
			t.Errorf("while it is full: %v, and the log tells:\n%s", l.results, &told)
		}
		l.mu.Lock()
		l.full = false
		l.mu.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if l.results["p/a/1"].Outcome != store.OutcomeAnswered || !strings.Contains(told.String(), "answered again") {
			t.Errorf("then: %v, and the log tells:\n%s", l.results, &told)
		}
		s.Stop(t.Context())
	})
}

// TestCancel: a run ends when it is cancelled here, and soon when it is cancelled elsewhere; nothing of it is stored.
func TestCancel(t *testing.T) {
	for name, cancel := range map[string]func(*testing.T, *turn.Stage, *lanes){
		"by its sender": func(_ *testing.T, s *turn.Stage, l *lanes) {
			l.mu.Lock()
			l.waiting = append(l.waiting, claimed("cancel", func(t *store.Turn) { t.Lane = store.LaneNow }))
			l.mu.Unlock()
			s.Wake()
		},
		"by the operator": func(t *testing.T, s *turn.Stage, l *lanes) {
			if err := s.Cancel(t.Context(), claimed("1", nil), "enough"); err != nil {
				t.Error(err)
			}
			r := l.cancelled["p/a/1"]
			if len(r.Deliveries) != 1 || !strings.Contains(r.Deliveries[0].Response.Text, "operator (ref ") {
				t.Errorf("the sender gets %+v", r.Deliveries)
			}
		},
		"elsewhere": func(_ *testing.T, _ *turn.Stage, l *lanes) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.moved = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &lanes{waiting: []store.Turn{claimed("1", nil)}}
				var ended time.Time
				s := turn.New(settings(l, func(t store.Turn) (turn.Plan, error) {
					if t.Lane == store.LaneNow {
						return turn.Plan{Reply: &chat.Response{Text: "Cancelled"}, Outcome: store.OutcomeAnswered, Cancel: []string{"p/a/1"}}, nil
					}
					return toAgent(t)
				}, func(ctx context.Context, _ chat.Run, _ func(chat.Event)) chat.Event {
					<-ctx.Done()
					ended = time.Now()
					return chat.Event{Error: &chat.AgentError{Code: "CUT"}}
				}))
				s.Start()
				time.Sleep(2 * time.Second)
				begin := time.Now()
				cancel(t, s, l)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if ended.IsZero() || ended.Sub(begin) > 3*time.Second {
					t.Errorf("the run ended after %s", ended.Sub(begin))
				}
				if r, stored := l.results["p/a/1"]; stored {
					t.Errorf("its result was stored: %+v", r)
				}
				if r := l.cancelled["p/a/1"]; name != "elsewhere" && (r.Outcome != store.OutcomeInterrupted || !strings.HasPrefix(r.Reason, "CANCELLED: ")) {
					t.Errorf("cancelled as %+v", r)
				}
				s.Stop(t.Context())
			})
		})
	}
}

// TestCancelOfARepeatedTurn: a message may be given out again while the run from before goes on, when its conversation
// was taken from under it. The new run is the one to be cut then.
func TestCancelOfARepeatedTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lanes{waiting: []store.Turn{claimed("1", nil)}}
		var begun, ended atomic.Int32
		s := turn.New(settings(l, toAgent, func(ctx context.Context, _ chat.Run, _ func(chat.Event)) chat.Event {
			begun.Add(1)
			<-ctx.Done()
			ended.Add(1)
			return chat.Event{Error: &chat.AgentError{Code: "CUT"}}
		}))
		s.Start()
		time.Sleep(100 * time.Millisecond)
		l.mu.Lock()
		l.waiting = append(l.waiting, claimed("1", func(t *store.Turn) { t.Epoch = 2 }))
		l.mu.Unlock()
		s.Wake()
		time.Sleep(100 * time.Millisecond)
		if begun.Load() != 2 || ended.Load() != 1 {
			t.Errorf("%d runs began and %d ended, before the message is cancelled", begun.Load(), ended.Load())
		}
		if err := s.Cancel(t.Context(), claimed("1", nil), "enough"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if ended.Load() != 2 {
			t.Errorf("%d of 2 runs ended", ended.Load())
		}
		s.Stop(t.Context())
	})
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		run   time.Duration // of the agent
		lasts time.Duration
		err   error
		want  int
		read  bool // instead of typing
	}{
		"renewed":               {run: time.Minute, lasts: 25 * time.Second, want: 3}, // after 0.3, 24.3 and 48.3 seconds
		"stays":                 {run: time.Minute, want: 1},
		"answered at once":      {run: 100 * time.Millisecond, lasts: time.Second, want: 1, read: true},
		"the platform is away":  {run: time.Minute, lasts: time.Second, err: errors.New("away"), want: 1},
		"goes out very quickly": {run: 10 * time.Second, lasts: 2 * time.Second, want: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &lanes{waiting: []store.Turn{claimed("1", nil)}}
				s := settings(l, toAgent, func(context.Context, chat.Run, func(chat.Event)) chat.Event {
					time.Sleep(c.run)
					return chat.Event{Final: &chat.Final{Response: chat.Response{Text: "fine"}}}
				})
				shows := &courtesies{lasts: c.lasts, err: c.err}
				s.Courtesies, s.Signal = shows, chat.SignalTyping
				run(t, s, 2*time.Minute)
				if len(shows.shown) != c.want {
					t.Errorf("shown %q, want %d", shows.shown, c.want)
				}
				for _, shown := range shows.shown {
					if strings.Contains(shown, "read") != c.read {
						t.Errorf("shown %q", shown)
					}
				}
				if l.results["p/a/1"].Outcome != store.OutcomeAnswered {
					t.Errorf("result %+v", l.results)
				}
			})
		})
	}
}

// A platform that takes a signal and never answers delays nothing.
func TestSignalsDelayNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lanes{}
		for i := range 100 {
			l.waiting = append(l.waiting, claimed(strconv.Itoa(i), nil))
		}
		var last atomic.Int64 // nanoseconds
		s := settings(l, toAgent, func(context.Context, chat.Run, func(chat.Event)) chat.Event {
			time.Sleep(time.Second)
			last.Store(int64(time.Since(began)))
			return chat.Event{Final: &chat.Final{Response: chat.Response{Text: "fine"}}}
		})
		s.MaxConcurrent = 100
		s.Courtesies, s.Signal = hangs{}, chat.SignalTyping
		run(t, s, 5*time.Second)
		if done := time.Duration(last.Load()); len(l.results) != 100 || done > 2*time.Second {
			t.Errorf("%d ended, the last one after %s", len(l.results), done)
		}
	})
}

type hangs struct{}

func (hangs) SendSignal(ctx context.Context, _ string, _ chat.Courtesy) (time.Duration, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// When the leases cannot be renewed, runs end before another host may begin to answer the same messages.
func TestLostLeaseCutsTheRun(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			l := &lanes{waiting: []store.Turn{claimed("1", nil)}, noRenew: lost}
			var ran time.Duration
			s := settings(l, toAgent, func(ctx context.Context, _ chat.Run, _ func(chat.Event)) chat.Event {
				select {
				case <-ctx.Done():
				case <-time.After(30 * time.Second):
				}
				ran = time.Since(began)
				return chat.Event{Error: &chat.AgentError{Code: "AGENT_CANCELLED"}}
			})
			run(t, s, time.Minute)
			if lost && (ran >= 10*time.Second || len(l.released) != 1 || len(l.results) != 0) {
				t.Errorf("ran for %s; released %v, results %v", ran, l.released, l.results)
			}
			if !lost && (ran != 30*time.Second || len(l.results) != 1) {
				t.Errorf("cut after %s; results %v", ran, l.results)
			}
		})
	}
}

// Texts that one sender writes soon after each other are answered together, each with an outcome; whoever waits
// for the rest of a burst takes no place from others.
func TestBurst(t *testing.T) {
	t.Parallel()
	after := func(id string, d time.Duration, change func(*store.Turn)) store.Turn {
		t := claimed(id, change)
		t.Message.ReceivedAt, t.Message.Text = began.Add(d), "text "+id
		if change != nil {
			change(&t)
		}
		return t
	}
	command := func(t *store.Turn) { t.Message.Text = "/status" }
	other := func(t *store.Turn) { t.Message.User.ID = "somebody else" }
	photo := func(t *store.Turn) { t.Message.Content.Media = &chat.Media{} }
	for name, c := range map[string]struct {
		behind []store.Turn
		asked  string
		merged int
		at     time.Duration // when the agent is asked
	}{
		"alone":                {asked: "text 1", at: 2 * time.Second},
		"a burst":              {[]store.Turn{after("2", time.Second, nil), after("3", 2500*time.Millisecond, nil)}, "text 1\ntext 2\ntext 3", 2, 4500 * time.Millisecond},
		"too late":             {[]store.Turn{after("2", 2500*time.Millisecond, nil)}, "text 1", 0, 2 * time.Second},
		"up to a command":      {[]store.Turn{after("2", time.Second, command), after("3", time.Second, nil)}, "text 1", 0, 2 * time.Second},
		"of another sender":    {[]store.Turn{after("2", time.Second, other)}, "text 1", 0, 2 * time.Second},
		"something to look at": {[]store.Turn{after("2", time.Second, photo)}, "text 1", 0, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &lanes{waiting: []store.Turn{after("1", 0, nil)}, behind: c.behind}
				var asked string
				var at time.Duration
				s := settings(l, toAgent, func(_ context.Context, r chat.Run, _ func(chat.Event)) chat.Event {
					asked, at = r.Message.Text, time.Since(began)
					return chat.Event{Final: &chat.Final{Response: chat.Response{Text: "fine"}}}
				})
				s.Window = 2 * time.Second
				run(t, s, time.Minute)
				r := l.results["p/a/1"]
				if asked != c.asked || at.Round(100*time.Millisecond) != c.at || len(r.Merged) != c.merged {
					t.Errorf("asked %q at %s, merged %d", asked, at, len(r.Merged))
				}
			})
		})
	}
}

// A burst that never ends is answered all the same, and a stop gives it back.
func TestEndlessBurst(t *testing.T) {
	t.Parallel()
	for stop, merged := range map[time.Duration]int{time.Minute: 9, 3 * time.Second: 0} {
		synctest.Test(t, func(t *testing.T) {
			l := &lanes{}
			for i := range 100 {
				m := claimed(strconv.Itoa(i), nil)
				m.Message.ReceivedAt = began.Add(time.Duration(i) * time.Second)
				l.behind = append(l.behind, m)
			}
			l.waiting, l.behind = l.behind[:1], l.behind[1:]
			s := settings(l, toAgent, says("fine"))
			s.Window = 2 * time.Second
			run(t, s, stop)
			if got := len(l.results["p/a/0"].Merged); got < merged || got > merged+1 {
				t.Errorf("stopped after %s: %d merged, want about %d", stop, got, merged)
			}
			if merged == 0 && (len(l.released) != 1 || len(l.results) != 0) {
				t.Errorf("released %v, results %v", l.released, l.results)
			}
		})
	}
}
