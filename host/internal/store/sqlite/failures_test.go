package sqlite_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
	"github.com/aof-dev/aofd/host/internal/store/sqlstore"
	"github.com/aof-dev/aofd/sdk/chat"
)

// webhook is one with many messages.
func webhook(round int) (in store.Inbound) {
	for n := range 50 {
		m := chat.Message{ID: fmt.Sprintf("%d-%d", round, n), Platform: "p", Account: "a", Text: strings.Repeat("x", 1000)}
		in.Messages = append(in.Messages, store.InboundMessage{Message: m, Conversation: fmt.Sprint("c", n), Lane: store.LaneTurn})
	}
	return in
}

// A disk that is full, or takes no writes, makes webhooks fail and nothing else: nothing of them is stored, and
// once it takes writes again so does the store.
func TestDiskThatTakesNoWrites(t *testing.T) {
	for what, code := range map[string]int32{"full": sqlite3.SQLITE_FULL, "read-only": sqlite3.SQLITE_READONLY} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			d := watch(t, dir)
			s := open(t, filepath.Join(dir, "aofd.db"), nil)
			if _, err := s.Append(t.Context(), webhook(0)); err != nil {
				t.Fatal(err)
			}
			writes := 0
			d.failWith(func(kind eventKind, _ string) int32 {
				if kind != written {
					return 0
				}
				if writes++; writes%7 == 0 || writes > 20 { // in the middle of a transaction, too
					return code
				}
				return 0
			})
			for range 5 {
				if _, err := s.Append(t.Context(), webhook(1)); err == nil {
					t.Fatal("stored")
				} else {
					t.Log(err)
				}
				if err := s.Ping(t.Context()); writes > 20 && err == nil {
					t.Error("ready")
				}
			}
			if b, err := s.Backlog(t.Context()); err != nil || b.InboxPending != 50 {
				t.Errorf("what was stored before cannot be read, or more is: %+v %v", b, err)
			}
			d.failWith(nil)
			a, err := s.Append(t.Context(), webhook(1))
			if err != nil || len(a.New) != 50 {
				t.Errorf("with room again: %d new, %v", len(a.New), err)
			}
		})
	}
}

// An operation that panics is undone, wherever that happens, and the connection is still good for the others.
func TestPanicUndoesOneOperation(t *testing.T) {
	for where, panics := range map[string]func(*sqlstore.Writer) error{
		"in the operation": func(*sqlstore.Writer) error { panic("a bug") },
		"with the connection": func(w *sqlstore.Writer) error {
			return w.Raw(func(any) error { panic("a bug") })
		},
		"while a row is read": func(w *sqlstore.Writer) error {
			_, err := w.Row(`SELECT seq FROM message`, nil, panicsScanning{})
			return err
		},
	} {
		t.Run(where, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "aofd.db"), nil)
			for round := range 3 {
				if a, err := s.Append(t.Context(), webhook(round)); err != nil || len(a.New) != 50 {
					t.Fatalf("%d new, %v", len(a.New), err)
				}
				if err := s.Do(t.Context(), func(w *sqlstore.Writer) error {
					if _, err := w.Exec(`UPDATE message SET outcome = 'failed'`); err != nil {
						return err
					}
					return panics(w)
				}); err == nil || !strings.Contains(err.Error(), "an operation panicked: a bug") {
					t.Fatalf("it ended with %v", err)
				}
			}
			if b, err := s.Backlog(t.Context()); err != nil || b.InboxPending != 150 {
				t.Errorf("not all was undone: %+v %v", b, err)
			}
		})
	}
}

type panicsScanning struct{}

func (panicsScanning) Scan(any) error { panic("a bug") }

// After a failed fsync nobody knows what is on the disk, so this process stores nothing any more. The next one
// finds all that was acknowledged.
func TestFailedSyncIsFinal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "aofd.db")
	d := watch(t, dir)
	s := open(t, path, nil)
	if _, err := s.Append(t.Context(), webhook(0)); err != nil {
		t.Fatal(err)
	}
	d.failWith(func(kind eventKind, _ string) int32 {
		if kind == synced {
			return sqlite3.SQLITE_IOERR_FSYNC
		}
		return 0
	})
	if _, err := s.Append(t.Context(), webhook(1)); err == nil || !strings.Contains(err.Error(), "the disk failed") {
		t.Fatalf("got %v", err)
	}
	d.failWith(nil)
	if _, err := s.Append(t.Context(), webhook(2)); err == nil {
		t.Error("a store whose disk has failed goes on")
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("ready")
	}
	_ = s.Close()
	s = open(t, path, nil)
	a, err := s.Append(t.Context(), webhook(0))
	if err != nil || a.Duplicates != 50 {
		t.Errorf("after a new start: %+v %v", a, err)
	}
}

// The same goes for a sync of the file itself, when the log is moved into it: a second one would succeed, and the
// log would begin anew over what is not on the disk.
func TestFailedSyncOfTheFileIsFinal(t *testing.T) {
	dir := t.TempDir()
	d := watch(t, dir)
	s := open(t, filepath.Join(dir, "aofd.db"), nil)
	if _, err := s.Append(t.Context(), webhook(0)); err != nil {
		t.Fatal(err)
	}
	d.failWith(func(kind eventKind, file string) int32 {
		if kind == synced && file == "aofd.db" {
			return sqlite3.SQLITE_IOERR_FSYNC
		}
		return 0
	})
	s.Checkpoint()
	d.failWith(nil)
	if _, err := s.Append(t.Context(), webhook(1)); err == nil || !strings.Contains(err.Error(), "the disk failed") {
		t.Errorf("got %v", err)
	}
}

// A file that is damaged while it is used is written to no more, and the error says what to do.
func TestDamageWhileRunning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aofd.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		if _, err := s.Append(t.Context(), webhook(n)); err != nil {
			t.Fatal(err)
		}
		if n%10 == 9 {
			s.Checkpoint()
		}
	}
	_ = s.Close()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := info.Size() / 2 &^ 4095; at < info.Size(); at += 4096 { // not the pages of the schema
		if _, err := f.WriteAt([]byte("damaged damaged damaged damaged"), at); err != nil {
			t.Fatal(err)
		}
	}
	_ = f.Close()
	if err := sqlite.Check(t.Context(), path); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("check: %v", err)
	}
	s, err = sqlite.Open(t.Context(), path, sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for n := range 40 {
		if _, err = s.Append(t.Context(), webhook(100+n)); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "restore a backup") {
		t.Fatalf("got %v", err)
	}
	if _, again := s.Append(t.Context(), webhook(1)); again == nil || errors.Is(again, store.ErrBusy) {
		t.Errorf("then: %v", again)
	}
}
