package stats

import (
	"math"
	"slices"
	"strings"
	"time"
)

// ring keeps the last steps of one resolution.
type ring struct {
	step   time.Duration
	size   int
	at     time.Time // of the last sample
	count  int       // steps that were taken since the first sample
	before sample
	series map[key][]float64 // the value of step i is at i modulo size
}

type key struct{ name, platform string }

func newRing(step time.Duration, size int) *ring {
	return &ring{step: step, size: size, series: map[key][]float64{}}
}

// add takes what happened since the last sample for one step.
func (r *ring) add(at time.Time, s sample) {
	first := r.at.IsZero()
	before := r.before
	r.at, r.before = at, s
	if first {
		return
	}
	slot := r.count % r.size
	for _, values := range r.series {
		values[slot] = math.NaN() // unless it is told below
	}
	for _, f := range figures {
		for k, v := range f.step(before, s) {
			values := r.series[k]
			if values == nil {
				if len(r.series) >= maxSeries {
					continue
				}
				values = make([]float64, r.size)
				for i := range values {
					values[i] = math.NaN()
				}
				r.series[k] = values
			}
			values[slot] = v
		}
	}
	r.count++
}

func (r *ring) last(n int, platform string) Window {
	kept := min(r.count, r.size)
	if n <= 0 || n > kept {
		n = kept
	}
	w := Window{Start: r.at.Add(-time.Duration(n) * r.step), Step: r.step, Steps: n}
	for k, values := range r.series {
		if platform != "" && k.platform != "" && k.platform != platform {
			continue
		}
		s := Series{Name: k.name, Unit: units[k.name], Platform: k.platform, Values: make([]float64, n)}
		for i := range n {
			s.Values[i] = values[(r.count-n+i)%r.size]
		}
		w.Series = append(w.Series, s)
	}
	slices.SortFunc(w.Series, func(a, b Series) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Platform, b.Platform)
	})
	return w
}
