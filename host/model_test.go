package host_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/aof-dev/aofd/host/internal/egress"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
	"github.com/aof-dev/aofd/sdk/chat"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// TestModel runs the real stages over a real store through what fate may do to them: webhooks that come again,
// late, together and under other ids; agents that are slow, fail, hang and panic; sends whose answer is lost,
// that are put off, refused, cut in half or held; receipts in any order; hosts that are killed between any two
// writes, stopped, or cut off from the store while another one goes on; pauses. What must hold is written down
// in check. A failure is shrunk, printed as a plan, and comes again with -rapid.seed.
func TestModel(t *testing.T) {
	runs := "25"
	if testing.Short() {
		runs = "8"
	}
	// The same plans each time, so that a failure is of the change that it comes with; the long form draws others.
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || strings.HasPrefix(f.Name, "rapid.") })
	if !given {
		if err := errors.Join(flag.Set("rapid.checks", runs), flag.Set("rapid.seed", "1")); err != nil {
			t.Fatal(err)
		}
	}
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPlan(rt)
		n++
		var problems []string
		synctest.Test(t, func(t *testing.T) {
			s, err := sqlite.Open(t.Context(), filepath.Join(dir, fmt.Sprintf("%d.db", n)), sqlite.Options{
				Logger: slog.New(slog.DiscardHandler), Retry: egress.Policy{}.Retry,
			})
			if err != nil {
				problems = []string{err.Error()}
				return
			}
			problems = play(p, s, 10*time.Millisecond)
			if err := s.Close(); err != nil {
				problems = append(problems, err.Error())
			}
		})
		if len(problems) > 0 {
			rt.Fatalf("%s\nthe plan was:\n%s", strings.Join(problems, "\n"), p)
		}
	})
}

// world is one run of a plan.
type world struct {
	plan   *plan
	store  store.Store
	limits chat.Limits
	began  time.Time
	slots  map[string]*planned // by the ids that their deliveries may have
	open   atomic.Int64        // things that are still to happen
	slack  time.Duration       // how long something may take by itself

	mu         sync.Mutex
	hosts      []*host
	generation atomic.Int64
	pausedAt   time.Duration
	problems   []string
	causes     []string // in the order of arrival
	runs       []*agentRun
	attempts   map[string][]*attempt // by delivery
	reached    []reached             // in order
	outcomes   map[string][]outcome  // by cause
	claims     map[string]int        // of deliveries
	settles    map[string]int        // of claims: how they ended is stored
	settledAt  map[string]time.Duration
	join       map[string][]string   // what goes out with a delivery next
	last       map[string][]string   // what went out with it last
	said       map[int]time.Duration // when somebody wrote last, by chat
}

// TestModelOnPostgres is the same over PostgreSQL, by a real clock: plans run side by side for minutes, so only
// the long form has them. AOFD_MODEL_POSTGRES is their number, and AOFD_MODEL_SEED repeats them.
func TestModelOnPostgres(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("AOFD_MODEL_POSTGRES"))
	if n == 0 {
		t.Skip("it takes minutes: make model runs it")
	}
	seed, err := strconv.Atoi(os.Getenv("AOFD_MODEL_SEED"))
	if err != nil {
		seed = int(time.Now().UnixNano() % 1e9)
	}
	t.Logf("AOFD_MODEL_SEED=%d", seed)
	url := pgtest.Shared(t).URL()
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			p := rapid.Custom(drawPlan).Example(seed + i)
			s, err := postgres.Open(context.Background(), url, postgres.Options{
				Logger: slog.New(slog.DiscardHandler), Schema: fmt.Sprintf("model_%d", i), Retry: egress.Policy{}.Retry,
			})
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = s.Close() }()
			if problems := play(p, s, 5*time.Second); len(problems) > 0 {
				t.Errorf("%s\nplan %d was:\n%s", strings.Join(problems, "\n"), i, p)
			}
		})
	}
	running.Wait()
}

