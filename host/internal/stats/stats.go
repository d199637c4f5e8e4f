// Package stats keeps the figures of the last hours in memory, for charts: it reads the metrics every two
// seconds and remembers what happened in each step. It costs the hot path nothing.
package stats

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The resolutions, and how many steps of each are kept.
const (
	Fine   = 2 * time.Second
	Coarse = time.Minute

	fineSteps   = 900  // half an hour
	coarseSteps = 1440 // a day
)

// maxSeries bounds the memory: a series takes 19 kB.
const maxSeries = 1000

// Series is one figure over time. Values are oldest first; NaN is where there was nothing to measure.
type Series struct {
	Name, Unit, Platform string // the platform is empty for figures of the whole daemon
	Values               []float64
}

// Window is a stretch of time in equal steps.
type Window struct {
	Start  time.Time // of the first step
	Step   time.Duration
	Steps  int
	Series []Series // each has Steps values
}

// Recorder remembers. Its methods may be called by many goroutines.
type Recorder struct {
	metrics prometheus.Gatherer

	mu           sync.Mutex
	fine, coarse *ring
}

// New returns a recorder that remembers nothing yet.
func New(metrics prometheus.Gatherer) *Recorder {
	return &Recorder{metrics: metrics, fine: newRing(Fine, fineSteps), coarse: newRing(Coarse, coarseSteps)}
}

// Run records until ctx ends.
func (r *Recorder) Run(ctx context.Context) {
	tick := time.NewTicker(Fine)
	defer tick.Stop()
	r.Record(time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-tick.C:
			r.Record(at)
		}
	}
}

// Record takes one sample. The first one is what later ones are compared with.
func (r *Recorder) Record(at time.Time) {
	families, err := r.metrics.Gather()
	if err != nil && len(families) == 0 {
		return // the next one covers two steps
	}
	s := read(families)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fine.add(at, s)
	if r.coarse.at.IsZero() || at.Sub(r.coarse.at) >= Coarse-Fine/2 {
		r.coarse.add(at, s)
	}
}

// Last returns the latest steps, at most n of them and all for 0. platform limits the series to one platform
// and those of the whole daemon; empty: all.
func (r *Recorder) Last(step time.Duration, n int, platform string) Window {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := r.fine
	if step == Coarse {
		from = r.coarse
	}
	return from.last(n, platform)
}

// Sum adds up the last steps of a figure over all platforms.
func (r *Recorder) Sum(name string, over time.Duration) float64 {
	var out float64
	for _, s := range r.Last(Fine, int(over/Fine), "").Series {
		if s.Name != name {
			continue
		}
		for _, v := range s.Values {
			if !math.IsNaN(v) {
				out += v
			}
		}
	}
	return out
}
