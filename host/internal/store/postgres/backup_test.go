package postgres_test

import (
	"bytes"
	"database/sql"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
)

// What a file has accepted and cannot file is not copied with the rest, and somebody is told.
func TestFillTellsWhatIsLeftBehind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.db")
	from, err := sqlite.Open(t.Context(), file, sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	url, schema := pgtest.Schema(t)
	var logged bytes.Buffer
	s, err := postgres.Open(t.Context(), url, postgres.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil)), Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	fill := func() {
		t.Helper()
		if err := sqlite.Read(t.Context(), file, func(tx *sql.Tx) error {
			_, err := s.Fill(t.Context(), tx)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	before := logged.String()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO arrival (at, webhook, said, bodies) VALUES (1, 0, x'7b', x'')`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	fill() // there is nothing in it that was copied the first time
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(before, "arrival") || !strings.Contains(logged.String(), "count=1") {
		t.Errorf("the log says %q, and %q without any", logged.String(), before)
	}
}