// play runs a plan over a store and returns what should not have happened.
func play(p *plan, s store.Store, slack time.Duration) []string {
	w := &world{
		plan: p, store: s, slack: slack, began: time.Now(), slots: map[string]*planned{}, attempts: map[string][]*attempt{},
		limits: chat.Limits{PerRecipient: p.Pair}, hosts: make([]*host, p.Hosts), outcomes: map[string][]outcome{}, claims: map[string]int{}, settles: map[string]int{}, settledAt: map[string]time.Duration{},
		join: map[string][]string{}, last: map[string][]string{}, said: map[int]time.Duration{},
	}
	for _, m := range p.Messages {
		for _, id := range w.slotsOf(m) {
			w.slots[id] = m
		}
		if m.With != m.N {
			continue
		}
		h := hook{}
		for _, o := range p.Messages {
			if o.With == m.N {
				h.Messages = append(h.Messages, o.N)
			}
		}
		w.later(m.At, func() { w.post(h) })
		for _, d := range m.Again {
			again := h
			again.Copy = true
			w.later(m.At+d, func() { w.post(again) })
		}
	}
	for i := range w.hosts {
		h := w.boot(i)
		w.mu.Lock() // messages may come already
		w.hosts[i] = h
		w.mu.Unlock()
	}
	for _, b := range p.Troubles {
		w.later(b.At, func() { w.trouble(b) })
	}
	w.settle()
	w.check()
	return w.problems
}

func (w *world) now() time.Duration { return time.Since(w.began) }

// later does something after d. The run goes on until it is done.
func (w *world) later(d time.Duration, do func()) {
	w.open.Add(1)
	time.AfterFunc(d, func() {
		defer w.open.Add(-1)
		do()
	})
}

// problem notes what should not have happened. The caller holds mu.
func (w *world) problem(format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf("at %s: ", w.now())+fmt.Sprintf(format, args...))
}

// outcome is how a turn was finished.
type outcome struct {
	epoch   int64
	Outcome store.Outcome
	Reason  string
}

// finished notes how a turn ended. The same turn may say so twice.
func (w *world) finished(t store.Turn, r store.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := outcome{t.Epoch, r.Outcome, r.Reason}
	if !slices.Contains(w.outcomes[t.Cause], o) {
		w.outcomes[t.Cause] = append(w.outcomes[t.Cause], o)
	}
}

func (w *world) claimed(d []store.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range d {
		w.claims[d.ID]++
	}
}

func (w *world) settled(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range append(w.last[id], id) {
		w.settles[id]++
		w.settledAt[id] = w.now()
	}
	delete(w.last, id)
}

// joined notes what goes out in one message with a delivery.
func (w *world) joined(first string, with []store.Delivery) {
	w.claimed(with)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range with {
		w.join[first] = append(w.join[first], d.ID)
	}
	w.last[first] = w.join[first]
}

func (w *world) arrived(causes []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.causes = append(w.causes, causes...)
	for _, c := range causes {
		for _, m := range w.plan.Messages {
			if event := c[strings.LastIndex(c, "/")+1:]; event == m.eventID(false) || event == m.eventID(true) {
				w.said[m.Chat] = w.now()
			}
		}
	}
}

// settle waits until nothing more happens, and stops the hosts.
func (w *world) settle() {
	for range 150 {
		time.Sleep(5 * time.Second)
		b, err := w.store.Backlog(context.Background())
		if err == nil && w.open.Load() == 0 && b.InboxPending == 0 && b.OutboxPending == 0 {
			break
		}
	}
	for _, h := range w.hosts {
		h.stop(time.Second)
	}
}

// check compares what happened with what had to.
func (w *world) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	ctx := context.Background()
	// The store knows the order of arrival best: it is that of the commits.
	ms, _, err := w.store.Messages(ctx, store.Filter{Limit: 1000})
	if err != nil || len(ms) != len(w.causes) {
		w.problem("%d messages are stored, %d came: %v", len(ms), len(w.causes), err)
	}
	w.causes = make([]string, len(ms))
	for i, m := range ms {
		w.causes[len(ms)-1-i] = m.Cause
	}
	for _, m := range w.plan.Messages {
		var causes []string
		for _, c := range w.causes {
			if event := c[strings.LastIndex(c, "/")+1:]; event == m.eventID(false) || event == m.eventID(true) {
				causes = append(causes, c)
			}
		}
		if len(causes) != 1 {
			w.problem("m%d was stored %d times", m.N, len(causes))
			continue
		}
		w.checkTurn(ctx, m, causes[0])
	}
	w.checkOrder()
	w.checkPace()
}

