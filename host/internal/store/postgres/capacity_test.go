package postgres_test

import (
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
	"github.com/aof-dev/aofd/host/internal/store/storetest"
)

func TestCapacity(t *testing.T) {
	n := storetest.Conversations(t)
	server := pgtest.Own(t, "shared_buffers=512MB", "max_wal_size=4GB")
	s, err := postgres.Open(t.Context(), server.URL(), postgres.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	size := func() (bytes int64) {
		if err := conn.QueryRow(t.Context(), `SELECT pg_database_size('postgres')`).Scan(&bytes); err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	storetest.Capacity(t, s, n, size)
	t.Logf("%d conversations: %d MB", n, size()>>20)
}
