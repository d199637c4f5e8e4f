package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
	"github.com/aof-dev/aofd/host/internal/store/sqlstore"
	"github.com/aof-dev/aofd/host/internal/store/storetest"
	"github.com/aof-dev/aofd/sdk/chat"
)

// asWriter makes the test binary a process that appends until it is killed.
const asWriter = "AOFD_TEST_WRITER"

func TestMain(m *testing.M) {
	interpose()
	if path := os.Getenv(asWriter); path != "" {
		appendForever(path)
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, path string, now func() time.Time) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{
		Logger: slog.New(slog.DiscardHandler), Now: now, Retry: storetest.Retry,
		Limits: sqlstore.Limits{
			Inbox:  sqlstore.Limit{Entries: storetest.MaxMessages, Bytes: storetest.MaxBytes},
			Outbox: sqlstore.Limit{Entries: storetest.MaxMessages, Bytes: storetest.MaxBytes},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, c *storetest.Clock) store.Store {
		return open(t, filepath.Join(t.TempDir(), "aofd.db"), c.Now)
	})
}

// TestLongBacklog: what is not counted each time is told all the same.
func TestLongBacklog(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "aofd.db"), nil)
	var in store.Inbound
	for n := range 12_000 {
		in.Messages = append(in.Messages, store.InboundMessage{
			Message:      chat.Message{ID: fmt.Sprint(n), Platform: "echo", Account: "acc", ChannelID: "ann", User: chat.User{ID: "ann"}},
			Conversation: "c", Lane: store.LaneTurn,
		})
	}
	if _, err := s.Append(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Backlog(t.Context()); err != nil || b.InboxPending != len(in.Messages) {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aofd.db")
	s := open(t, path, nil)
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "another aofd") {
		t.Fatalf("got %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file's mode: %v %v", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, nil) // free again
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aofd.db")
	_ = open(t, path, nil).Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	_, err = sqlite.Open(t.Context(), path, sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "newer aofd") {
		t.Fatalf("got %v", err)
	}
}

func TestDamagedFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aofd.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Fatal("opened")
	}
}

func TestClosedStore(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "aofd.db"), nil)
	_ = s.Close()
	if _, err := s.Append(t.Context(), store.Inbound{}); err == nil {
		t.Fatal("a closed store took a message")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestGivenUpWhileWaitingStoresNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "aofd.db"), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := store.Inbound{Messages: []store.InboundMessage{{Message: chat.Message{ID: "1"}, Conversation: "c", Lane: store.LaneTurn}}}
	if _, err := s.Append(ctx, in); err != nil && !errors.Is(err, store.ErrBusy) {
		t.Fatalf("got %v", err)
	} else if err == nil {
		return // it was faster than the cancelled context
	}
	if b, err := s.Backlog(t.Context()); err != nil || b.InboxPending != 0 {
		t.Fatalf("got %+v %v", b, err)
	}
}

// TestKilledWriterLosesNothing kills a process that appends, again and again, and finds everything that it
// said it had stored; and what it was sending is unknown, never sent again.
func TestKilledWriterLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aofd.db")
	stored := map[string]bool{}
	for round := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), asWriter+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 50*(round+1) && lines.Scan(); n++ {
			stored[lines.Text()] = true
		}
		_ = cmd.Process.Kill()
		for lines.Scan() {
			stored[lines.Text()] = true // said before the kill
		}
		_ = cmd.Wait()
	}
	s := open(t, path, nil)
	for cause := range stored {
		if events, err := s.Trace(t.Context(), cause); err != nil || len(events) == 0 {
			t.Fatalf("%s was acknowledged and is not there: %v", cause, err)
		}
	}
	b, err := s.Backlog(t.Context())
	if err != nil || b.TurnsRunning != 0 || b.OutboxPending != 0 || b.OutboxUnknown == 0 {
		t.Fatalf("after the kills: %+v %v", b, err)
	}
	t.Logf("%d acknowledged messages, %d deliveries unknown", len(stored), b.OutboxUnknown)
}