// checkTurn: every message has one outcome, the agent's, and the answers that belong to it.
func (w *world) checkTurn(ctx context.Context, m *planned, cause string) {
	if len(w.outcomes[cause]) != 1 {
		w.problem("m%d has %d outcomes: %+v", m.N, len(w.outcomes[cause]), w.outcomes[cause])
		return
	}
	record := w.outcomes[cause][0]
	kept, err := w.store.Message(ctx, cause)
	if err != nil || kept.Outcome != record.Outcome {
		w.problem("m%d ended as %q, and the store says %q, %v", m.N, record.Outcome, kept.Outcome, err)
	}
	if record.Outcome == store.OutcomeMerged && w.plan.Window > 0 {
		for _, id := range w.slotsOf(m) {
			if len(w.attempts[id]) > 0 {
				w.problem("m%d was answered by itself and together with %s", m.N, record.Reason)
			}
		}
		return
	}
	var whole, cut int
	for _, r := range w.runs {
		if r.m == m && r.cut {
			cut++
		} else if r.m == m {
			whole++
		}
	}
	want := map[string]store.Outcome{
		"answer": store.OutcomeAnswered, "nothing": store.OutcomeNothing, "error": store.OutcomeFailed,
		"panic": store.OutcomeFailed, "hang": store.OutcomeFailed,
	}[m.Agent.Ends]
	if want == store.OutcomeNothing && m.Agent.Parts > 0 {
		want = store.OutcomeAnswered
	}
	givenUp := strings.HasPrefix(record.Reason, "GIVEN_UP") && cut+whole >= 2
	if record.Outcome != want && !givenUp {
		w.problem("m%d ended as %q (%s), want %q", m.N, record.Outcome, record.Reason, want)
	}
	if whole > 1 && len(w.plan.Troubles) == 0 {
		w.problem("the agent was asked %d times about m%d, and nothing was in the way", whole, m.N)
	}
	for slot := 1; slot <= 2+m.Agent.Parts; slot++ {
		id := store.DeliveryID(cause, slot)
		d, err := w.store.Delivery(ctx, id)
		needed := slot == 1 && (record.Outcome != store.OutcomeNothing && want != store.OutcomeAnswered || m.Agent.Ends == "answer" || givenUp) ||
			slot > 2 && !givenUp && want == store.OutcomeAnswered
		switch {
		case err == nil:
			w.checkDelivery(m, d)
		case needed:
			w.problem("m%d has no delivery in slot %d: %v", m.N, slot, err)
		case len(w.attempts[id]) > 0:
			w.problem("m%d: slot %d was sent and is not known: %v", m.N, slot, err)
		}
	}
}

// checkDelivery: what the store says became of a delivery is what the platform saw, and it was never sent
// blindly again.
func (w *world) checkDelivery(m *planned, d store.Delivery) {
	tries := w.attempts[d.ID]
	var last *attempt
	went, held := 0, 0
	for i, a := range tries {
		// A receipt that says that it failed is knowledge, too.
		if last != nil && (last.told == "unknown" || last.told == "") && !last.failsLater() {
			w.problem("%s of m%d was sent again (attempt %d) although nobody knew what became of it", d.ID, m.N, i+1)
		}
		if last != nil && last.told == "ok" && !last.failsLater() {
			w.problem("%s of m%d was sent again (attempt %d) although it had been sent", d.ID, m.N, i+1)
		}
		if last != nil && last.failsLater() && a.partsAt == 0 {
			went = 0 // nothing of the former attempt arrived
		}
		if a.partsAt != went {
			w.problem("%s of m%d: attempt %d said that %d parts are out, and there are %d", d.ID, m.N, i+1, a.partsAt, went)
		}
		went += len(a.ids)
		if a.told == "held" {
			held++
		}
		last = a
	}
	w.checkReceipts(m, d, tries)
	switch d.State {
	case store.StateSent, store.StateDelivered, store.StateRead:
		if went == 0 {
			w.problem("%s of m%d is %s, and nothing of it went out", d.ID, m.N, d.State)
		}
	case store.StateFailed:
		if last == nil || last.told != "no" && !slices.ContainsFunc(tries, (*attempt).failsLater) {
			w.problem("%s of m%d failed without a reason: %+v", d.ID, m.N, d.LastError)
		}
	case store.StateUnknown:
		// How it ended may be lost with a host that died, or that could not reach the store any more.
		if w.claims[d.ID] == w.settles[d.ID] && (last == nil || last.told != "unknown" && last.told != "") {
			w.problem("%s of m%d is unknown, and the host was told %+v", d.ID, m.N, last)
		}
	case store.StateHeld:
		if last == nil || last.told != "held" && last.told != "" || w.said[m.Chat] > w.settledAt[d.ID] {
			w.problem("%s of m%d is held, last attempt %+v", d.ID, m.N, last)
		}
	default:
		w.problem("%s of m%d is still %s", d.ID, m.N, d.State)
	}
}

