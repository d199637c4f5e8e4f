package postgres_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

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
		Limits: sqlstore.Limits{Messages: storetest.MaxMessages, Bytes: storetest.MaxBytes},
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
