package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/chat"
)

// benchBed is a real daemon whose agent says nothing, so that what is measured is the way in.
func benchBed(b *testing.B) *bed {
	b.Helper()
	bed := newBed(b, map[string]string{
		"config.yaml":      daemonHead + "\n  agents: {directory: agents}\n  runtime: {max_tasks_per_user: 1000000, max_concurrent_tasks: 1}\n  settings: {log_level: error}\n",
		"agents/none.yaml": "name: none\nexec: {command: ['true']}\n",
	})
	bed.serve()
	return bed
}

// BenchmarkWebhook measures webhook → plugin → on disk → 200, with as many callers as the platform may use.
func BenchmarkWebhook(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			bed := benchBed(b)
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
			defer client.CloseIdleConnections()
			took := make([]time.Duration, b.N)
			next := make(chan int)
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for n := range next {
						start := time.Now()
						bed.take(b, client, n)
						took[n] = time.Since(start)
					}
				})
			}
			for n := range b.N {
				next <- n
			}
			close(next)
			wg.Wait()
			b.StopTimer()
			report(b, took)
		})
	}
}

// BenchmarkWebhookAtRate measures the same at fixed rates: each webhook leaves at its time, however long the
// ones before it take.
func BenchmarkWebhookAtRate(b *testing.B) {
	for _, rate := range []int{100, 500, 1000} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			bed := benchBed(b)
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
			defer client.CloseIdleConnections()
			took := make([]time.Duration, b.N)
			var wg sync.WaitGroup
			b.ResetTimer()
			begin := time.Now()
			for n := range b.N {
				due := begin.Add(time.Duration(n) * time.Second / time.Duration(rate))
				time.Sleep(time.Until(due))
				wg.Go(func() {
					bed.take(b, client, n)
					took[n] = time.Since(due)
				})
			}
			wg.Wait()
			b.StopTimer()
			report(b, took)
		})
	}
}

func (bed *bed) take(b *testing.B, client *http.Client, n int) {
	hook := textWebhook(fmt.Sprintf("wamid.%d", n), fmt.Sprintf("49151%08d", n%10_000), strings.Repeat("x", 200))
	req, err := http.NewRequest(http.MethodPost, "http://"+bed.address+"/webhook/whatsapp", strings.NewReader(hook))
	if err != nil {
		b.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Hub-Signature-256", "sha256="+sign(hook, appSecret))
	res, err := client.Do(req)
	if err != nil {
		b.Error(err)
		return
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.Errorf("webhook %d: %s", n, res.Status)
	}
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "webhooks/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkParseMessage measures what the process boundary costs: the same webhook, parsed in this process
// and by the plugin's.
func BenchmarkParseMessage(b *testing.B) {
	hook := textWebhook("wamid.1", "4915112345678", "hello")
	request := chat.Request{
		Method: http.MethodPost, URI: "/webhook/whatsapp", Body: []byte(hook), ReceivedAt: time.Now(),
		Headers: []chat.Header{{Name: "content-type", Value: "application/json"}, {Name: "x-hub-signature-256", Value: "sha256=" + sign(hook, appSecret)}},
	}
	type parser interface {
		ParseMessage(context.Context, chat.Request) (chat.Batch, error)
	}
	var alone float64 // ns of one call in this process
	bench := func(name string, p parser) {
		b.Run(name, func(b *testing.B) {
			defer func() {
				each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
				if alone == 0 || name == "in-process" {
					alone = each
				}
				b.ReportMetric(each/alone, "x-in-process")
			}()
			for range b.N {
				if batch, err := p.ParseMessage(b.Context(), request); err != nil || len(batch.Messages) != 1 {
					b.Fatalf("%+v %v", batch, err)
				}
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := p.ParseMessage(b.Context(), request); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
	inside, err := whatsapp.New(whatsapp.Config{PhoneNumberID: phoneNumberID, AccessToken: accessToken, VerifyToken: verifyToken, AppSecret: appSecret})
	if err != nil {
		b.Fatal(err)
	}
	bench("in-process", inside)
	c, err := catalog.Open(catalog.Settings{Dirs: []string{filepath.Join(bin(b), "plugins")}, HostVersion: "0.0.0", Logger: slog.New(slog.DiscardHandler), LogLevel: "error"})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	outside, err := c.Start(b.Context(), "whatsapp")
	if err != nil {
		b.Fatal(err)
	}
	config := fmt.Sprintf(`{"phone_number_id":%q,"access_token":%q,"verify_token":%q,"app_secret":%q}`, phoneNumberID, accessToken, verifyToken, appSecret)
	if _, err := outside.Configure(b.Context(), []byte(config)); err != nil {
		b.Fatal(err)
	}
	bench("plugin", outside)
}