// checkReceipts: a delivery is as far as its receipts say, in whatever order they came.
func (w *world) checkReceipts(m *planned, d store.Delivery, tries []*attempt) {
	if slices.ContainsFunc(tries, (*attempt).failsLater) || d.State == store.StateFailed || d.State == store.StateHeld {
		return
	}
	ranks := map[chat.ReceiptStatus]int{chat.ReceiptSent: 1, chat.ReceiptDelivered: 2, chat.ReceiptRead: 3}
	states := map[store.DeliveryState]int{store.StateSent: 1, store.StateDelivered: 2, store.StateRead: 3}
	least := 3
	for _, a := range tries {
		best := 0
		for _, r := range a.plan.Receipts {
			best = max(best, ranks[r.Status])
		}
		for range a.ids {
			least = min(least, best)
		}
	}
	told := len(tries) > 0 && tries[len(tries)-1].told == "ok"
	if got := states[d.State]; told && got < least || got > max(1, least) && told {
		w.problem("%s of m%d is %s, and its receipts say %d", d.ID, m.N, d.State, least)
	}
}

// failsLater reports whether the platform says after an attempt that it failed, although it had taken it.
func (a *attempt) failsLater() bool {
	return a.went && slices.ContainsFunc(a.plan.Receipts, func(r receiptPlan) bool { return r.Status == chat.ReceiptFailed })
}

// checkOrder: what reached a chat came in the order of the messages that it answers. What was held may come
// later, and so may what was cut off on its way, since nobody waits for that.
func (w *world) checkOrder() {
	order := map[*planned]int{}
	for i, c := range w.causes {
		for _, m := range w.plan.Messages {
			if event := c[strings.LastIndex(c, "/")+1:]; event == m.eventID(false) || event == m.eventID(true) {
				order[m] = i
			}
		}
	}
	last := map[int]*planned{}
	for _, r := range w.reached {
		late := slices.ContainsFunc(w.attempts[r.id], func(a *attempt) bool {
			return a.plan.Ends == "held" || a.plan.Ends == "refused" || a.failsLater() || a.told == "" || a.told == "unknown"
		}) ||
			strings.HasSuffix(r.id, "-instead")
		if late {
			continue
		}
		if before := last[r.m.Chat]; before != nil && order[r.m] < order[before] {
			w.problem("an answer to m%d reached chat %d after one to m%d", r.m.N, r.m.Chat, before.N)
		}
		last[r.m.Chat] = r.m
	}
}

// checkPace: nobody gets more than the platform lets through. What was cut off may have gone out uncounted.
func (w *world) checkPace() {
	if w.plan.Pair.Period == 0 {
		return
	}
	unsure := 0
	for _, tries := range w.attempts {
		for _, a := range tries {
			if a.told == "" || a.told == "unknown" {
				unsure++
			}
		}
	}
	at := map[int][]time.Duration{}
	known := map[string]bool{}
	for _, r := range w.reached {
		if !known[r.message] {
			known[r.message] = true
			at[r.m.Chat] = append(at[r.m.Chat], r.at)
		}
	}
	for c, times := range at {
		for i := range times {
			for j := i; j < len(times); j++ {
				most := int(w.plan.Pair.Burst) + int((times[j]-times[i]+10*time.Second)/w.plan.Pair.Period) + 1 + unsure
				if j-i+1 > most {
					w.problem("chat %d got %d messages within %s", c, j-i+1, times[j]-times[i])
				}
			}
		}
	}
}
