package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
	"github.com/aof-dev/aofd/sdk/chat"
)

// aofd runs one command line and returns what it said.
func aofd(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	code = run(t.Context(), args, &out, &out)
	return code, out.String()
}

// filled makes a data directory with a message that was answered and sent, one whose answer waits, and one that
// waits itself.
func filled(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s := file(t, dir)
	fill(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func fill(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"1", "2", "3"} {
		m := chat.Message{ID: id, Platform: "p", Account: "a", ChannelID: id, Text: "Grüße \x00 " + id, User: chat.User{ID: id}}
		_, err := s.Append(ctx, store.Inbound{
			Messages: []store.InboundMessage{{Message: m, Conversation: "c" + id, Lane: store.LaneTurn, Aliases: []string{"alias" + id}}},
			Trace:    []store.TraceEvent{{At: time.Now(), Hop: store.HopReceived}},
			Request:  &chat.Request{Method: "POST", Body: []byte{0xff, 0}},
			Notices:  []chat.Notice{{ID: "n" + id, Platform: "p"}},
		})
		ok(err)
	}
	turns, err := s.Claim(ctx, "h", store.LaneTurn, 2, time.Minute)
	ok(err)
	agent := "chosen"
	for _, turn := range turns {
		ok(s.Finish(ctx, turn, store.Result{
			Outcome: store.OutcomeAnswered, SetAgent: &agent, HistoryAgent: "x", History: []chat.Turn{{Text: "earlier"}},
			Deliveries: []store.Delivery{{
				ID: store.DeliveryID(turn.Cause, 1), Cause: turn.Cause, Ordinal: 1, Platform: "p", Account: "a",
				Conversation: turn.Conversation, ChannelID: turn.Message.ChannelID, Response: chat.Response{Text: "hello"}, CreatedAt: time.Now(),
			}},
		}))
	}
	ds, err := s.ClaimDeliveries(ctx, "h", 1, time.Minute)
	ok(err)
	ok(s.Settle(ctx, store.Settlement{
		DeliveryID: ds[0].ID, Attempt: 1, State: store.StateSent, MessageIDs: []string{"m1"}, Conversation: ds[0].Conversation,
	}))
	_, err = s.Append(ctx, store.Inbound{Receipts: []chat.Receipt{{ID: "r", Platform: "p", Account: "a", MessageID: "m1", Status: chat.ReceiptRead}}})
	ok(err)
	ok(s.Pause(ctx, store.Account{Platform: "p", Account: "z"}, "holiday"))
}

// look says what a store holds, in one line.
func look(t *testing.T, s store.Store) string {
	t.Helper()
	ctx := t.Context()
	var out []string
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ms, _, err := s.Messages(ctx, store.Filter{})
	ok(err)
	for _, m := range ms {
		out = append(out, m.Cause+"="+string(m.Outcome)+"="+m.Message.Text)
	}
	ds, _, err := s.Deliveries(ctx, store.Filter{})
	ok(err)
	for _, d := range ds {
		out = append(out, d.Cause+">"+string(d.State))
	}
	trace, err := s.Trace(ctx, "m1")
	ok(err)
	for _, e := range trace {
		out = append(out, e.Hop)
	}
	choice, err := s.AgentChoice(ctx, "c1", "1")
	ok(err)
	r, err := s.Webhook(ctx, "p/a/1")
	ok(err)
	paused, err := s.Paused(ctx)
	ok(err)
	return strings.Join(append(out, choice, string(r.Body), paused[0].Reason), " ")
}

// file opens the store in a data directory.
func file(t *testing.T, dir string) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "aofd.db"), sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func database(t *testing.T, url, schema string) store.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, postgres.Options{Logger: slog.New(slog.DiscardHandler), Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestBackupAndRestore(t *testing.T) {
	dir := filled(t)
	backup := filepath.Join(t.TempDir(), "backup.db")
	running := file(t, dir) // a daemon that runs
	want := look(t, running)
	if code, said := aofd(t, "backup", backup, "--data-dir", dir); code != 0 {
		t.Fatalf("backup: %d %s", code, said)
	}
	if code, said := aofd(t, "backup", backup, "--data-dir", dir); code == 0 || !strings.Contains(said, "exists") {
		t.Errorf("over a file that exists: %d %s", code, said)
	}
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode: %v %v", info.Mode(), err)
	}

	resumed := t.TempDir()
	if code, said := aofd(t, "restore", "--resume", backup, "--data-dir", resumed); code != 0 {
		t.Fatalf("restore: %d %s", code, said)
	}
	if got := look(t, file(t, resumed)); got != want {
		t.Errorf("restored\n%s\nwant\n%s", got, want)
	}
	// While a daemon runs, nothing is touched.
	if code, said := aofd(t, "restore", backup, "--data-dir", resumed); code == 0 || !strings.Contains(said, "another aofd") {
		t.Errorf("while a daemon runs: %d %s", code, said)
	}

	code, said := aofd(t, "restore", backup, "--data-dir", filled(t))
	if code != 0 || !strings.Contains(said, "not resumed: 1 messages, 1 deliveries") || !strings.Contains(said, "kept in") {
		t.Fatalf("restore: %d %s", code, said)
	}
	careful := t.TempDir()
	if code, said := aofd(t, "restore", backup, "--data-dir", careful); code != 0 || strings.Contains(said, "kept in") {
		t.Fatalf("restore: %d %s", code, said)
	}
	got := look(t, file(t, careful))
	if !strings.Contains(got, "p/a/3=failed") || !strings.Contains(got, "p/a/2>unknown") || !strings.Contains(got, "p/a/1>read") {
		t.Errorf("what waited goes on: %s", got)
	}
}