// appendForever is the process that gets killed: one delivery is being sent all the time.
func appendForever(path string) {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, path, sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		m := chat.Message{ID: fmt.Sprintf("%d-%d", os.Getpid(), n), Platform: "p", Account: "a", ChannelID: "c"}
		a, err := s.Append(ctx, store.Inbound{
			Messages: []store.InboundMessage{{Message: m, Conversation: fmt.Sprint(os.Getpid(), n), Lane: store.LaneTurn}},
			Trace:    []store.TraceEvent{{At: time.Now(), Hop: "webhook.received"}},
		})
		if err != nil {
			panic(err)
		}
		if n == 0 {
			turns, err := s.Claim(ctx, "w", store.LaneTurn, 1, time.Minute)
			if err != nil {
				panic(err)
			}
			d := store.Delivery{ID: store.DeliveryID(turns[0].Cause, 1), Cause: turns[0].Cause, Conversation: turns[0].Conversation}
			if err := s.Finish(ctx, turns[0], store.Result{Outcome: store.OutcomeAnswered, Deliveries: []store.Delivery{d}}); err != nil {
				panic(err)
			}
			if _, err := s.ClaimDeliveries(ctx, "w", 1, time.Minute); err != nil {
				panic(err)
			}
		}
		fmt.Println(a.New[0])
	}
}

// What cannot be read any more is given up; it does not hold up what comes after it.
func TestUnreadableRowsAreGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aofd.db")
	s := open(t, path, nil)
	message := func(id string) store.InboundMessage {
		m := chat.Message{ID: id, Platform: "p", Account: "a", ChannelID: "c"}
		return store.InboundMessage{Message: m, Conversation: "c", Lane: store.LaneTurn}
	}
	if _, err := s.Append(t.Context(), store.Inbound{Messages: []store.InboundMessage{message("1"), message("2")}}); err != nil {
		t.Fatal(err)
	}
	spoil := func(statement string) {
		t.Helper()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	claim := func() []store.Turn {
		t.Helper()
		turns, err := s.Claim(t.Context(), "w", store.LaneTurn, 10, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return turns
	}
	spoil(`UPDATE message SET body = X'5B' WHERE cause = 'p/a/1'`)
	if got := claim(); len(got) != 0 {
		t.Fatalf("the unreadable message was claimed: %+v", got)
	}
	got := claim()
	if len(got) != 1 || got[0].Message.ID != "2" {
		t.Fatalf("the message after it: %+v", got)
	}
	if events, err := s.Trace(t.Context(), "1"); err != nil || !strings.Contains(events[0].Detail, "BODY_UNREADABLE") {
		t.Errorf("its trace: %+v %v", events, err)
	}
	var answers []store.Delivery
	for n := range 2 {
		answers = append(answers, store.Delivery{ID: fmt.Sprint("d", n), Cause: got[0].Cause, Conversation: "c", CreatedAt: time.Now()})
	}
	if err := s.Finish(t.Context(), got[0], store.Result{Outcome: store.OutcomeAnswered, Deliveries: answers}); err != nil {
		t.Fatal(err)
	}
	spoil(`UPDATE delivery SET response = X'5B' WHERE id = 'd0'`)
	for want := range 2 { // first nothing, then the second one
		ds, err := s.ClaimDeliveries(t.Context(), "w", 10, time.Minute)
		if err != nil || len(ds) != want {
			t.Fatalf("claim %d: %+v %v", want, ds, err)
		}
	}
}

func TestFileThatIsTakenAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, filepath.Join(dir, "aofd.db"), nil)
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "gone or was replaced") {
		t.Errorf("ping: %v", err)
	}
	if _, err := s.Append(t.Context(), store.Inbound{}); err == nil {
		t.Error("a store without a file took a message")
	}
}
