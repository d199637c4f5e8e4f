package sqlite_test

import (
	"database/sql"
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
	"github.com/aof-dev/aofd/host/internal/store/storetest"
)

func TestCapacity(t *testing.T) {
	n := storetest.Conversations(t)
	path := filepath.Join(t.TempDir(), "aofd.db")
	now := time.Now
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now() },
	})
	if err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		var sum int64
		for _, end := range []string{"", "-wal"} {
			if info, err := os.Stat(path + end); err == nil {
				sum += info.Size()
			}
		}
		return sum
	}
	storetest.Capacity(t, s, n, size)
	t.Logf("%d conversations: %d MB", n, size()>>20)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// What is left when only the ids are still kept.
	now = func() time.Time { return time.Now().Add(40 * 24 * time.Hour) }
	s, err = sqlite.Open(t.Context(), path, sqlite.Options{Logger: slog.New(slog.DiscardHandler), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := s.Prune(t.Context(), store.Retention{IDs: 365 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	t.Logf("forget everything but the ids: %v", time.Since(start).Round(time.Second))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var ids, pages int64
	if err := db.QueryRow(`SELECT count(*), (SELECT sum(pgsize) FROM dbstat WHERE name = 'seen') FROM seen`).Scan(&ids, &pages); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d ids: %.0f bytes each on disk", ids, float64(pages)/float64(ids))

	// As many ids as a busy deployment keeps, and how fast messages are stored then.
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	add, err := tx.Prepare(`INSERT INTO seen (key, message, at) VALUES (?, ?, ?)`)
	if err != nil {
		t.Fatal(err)
	}
	const many = 10_000_000
	for i := range uint64(many) {
		key := make([]byte, 16)
		binary.BigEndian.PutUint64(key, i*(1<<40)+7)
		if _, err := add.Exec(key, 0, time.Now().UnixMicro()); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	s, err = sqlite.Open(t.Context(), path, sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("with %d ids more:", many)
	storetest.Capacity(t, s, n/10, size)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
