package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/chat"
)

var (
	benchReport = flag.Bool("report", false, "measure the hot path and print a table")
	benchRounds = flag.Int("rounds", 3, "how often -report measures everything, in turn")
	benchFor    = flag.Duration("for", 4*time.Second, "how long -report measures each thing")
)

// TestHotPathReport measures webhook → plugin → on disk → 200 with real processes on a real disk, beside a
// handler that does the same work in one process and stores nothing. All is measured in turn and the medians
// are shown, since the machine may be busy with other things: what counts are the ratios.
func TestHotPathReport(t *testing.T) {
	if !*benchReport {
		t.Skip("without -report")
	}
	beds := []*subject{newBare(t), newSubject(t, "always"), newSubject(t, "interval")}
	fmt.Print("\nAt a fixed rate; a webhook's time runs from when it was due\n\n")
	fixedRates(beds, 1000, 4000)
	fmt.Printf("\nSaturation, medians of %d rounds of %s; CPU is that of host and plugin together\n\n", *benchRounds, *benchFor)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tconnections\twebhooks/s\tof bare\tCPU each\tp50\tp99\t")
	for _, connections := range []int{64, 256} {
		runs := map[*subject][]sample{}
		for range *benchRounds {
			for _, s := range beds {
				runs[s] = append(runs[s], s.saturate(connections, *benchFor))
			}
		}
		bare := runs[beds[0]]
		for _, s := range beds {
			ratio := median(runs[s], func(i int, r sample) float64 { return r.rate() / bare[i].rate() })
			fmt.Fprintf(table, "%s\t%d\t%.0f\t%.2f\t%s\t%s\t%s\t\n", s.name, connections,
				median(runs[s], func(_ int, r sample) float64 { return r.rate() }), ratio, medianOf(runs[s], sample.cpuEach),
				medianOf(runs[s], sample.p50), medianOf(runs[s], sample.p99))
		}
	}
	_ = table.Flush()
	fmt.Printf("\nAt a fixed rate once more, with %d and %d messages that wait\n\n", beds[1].load.sent.Load(), beds[2].load.sent.Load())
	fixedRates(beds[1:], 4000)
	boundary(t)
	for _, s := range beds {
		s.check()
	}
}

// fixedRates measures all at the same rates and prints a table.
func fixedRates(beds []*subject, perSecond ...int) {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\trate\treached\tCPU each\tp50\tp99\tp99.9\t")
	for _, rate := range perSecond {
		for _, s := range beds {
			var all []sample
			for range *benchRounds {
				all = append(all, s.atRate(rate, *benchFor))
			}
			fmt.Fprintf(table, "%s\t%d/s\t%.0f/s\t%s\t%s\t%s\t%s\t\n", s.name, rate,
				median(all, func(_ int, r sample) float64 { return r.rate() }), medianOf(all, sample.cpuEach),
				medianOf(all, sample.p50), medianOf(all, sample.p99), medianOf(all, sample.p999))
		}
	}
	_ = table.Flush()
}

func medianOf(runs []sample, value func(sample) time.Duration) time.Duration {
	return time.Duration(median(runs, func(_ int, r sample) float64 { return float64(value(r)) })).Round(time.Microsecond / 10)
}

func median(runs []sample, value func(int, sample) float64) float64 {
	all := make([]float64, len(runs))
	for i, r := range runs {
		all[i] = value(i, r)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// sample is one measurement and the CPU time that the measured processes used in it.
type sample struct {
	measured
	cpu time.Duration
}

func (r sample) cpuEach() time.Duration { return r.cpu / time.Duration(max(r.webhooks, 1)) }
func (r sample) p50() time.Duration     { return r.quantile(.5) }
func (r sample) p99() time.Duration     { return r.quantile(.99) }
func (r sample) p999() time.Duration    { return r.quantile(.999) }

// subject is what is measured.
type subject struct {
	name string
	pids []int
	load *sender
	bed  *bed // nil: the bare handler
}

// newSubject starts a daemon with one plugin, whose agent never comes to an end, so that what is measured is
// the way in.
func newSubject(t *testing.T, sync string) *subject {
	t.Helper()
	agent, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts, so the first run waits for ever
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = agent.Close() })
	b := newBed(t, map[string]string{
		"config.yaml": daemonHead + "\n  agents: {directory: agents}\n  settings: {log_level: error}\n" +
			"  store: {sync: " + sync + ", max_pending_messages: 100000000, max_pending_bytes: 1099511627776}\n" +
			"  runtime: {max_tasks_per_user: 1000000, max_messages_per_hour: 0, max_concurrent_tasks: 1, progress_after_secs: 0, task_timeout_secs: 3600}\n",
		"agents/slow.yaml": "name: slow\nhttp: {url: 'http://" + agent.Addr().String() + "/'}\n",
	})
	b.serve()
	return &subject{
		name: "sync: " + sync, bed: b, pids: []int{b.daemon.Process.Pid, b.status().Platforms[0].PID},
		load: &sender{TB: t, address: b.address, users: 10_000, prefix: "wamid." + sync + "."},
	}
}

// newBare starts the bare handler: see bare.
func newBare(t *testing.T) *subject {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	p := &process{Cmd: &exec.Cmd{Path: self, Args: []string{"bare", address}}, out: &output{}, done: make(chan struct{})}
	p.Stdout, p.Stderr = p.out, p.out
	held, err := p.StdinPipe() // it ends with us, however we end
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.Wait(); close(p.done) }()
	t.Cleanup(func() { _ = held.Close(); <-p.done })
	eventually(t, "the bare handler", func() error { _, err := get("http://" + address + "/ready"); return err })
	return &subject{name: "bare", pids: []int{p.Process.Pid}, load: &sender{TB: t, address: address, users: 10_000, prefix: "wamid."}}
}

