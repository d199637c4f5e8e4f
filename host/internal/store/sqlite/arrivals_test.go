package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
	"github.com/aof-dev/aofd/sdk/chat"
)

// said is a webhook with one message of a caller.
func said(caller string, n int) store.Inbound {
	m := chat.Message{ID: fmt.Sprintf("%s-%d", caller, n), Platform: "p", Account: "a", Text: strings.Repeat("x", 500)}
	return store.Inbound{
		Messages: []store.InboundMessage{{Message: m, Conversation: "c" + caller, Lane: store.LaneTurn}},
		Receipts: []chat.Receipt{{ID: "r" + m.ID, Platform: "p", Account: "a", MessageID: "m", Status: chat.ReceiptRead}},
		Notices:  []chat.Notice{{ID: "n" + m.ID, Platform: "p", Account: "a"}},
		Trace:    []store.TraceEvent{{At: time.Now(), Hop: store.HopReceived}},
		Request:  &chat.Request{Method: "POST", URI: "/", Body: []byte(m.ID)},
	}
}

// crowd has many callers accept webhooks at once, until stop says so, and returns the causes of those that were
// accepted, by caller and in order.
func crowd(s *sqlite.Store, filed *atomic.Int64, stop func() bool) map[string][]string {
	var mu sync.Mutex
	var wg sync.WaitGroup
	accepted := map[string][]string{}
	for c := range 24 {
		wg.Go(func() {
			caller := fmt.Sprint(c)
			for n := 0; !stop(); n++ {
				in := said(caller, n)
				if s.Accept(context.Background(), in, func(a store.Appended) { filed.Add(int64(len(a.New))) }) == nil {
					mu.Lock()
					accepted[caller] = append(accepted[caller], store.CauseOf(in.Messages[0].Message))
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return accepted
}

func count(accepted map[string][]string) (n int) {
	for _, causes := range accepted {
		n += len(causes)
	}
	return n
}

// await waits until so many are filed.
func await(t *testing.T, filed *atomic.Int64, n int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); filed.Load() < int64(n); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d are filed", filed.Load(), n)
		}
	}
}

// rows counts by a connection of its own.
func rows(t *testing.T, path, query string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(query, err)
	}
	return n
}

func execute(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(query, err)
	}
}

// all checks that what was accepted is filed once, in the order of each caller, with what came over the wire.
func all(t *testing.T, s *sqlite.Store, accepted map[string][]string) {
	t.Helper()
	for caller := range accepted {
		turns, err := s.Claim(t.Context(), "w"+caller, store.LaneTurn, 1, time.Minute)
		if err != nil || len(turns) != 1 {
			t.Fatal(turns, err)
		}
		rest, err := s.Following(t.Context(), turns[0], 10_000)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, turn := range append(turns, rest...) {
			got = append(got, turn.Cause)
			if r, err := s.Webhook(t.Context(), turn.Cause); err != nil || string(r.Body) != turn.Message.ID {
				t.Fatalf("%s came with %q, %v", turn.Cause, r.Body, err)
			}
		}
		want := accepted[strings.TrimPrefix(turns[0].Conversation, "c")]
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("filed are\n%v, accepted were\n%v", got, want)
		}
	}
	if b, err := s.Backlog(t.Context()); err != nil || b.InboxPending != count(accepted) {
		t.Errorf("%d accepted: %+v, %v", count(accepted), b, err)
	}
}

// TestCrowdIsWrittenDownFirst: webhooks that wait for each other are filed a little later, in their order.
func TestCrowdIsWrittenDownFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aofd.db")
	s := open(t, path, nil)
	var filed, asked atomic.Int64
	accepted := crowd(s, &filed, func() bool { return asked.Add(1) > 1200 })
	n := count(accepted)
	await(t, &filed, n)
	if wrote := rows(t, path, `SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'arrival'`); wrote < n/2 {
		t.Errorf("%d of %d were written down first", wrote, n)
	}
	all(t, s, accepted)
	for table, want := range map[string]int{"arrival": 0, "receipt": n, "notice": n, "webhook": n} {
		if got := rows(t, path, `SELECT count(*) FROM `+table); got != want {
			t.Errorf("%d rows of %s, want %d", got, table, want)
		}
	}
	// The same once more says nothing new, and leaves nothing behind.
	again, err := s.Append(t.Context(), said("0", 0))
	if err != nil || len(again.New) != 0 || again.Duplicates != 1 {
		t.Errorf("%+v, %v", again, err)
	}
}