func TestRestoreRefusesWhatIsNoBackup(t *testing.T) {
	dir := filled(t)
	junk := filepath.Join(t.TempDir(), "junk")
	damaged, err := os.ReadFile(filepath.Join(dir, "aofd.db"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 8192; i < len(damaged); i += 7 {
		damaged[i] ^= 0x55
	}
	for what, content := range map[string][]byte{"damaged": damaged, "no store": []byte("hello"), "empty": nil} {
		if err := os.WriteFile(junk, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, said := aofd(t, "restore", junk, "--data-dir", dir); code == 0 || !strings.Contains(said, "cannot be restored") {
			t.Errorf("%s: %d %s", what, code, said)
		}
	}
	look(t, file(t, dir)) // untouched
}

func TestMigrate(t *testing.T) {
	url, schema := pgtest.Schema(t)
	dir := filled(t)
	backup := filepath.Join(t.TempDir(), "before.db")
	if code, said := aofd(t, "backup", backup, "--data-dir", dir); code != 0 {
		t.Fatalf("backup: %d %s", code, said)
	}
	before := file(t, dir)
	want := look(t, before)
	if code, said := aofd(t, "migrate", "--to", url, "--schema", schema, "--data-dir", dir); code == 0 || !strings.Contains(said, "another aofd") {
		t.Errorf("while a daemon runs: %d %s", code, said)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	code, said := aofd(t, "migrate", "--to", url, "--schema", schema, "--data-dir", dir)
	if code != 0 || !strings.Contains(said, "message        3") || !strings.Contains(said, "now set spec.store.url") {
		t.Fatalf("migrate: %d %s", code, said)
	}
	s := database(t, url, schema)
	if got := look(t, s); got != want {
		t.Errorf("moved\n%s\nwant\n%s", got, want)
	}
	a, err := s.Append(t.Context(), store.Inbound{ // what was known is, and numbers go on
		Messages: []store.InboundMessage{
			{Message: chat.Message{ID: "1", Platform: "p", Account: "a"}, Conversation: "c1", Lane: store.LaneTurn},
			{Message: chat.Message{ID: "4", Platform: "p", Account: "a", Text: "four"}, Conversation: "c4", Lane: store.LaneTurn},
		},
	})
	if err != nil || len(a.New) != 1 || a.Duplicates != 1 {
		t.Fatalf("after the move: %+v %v", a, err)
	}
	if code, said := aofd(t, "migrate", "--to", url, "--schema", schema, "--data-dir", dir); code == 0 {
		t.Errorf("moved twice: %s", said)
	}
	other := filled(t)
	if code, said := aofd(t, "migrate", "--to", url, "--schema", schema, "--data-dir", other); code == 0 || !strings.Contains(said, "not empty") {
		t.Errorf("into a store that is not empty: %d %s", code, said)
	}
	look(t, file(t, other)) // untouched

	// And back: the backup of a database is a file.
	config := filepath.Join(t.TempDir(), "config.yaml")
	text := "apiVersion: aof.dev/v1\nkind: DaemonConfig\nmetadata: {name: x}\nspec:\n  store: {url: \"" + url + "\", schema: " + schema + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want = look(t, s)
	backup = filepath.Join(t.TempDir(), "after.db")
	if code, said := aofd(t, "backup", backup, "-c", config); code != 0 {
		t.Fatalf("backup: %d %s", code, said)
	}
	back := t.TempDir()
	if code, said := aofd(t, "restore", "--resume", backup, "--data-dir", back); code != 0 {
		t.Fatalf("restore: %d %s", code, said)
	}
	if got := look(t, file(t, back)); got != want {
		t.Errorf("back\n%s\nwant\n%s", got, want)
	}
	if code, said := aofd(t, "restore", backup, "-c", config, "--data-dir", t.TempDir()); code == 0 || !strings.Contains(said, "not empty") {
		t.Errorf("into a database that is not empty: %d %s", code, said)
	}
}
