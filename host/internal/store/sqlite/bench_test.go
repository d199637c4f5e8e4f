package sqlite_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
	"github.com/aof-dev/aofd/host/internal/store/storetest"
	"github.com/aof-dev/aofd/sdk/chat"
)

// BenchmarkAppend stores webhooks of one message each, as ingress does, from several callers at once; and what it
// would cost without their trace.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		callers int
		trace   bool
	}{{1, true}, {64, true}, {256, true}, {256, false}} {
		b.Run(fmt.Sprintf("callers=%d/trace=%v", c.callers, c.trace), func(b *testing.B) {
			s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "aofd.db"), sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			var next atomic.Int64
			var wg sync.WaitGroup
			before := cpu()
			b.ReportAllocs()
			b.ResetTimer()
			for range c.callers {
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						in := textFrom(n)
						if !c.trace {
							in.Trace = nil
						}
						if out, err := s.Append(b.Context(), in); err != nil || len(out.New) != 1 {
							b.Errorf("%+v, %v", out, err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "webhooks/s")
		})
	}
}

// BenchmarkCycle takes messages through whole turns: see storetest.Cycle.
func BenchmarkCycle(b *testing.B) {
	for _, n := range []int{1, 64, 256} {
		b.Run(fmt.Sprint("callers=", n), func(b *testing.B) {
			s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "aofd.db"), sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			storetest.Cycle(b, s, n)
		})
	}
}

// textFrom is one of many webhooks of 10,000 users.
func textFrom(n int64) store.Inbound {
	user := fmt.Sprintf("49151%08d", n%10_000)
	m := chat.Message{
		ID: fmt.Sprintf("wamid.%d", n), Platform: "p", Account: "106540352242922", ChannelID: user, Text: strings.Repeat("x", 200),
		User: chat.User{ID: user, DisplayName: "Ada"}, SentAt: time.Now(), ReceivedAt: time.Now(), Raw: []byte(`{"from":"` + user + `"}`),
	}
	return store.Inbound{
		Messages:   []store.InboundMessage{{Message: m, Conversation: "p/106540352242922/" + user, Lane: store.LaneTurn}},
		MaxPerUser: 1_000_000,
		Request: &chat.Request{
			Method: http.MethodPost, URI: "/webhook/p", Body: []byte(strings.Repeat("y", 600)), ReceivedAt: time.Now(),
			Headers: []chat.Header{{Name: "content-type", Value: "application/json"}, {Name: "x-signature", Value: strings.Repeat("z", 64)}},
		},
		Trace: []store.TraceEvent{{At: time.Now(), Hop: "webhook.received", Detail: "600 bytes, signature valid, 1 messages, 0 receipts", Duration: time.Millisecond}},
	}
}

// cpu is what this process has used so far.
func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
