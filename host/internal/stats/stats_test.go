package stats_test

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aof-dev/aofd/host/internal/stats"
)

func TestFiguresOverTime(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	messages := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aofd_messages_total"}, []string{"platform", "result"})
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "aofd_webhook_seconds", Buckets: []float64{.01, .02, .1}}, []string{"platform"})
	pending := prometheus.NewGauge(prometheus.GaugeOpts{Name: "aofd_inbox_pending"})
	reg.MustRegister(messages, took, pending)
	r := stats.New(reg)
	at := time.Unix(1_000_000, 0)
	step := func() { r.Record(at); at = at.Add(stats.Fine) }

	messages.WithLabelValues("a", "new").Add(100) // before the first sample: not of any step
	step()
	messages.WithLabelValues("a", "new").Add(3)
	messages.WithLabelValues("a", "duplicate").Add(1)
	for range 100 {
		took.WithLabelValues("a").Observe(.015)
	}
	pending.Set(7)
	step()
	messages.WithLabelValues("b", "new").Add(5)
	step()

	w := r.Last(stats.Fine, 0, "")
	if w.Steps != 2 || !w.Start.Equal(at.Add(-3*stats.Fine)) || w.Step != stats.Fine {
		t.Fatalf("%+v", w)
	}
	got := map[string][]float64{}
	for _, s := range w.Series {
		got[s.Name+"/"+s.Platform] = s.Values
	}
	for name, want := range map[string][2]float64{
		"received/a": {3, 0}, "received/b": {math.NaN(), 5}, "duplicates/a": {1, 0}, "inbox_pending/": {7, 7},
		"webhook_ms_p50/a": {15, math.NaN()}, "webhook_ms_p99/a": {19.9, math.NaN()},
	} {
		v := got[name]
		if len(v) != 2 || !same(v[0], want[0]) || !same(v[1], want[1]) {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if sum := r.Sum("received", time.Minute); sum != 8 {
		t.Errorf("sum %v", sum)
	}
	if w := r.Last(stats.Fine, 1, "b"); w.Steps != 1 || len(w.Series) != 2 {
		t.Errorf("one step of b: %+v", w)
	}
}

func same(a, b float64) bool { return math.Abs(a-b) < 1e-9 || math.IsNaN(a) && math.IsNaN(b) }

// What is kept is bounded, and the steps of a minute add up to it.
func TestMinutes(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	webhooks := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aofd_webhooks_total"}, []string{"platform", "code"})
	reg.MustRegister(webhooks)
	r := stats.New(reg)
	at := time.Unix(1_000_000, 0)
	for range 3001 {
		r.Record(at)
		webhooks.WithLabelValues("a", "200").Inc()
		at = at.Add(stats.Fine)
	}
	if w := r.Last(stats.Fine, 0, ""); w.Steps != 900 {
		t.Errorf("%d fine steps", w.Steps)
	}
	w := r.Last(stats.Coarse, 0, "")
	if w.Steps != 100 || w.Series[0].Values[50] != 30 {
		t.Errorf("%d minutes: %v", w.Steps, w.Series[0].Values)
	}
}
