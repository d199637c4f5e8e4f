package postgres_test

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
	"github.com/aof-dev/aofd/host/internal/store/storetest"
)

// callers are how many do the same at once in a benchmark.
var callers = []int{1, 64, 256}

// BenchmarkCycle takes messages through whole turns: see storetest.Cycle.
func BenchmarkCycle(b *testing.B) {
	for _, n := range callers {
		b.Run(fmt.Sprint("callers=", n), func(b *testing.B) { storetest.Cycle(b, synced(b), n) })
	}
}

// BenchmarkAppend stores webhooks of one message each.
func BenchmarkAppend(b *testing.B) {
	for _, n := range callers {
		b.Run(fmt.Sprint("callers=", n), func(b *testing.B) {
			s := synced(b)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range n {
				wg.Go(func() {
					for i := int(next.Add(1)); i <= b.N; i = int(next.Add(1)) {
						if a, err := s.Append(b.Context(), inbound(message(fmt.Sprint("u", i%10_000), i))); err != nil || len(a.New) != 1 {
							b.Errorf("%+v, %v", a, err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "webhooks/s")
		})
	}
}

// synced is a store on a server of its own, which syncs every commit.
func synced(b *testing.B) *postgres.Store {
	b.Helper()
	server := pgtest.Own(b, "shared_buffers=256MB", "max_wal_size=4GB")
	s, err := postgres.Open(b.Context(), server.URL(), postgres.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}