// TestAcceptedIsFiledByTheNextStart: what cannot be filed is kept, and told; it holds up nobody.
func TestAcceptedIsFiledByTheNextStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aofd.db")
	var logged bytes.Buffer
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	if err != nil {
		t.Fatal(err)
	}
	execute(t, path, `CREATE TRIGGER broken BEFORE INSERT ON message BEGIN SELECT RAISE(ABORT, 'a bug'); END`)
	var filed, asked atomic.Int64
	accepted := crowd(s, &filed, func() bool { return asked.Add(1) > 500 })
	if len(accepted) == 0 || filed.Load() > 0 {
		t.Fatalf("%d callers were told that it is stored, %d messages are filed", len(accepted), filed.Load())
	}
	if _, err := s.Append(t.Context(), store.Inbound{Notices: []chat.Notice{{ID: "other", Platform: "p", Account: "a"}}}); err != nil {
		t.Error("something else could not be stored:", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(logged.String(), "it is kept in the table arrival") {
		t.Error("nobody was told:", logged.String())
	}
	execute(t, path, `DROP TRIGGER broken`)
	s = open(t, path, nil)
	all(t, s, accepted)
	if left := rows(t, path, `SELECT count(*) FROM arrival`); left != 0 {
		t.Errorf("%d rows are left", left)
	}
}

// TestBrokenStoreLeavesTheRest: a store that writes nothing any more says once what becomes of what was accepted.
func TestBrokenStoreLeavesTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aofd.db")
	var logged bytes.Buffer
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	if err != nil {
		t.Fatal(err)
	}
	var filed, asked atomic.Int64
	accepted := crowd(s, &filed, func() bool {
		n := asked.Add(1)
		if n == 600 {
			s.Fail(errors.New("a broken disk"))
		}
		return n > 700
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left := rows(t, path, `SELECT count(*) FROM arrival`) > 0
	if told := strings.Contains(logged.String(), "the next start does it"); told != left || strings.Contains(logged.String(), "filed later") {
		t.Errorf("some are left: %v; the log says %s", left, logged.String())
	}
	all(t, open(t, path, nil), accepted)
}

// TestUnreadableArrivalIsKept: what stands between others that are filed by the next start, and cannot be read, stays
// for an operator to look at.
func TestUnreadableArrivalIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aofd.db")
	if err := open(t, path, nil).Close(); err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{`{"notices":[{"id":"n1"}]}`, `{`, `{"notices":[{"id":"n2"}]}`, `{"notices":[{"id":"n3"}]}`} {
		execute(t, path, `INSERT INTO arrival (at, webhook, said, bodies) VALUES (1, 0, CAST('`+said+`' AS BLOB), x'')`)
	}
	for range 2 {
		if err := open(t, path, nil).Close(); err != nil {
			t.Fatal(err)
		}
		if n := rows(t, path, `SELECT count(*) FROM notice`); n != 3 {
			t.Errorf("%d of 3 are filed", n)
		}
		if n := rows(t, path, `SELECT count(*) FROM arrival WHERE said = CAST('{' AS BLOB)`); n != 1 {
			t.Fatal("what could not be read is gone")
		}
	}
	if n := rows(t, path, `SELECT count(*) FROM arrival`); n != 1 {
		t.Errorf("%d rows are left", n)
	}
}

// TestAcceptedWaitsForTheDisk: a disk that is full now and then loses nothing that was accepted.
func TestAcceptedWaitsForTheDisk(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "aofd.db")
	d := watch(t, dir)
	s := open(t, path, nil)
	var filed, asked, writes atomic.Int64
	d.failWith(func(kind eventKind, _ string) int32 {
		if kind == written && writes.Add(1)%400 < 40 {
			return sqlite3.SQLITE_FULL
		}
		return 0
	})
	accepted := crowd(s, &filed, func() bool { return asked.Add(1) > 1200 })
	d.failWith(nil)
	n := count(accepted)
	if n == 0 || n == 1200 {
		t.Fatalf("%d of 1200 were accepted: nothing is tested", n)
	}
	await(t, &filed, n)
	all(t, s, accepted)
}
