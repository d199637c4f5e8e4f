package stats

import (
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// sample is what the metrics were at one moment, by family.
type sample map[string][]*dto.Metric

func read(families []*dto.MetricFamily) sample {
	out := sample{}
	for _, f := range families {
		out[f.GetName()] = f.GetMetric()
	}
	return out
}

// figure is how series are made of two samples that follow each other.
type figure struct {
	units map[string]string // of its series
	step  func(before, now sample) map[key]float64
}

// figures are all there are. Their names are part of the API: see aof/host/v1/stats.proto.
var figures = []figure{
	count("webhooks", "aofd_webhooks_total", "", ""),
	count("received", "aofd_messages_total", "result", "new"),
	count("duplicates", "aofd_messages_total", "result", "duplicate"),
	count("sends", "aofd_sends_total", "", ""),
	count("sent", "aofd_sends_total", "state", "sent"),
	count("send_failed", "aofd_sends_total", "state", "failed"),
	count("send_unknown", "aofd_sends_total", "state", "unknown"),
	count("delivered", "aofd_receipts_total", "status", "delivered"),
	count("read", "aofd_receipts_total", "status", "read"),
	count("receipt_failed", "aofd_receipts_total", "status", "failed"),
	count("answered", "aofd_turns_total", "outcome", "answered"),
	count("refused", "aofd_turns_total", "outcome", "refused"),
	count("failed", "aofd_turns_total", "outcome", "failed"),
	count("nothing", "aofd_turns_total", "outcome", "nothing"),
	level("inbox_pending", "count", "aofd_inbox_pending", "", ""),
	level("turns_running", "count", "aofd_turns_running", "", ""),
	level("outbox_pending", "count", "aofd_outbox", "state", "pending"),
	level("outbox_unknown", "count", "aofd_outbox", "state", "unknown"),
	level("outbox_failed", "count", "aofd_outbox", "state", "failed"),
	level("memory_bytes", "bytes", "process_resident_memory_bytes", "", ""),
	level("goroutines", "count", "go_goroutines", "", ""),
	seconds("cpu_seconds", "process_cpu_seconds_total"),
	times("webhook_ms", "aofd_webhook_seconds"),
	times("send_ms", "aofd_send_seconds"),
	times("turn_ms", "aofd_turn_seconds"),
}

// units are those of all series, by name.
var units = func() map[string]string {
	out := map[string]string{}
	for _, f := range figures {
		for name, unit := range f.units {
			out[name] = unit
		}
	}
	return out
}()

// count is how often something happened in a step, by platform where the metric has one. With a label only
// metrics that have that value of it count.
func count(name, family, label, value string) figure {
	return figure{map[string]string{name: "count"}, func(before, now sample) map[key]float64 {
		out := map[key]float64{}
		add := func(s sample, sign float64) {
			for _, m := range s[family] {
				if has(m, label, value) {
					out[key{name, labelOf(m, "platform")}] += sign * m.GetCounter().GetValue()
				}
			}
		}
		add(now, 1)
		add(before, -1)
		return out
	}}
}

// level is what a gauge shows at the end of a step.
func level(name, unit, family, label, value string) figure {
	return figure{map[string]string{name: unit}, func(_, now sample) map[key]float64 {
		out := map[key]float64{}
		for _, m := range now[family] {
			if has(m, label, value) {
				out[key{name: name}] += m.GetGauge().GetValue()
			}
		}
		return out
	}}
}

func seconds(name, family string) figure {
	f := count(name, family, "", "")
	f.units = map[string]string{name: "s"}
	return f
}

// times are the median and the 99th percentile of what a histogram saw in a step, in milliseconds.
func times(name, family string) figure {
	p50, p99 := name+"_p50", name+"_p99"
	return figure{map[string]string{p50: "ms", p99: "ms"}, func(before, now sample) map[key]float64 {
		out := map[key]float64{}
		for platform, h := range histograms(now, family) {
			old := histograms(before, family)[platform]
			out[key{p50, platform}] = 1000 * h.quantile(old, .5)
			out[key{p99, platform}] = 1000 * h.quantile(old, .99)
		}
		return out
	}}
}

// histogram has cumulative counts by upper bound, ascending; the last bound is infinite.
type histogram struct {
	bounds []float64
	counts []float64
}

func histograms(s sample, family string) map[string]histogram {
	out := map[string]histogram{}
	for _, m := range s[family] {
		platform := labelOf(m, "platform")
		h := out[platform]
		for i, b := range m.GetHistogram().GetBucket() {
			if i == len(h.bounds) {
				h.bounds, h.counts = append(h.bounds, b.GetUpperBound()), append(h.counts, 0)
			}
			h.counts[i] += float64(b.GetCumulativeCount())
		}
		if n := len(m.GetHistogram().GetBucket()); n == len(h.bounds) {
			h.bounds, h.counts = append(h.bounds, math.Inf(1)), append(h.counts, 0)
		}
		h.counts[len(h.counts)-1] += float64(m.GetHistogram().GetSampleCount())
		out[platform] = h
	}
	return out
}

// quantile estimates what a share q of the observations since old stayed below, in between the bounds of its
// bucket. NaN: there were none.
func (h histogram) quantile(old histogram, q float64) float64 {
	since := slices.Clone(h.counts)
	for i := range old.counts {
		since[i] -= old.counts[i]
	}
	if len(since) == 0 || since[len(since)-1] <= 0 {
		return math.NaN()
	}
	want := q * since[len(since)-1]
	i := slices.IndexFunc(since, func(n float64) bool { return n >= want })
	lower, below := 0.0, 0.0
	if i > 0 {
		lower, below = h.bounds[i-1], since[i-1]
	}
	if math.IsInf(h.bounds[i], 1) {
		return lower // more than all bounds
	}
	return lower + (h.bounds[i]-lower)*(want-below)/(since[i]-below)
}

func has(m *dto.Metric, label, value string) bool { return label == "" || labelOf(m, label) == value }

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