// bare serves the same webhooks in one process: it verifies and parses them, and answers at once.
func bare() {
	platform, err := inProcess()
	if err != nil {
		panic(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /webhook/whatsapp", func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		req := chat.Request{Method: r.Method, URI: r.URL.RequestURI(), Body: body, ReceivedAt: time.Now(), Headers: []chat.Header{
			{Name: "x-hub-signature-256", Value: r.Header.Get("X-Hub-Signature-256")},
		}}
		if b, err := platform.ParseMessage(r.Context(), req); err != nil || len(b.Messages) != 1 {
			http.Error(w, "not parsed", http.StatusUnauthorized)
		}
	})
	panic(http.ListenAndServe(os.Args[1], mux)) //nolint:gosec // for this machine only
}

func (s *subject) measure(do func() measured) sample {
	before := usageOf(s.load, s.pids...)
	m := do()
	return sample{m, usageOf(s.load, s.pids...).cpu - before.cpu}
}

func (s *subject) saturate(connections int, d time.Duration) sample {
	return s.measure(func() measured { return s.load.saturate(connections, d) })
}

func (s *subject) atRate(perSecond int, d time.Duration) sample {
	return s.measure(func() measured { return s.load.atRate(perSecond, d) })
}

// check finds every webhook that was answered in the store.
func (s *subject) check() {
	s.load.Helper()
	if s.bed == nil {
		return
	}
	eventually(s.load, s.name+": all that was answered with 200 to be filed", func() error {
		got, sent := s.bed.metric(`aofd_messages_total{platform="whatsapp",result="new"}`), s.load.sent.Load()
		if int64(got) != sent {
			return fmt.Errorf("%d webhooks were answered with 200, %.0f messages are filed", sent, got)
		}
		return nil
	})
}

// boundary measures what it costs that the parser is another process.
func boundary(t *testing.T) {
	t.Helper()
	inside, err := inProcess()
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Open(catalog.Settings{
		Dirs: []string{filepath.Join(bin(t), "plugins")}, HostVersion: "0.0.0", Logger: slog.New(slog.DiscardHandler), LogLevel: "error",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	outside, err := c.Start(t.Context(), "whatsapp")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`{"phone_number_id":%q,"access_token":%q,"verify_token":%q,"app_secret":%q}`, phoneNumberID, accessToken, verifyToken, appSecret)
	if _, err := outside.Configure(t.Context(), []byte(config)); err != nil {
		t.Fatal(err)
	}
	fmt.Print("\nThe process boundary: one signed webhook verified and parsed; CPU is that of both processes\n\n")
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tcallers\tcalls/s\tCPU each\tof in-process\t")
	for _, callers := range []int{1, 64, 256} {
		var in, out []sample
		for range *benchRounds {
			in = append(in, parse(t, callers, inside, os.Getpid()))
			out = append(out, parse(t, callers, outside, os.Getpid(), outside.Status().PID))
		}
		for _, row := range []struct {
			name string
			runs []sample
		}{{"in-process", in}, {"plugin", out}} {
			fmt.Fprintf(table, "%s\t%d\t%.0f\t%s\t%.2f\t\n", row.name, callers, median(row.runs, func(_ int, r sample) float64 { return r.rate() }),
				medianOf(row.runs, sample.cpuEach), median(row.runs, func(i int, r sample) float64 { return float64(r.cpuEach()) / float64(in[i].cpuEach()) }))
		}
	}
	_ = table.Flush()
}

type parser interface {
	ParseMessage(ctx context.Context, r chat.Request) (chat.Batch, error)
}

func parse(t *testing.T, callers int, p parser, pids ...int) sample {
	t.Helper()
	hook := textWebhook("wamid.1", "4915112345678", benchText)
	request := chat.Request{
		Method: http.MethodPost, URI: "/webhook/whatsapp", Body: []byte(hook), ReceivedAt: time.Now(),
		Headers: []chat.Header{
			{Name: "accept", Value: "*/*"},
			{Name: "accept-encoding", Value: "deflate, gzip"},
			{Name: "content-length", Value: "700"},
			{Name: "content-type", Value: "application/json"},
			{Name: "host", Value: "127.0.0.1:8080"},
			{Name: "user-agent", Value: "facebookexternalua"},
			{Name: "x-hub-signature", Value: fmt.Sprintf("sha1=%040x", 1)},
			{Name: "x-hub-signature-256", Value: "sha256=" + sign(hook, appSecret)},
		},
	}
	before := usageOf(t, pids...)
	var calls atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range callers {
		wg.Go(func() {
			for time.Since(begin) < *benchFor/2 {
				if b, err := p.ParseMessage(t.Context(), request); err != nil || len(b.Messages) != 1 {
					t.Errorf("%+v %v", b, err)
					return
				}
				calls.Add(1)
			}
		})
	}
	wg.Wait()
	m := measured{webhooks: int(calls.Load()), took: time.Since(begin)}
	return sample{m, usageOf(t, pids...).cpu - before.cpu}
}

func inProcess() (*whatsapp.Platform, error) {
	return whatsapp.New(whatsapp.Config{PhoneNumberID: phoneNumberID, AccessToken: accessToken, VerifyToken: verifyToken, AppSecret: appSecret})
}
