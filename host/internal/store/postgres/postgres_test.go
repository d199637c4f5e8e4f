package postgres_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
	"github.com/aof-dev/aofd/host/internal/store/sqlstore"
	"github.com/aof-dev/aofd/host/internal/store/storetest"
)

func TestMain(m *testing.M) {
	code := pgtest.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			slog.Error("goroutines are left", "err", err)
			code = 1
		}
	}
	os.Exit(code)
}

func open(t testing.TB, url, schema string, now func() time.Time) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), url, postgres.Options{
		Logger: slog.New(slog.DiscardHandler), Schema: schema, Now: now, Retry: storetest.Retry,
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
		url, schema := pgtest.Schema(t)
		return open(t, url, schema, c.Now)
	})
}

func errorHas(err error, part string) bool { return strings.Contains(err.Error(), part) }

func exec(t *testing.T, url, query string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}
