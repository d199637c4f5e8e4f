package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
	"github.com/aof-dev/aofd/sdk/chat"
)

// invalid is a text that PostgreSQL refuses.
const invalid = "\xff"

// atOnce calls do for 0 to n-1, all at once, so that they share transactions, and returns the errors.
func atOnce(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// onlyBad checks that every tenth operation failed, and no other one.
func onlyBad(t *testing.T, what string, errs []error) {
	t.Helper()
	for i, err := range errs {
		if (err != nil) != bad(i) {
			t.Errorf("%s %d: %v", what, i, err)
		}
	}
}

func bad(i int) bool { return i%10 == 7 }

// Of operations that share a transaction, those fail that the database refuses: in what it is asked, and in what
// nobody waits for the answer of.
func TestBadOperationFailsAlone(t *testing.T) {
	url, schema := pgtest.Schema(t)
	s := open(t, url, schema, nil)
	const n = 60
	onlyBad(t, "append", atOnce(n, func(i int) error {
		m := message(fmt.Sprint("u", i), 1)
		if bad(i) {
			m.Message.User.DisplayName = invalid
		}
		_, err := s.Append(t.Context(), inbound(m))
		return err
	}))
	turns, err := s.Claim(t.Context(), "h", store.LaneTurn, n, time.Hour)
	if err != nil || len(turns) != n-n/10 {
		t.Fatalf("%d turns, %v", len(turns), err)
	}
	onlyBad(t, "finish", atOnce(len(turns), func(i int) error {
		d := store.Delivery{ID: store.DeliveryID(turns[i].Cause, 1), Cause: turns[i].Cause, Ordinal: 1, Platform: "p", Account: "a", Conversation: turns[i].Conversation}
		if bad(i) {
			d.Agent = invalid
		}
		return s.Finish(t.Context(), turns[i], store.Result{Outcome: store.OutcomeAnswered, Deliveries: []store.Delivery{d}})
	}))
	onlyBad(t, "trace", atOnce(n, func(i int) error {
		e := store.TraceEvent{At: time.Now(), Hop: "x", Cause: fmt.Sprint("t", i)}
		if bad(i) {
			e.Cause = invalid
		}
		return s.AppendTrace(t.Context(), []store.TraceEvent{e})
	}))
	for i := range n {
		if events, err := s.Trace(t.Context(), fmt.Sprint("t", i)); (err != nil) != bad(i) || len(events) > 1 {
			t.Errorf("trace %d: %d events, %v", i, len(events), err)
		}
	}
	for i, turn := range turns {
		m, err := s.Message(t.Context(), turn.Cause)
		if err != nil || (m.Outcome == "") != bad(i) {
			t.Errorf("%s: outcome %q, %v", turn.Cause, m.Outcome, err)
		}
		if _, err := s.Delivery(t.Context(), store.DeliveryID(turn.Cause, 1)); (err != nil) != bad(i) {
			t.Errorf("the answer to %s: %v", turn.Cause, err)
		}
	}
}

// Receipts that are about each other's deliveries wait for each other when they share a transaction: all of them
// are stored in the end.
func TestEntangledOperations(t *testing.T) {
	ctx := t.Context()
	url, schema := pgtest.Schema(t)
	s := open(t, url, schema, nil)
	const n = 20
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("d", i)
		d := store.Delivery{ID: ids[i], Cause: "c", Ordinal: i, Platform: "p", Account: "a", Conversation: fmt.Sprint("c", i)}
		if err := s.Send(ctx, d, nil); err != nil {
			t.Fatal(err)
		}
	}
	due, err := s.ClaimDeliveries(ctx, "h", n, time.Hour)
	if err != nil || len(due) != n {
		t.Fatalf("%d claimed, %v", len(due), err)
	}
	for _, d := range due {
		if err := s.Settle(ctx, store.Settlement{
			DeliveryID: d.ID, Attempt: d.Attempt, State: store.StateSent, MessageIDs: []string{"m-" + d.ID},
			Account: store.Account{Platform: "p", Account: "a"}, Conversation: d.Conversation,
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i, err := range atOnce(n, func(i int) error {
		_, err := s.Append(context.WithoutCancel(ctx), store.Inbound{Receipts: []chat.Receipt{{
			ID: fmt.Sprint("r", i), Platform: "p", Account: "a", MessageID: "m-" + ids[i], DeliveryID: ids[i^1], Status: chat.ReceiptRead, At: time.Now(),
		}}})
		return err
	}) {
		if err != nil {
			t.Errorf("receipt %d: %v", i, err)
		}
	}
	for _, id := range ids {
		if d, err := s.Delivery(ctx, id); err != nil || d.State != store.StateRead {
			t.Errorf("%s is %s, %v", id, d.State, err)
		}
	}
}

// An event that comes in twice at once, in two conversations, is stored once and known the other time.
func TestSameEventInTwoConversations(t *testing.T) {
	url, schema := pgtest.Schema(t)
	s := open(t, url, schema, nil)
	const n = 30
	var fresh, known int
	var mu sync.Mutex
	for i, err := range atOnce(2*n, func(i int) error {
		m := message(fmt.Sprint("u", i/2), 1)
		m.Conversation += fmt.Sprint("/", i%2)
		a, err := s.Append(t.Context(), inbound(m))
		mu.Lock()
		defer mu.Unlock()
		fresh, known = fresh+len(a.New), known+a.Duplicates
		return err
	}) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if fresh != n || known != n {
		t.Errorf("%d new, %d known, want %d of each", fresh, known, n)
	}
}
