// Package telemetry names the metrics of the daemon. Labels are bounded: platforms and plugins are those
// that are configured, everything else is a word of a fixed list.
package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/aof-dev/aofd/host/internal/store"
)

// Metrics are the daemon's metrics. All methods may be called by many goroutines.
type Metrics struct {
	registry *prometheus.Registry

	webhooks       *prometheus.CounterVec
	webhookSeconds *prometheus.HistogramVec
	messages       *prometheus.CounterVec
	receipts       *prometheus.CounterVec
	issues         *prometheus.CounterVec
	turns          *prometheus.CounterVec
	turnSeconds    prometheus.Histogram
	sends          *prometheus.CounterVec
	sendSeconds    *prometheus.HistogramVec
	calls          *prometheus.HistogramVec
	pluginReady    *prometheus.GaugeVec
	pluginCrashes  *prometheus.CounterVec
}

// New returns metrics of a daemon of that version. backlog is asked at each scrape; when it fails the
// backlog is left out.
func New(version string, backlog func() (store.Backlog, error)) *Metrics {
	r := prometheus.NewRegistry()
	m := &Metrics{
		registry: r,
		webhooks: counter(r, "aofd_webhooks_total", "Webhooks by platform and HTTP status.", "platform", "code"),
		webhookSeconds: histogram(r, "aofd_webhook_seconds",
			"Time from the first byte of a webhook to its answer.", "platform"),
		messages: counter(r, "aofd_messages_total", "Inbound messages by platform; result is new or duplicate.",
			"platform", "result"),
		receipts: counter(r, "aofd_receipts_total", "Receipts by platform and status.", "platform", "status"),
		issues: counter(r, "aofd_issues_total", "Parts of webhooks that could not be understood.",
			"platform", "reason"),
		turns:       counter(r, "aofd_turns_total", "Finished turns by outcome.", "outcome"),
		sends:       counter(r, "aofd_sends_total", "Attempts to send by platform and result.", "platform", "state"),
		sendSeconds: histogram(r, "aofd_send_seconds", "Time that an attempt to send took.", "platform"),
		calls: histogram(r, "aofd_plugin_call_seconds", "Calls of plugins; result is ok or error.",
			"plugin", "rpc", "result"),
		pluginReady:   prometheus.NewGaugeVec(gauge("aofd_plugin_ready", "1 when the plugin is ready."), []string{"plugin"}),
		pluginCrashes: counter(r, "aofd_plugin_crashes_total", "Crashes of plugins.", "plugin"),
		turnSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "aofd_turn_seconds", Help: "Time from claiming a message to its outcome.", Buckets: buckets,
		}),
	}
	info := prometheus.NewGaugeVec(gauge("aofd_build_info", "1; the version is a label."), []string{"version"})
	info.WithLabelValues(version).Set(1)
	r.MustRegister(m.turnSeconds, m.pluginReady, info, backlogCollector{backlog},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

var buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}

func counter(r prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.MustRegister(c)
	return c
}

func histogram(r prometheus.Registerer, name, help string, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	r.MustRegister(h)
	return h
}

func gauge(name, help string) prometheus.GaugeOpts {
	return prometheus.GaugeOpts{Name: name, Help: help}
}

// Handler serves the metrics in the Prometheus text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Gather implements prometheus.Gatherer.
func (m *Metrics) Gather() ([]*dto.MetricFamily, error) { return m.registry.Gather() }

// Webhook counts an answered webhook.
func (m *Metrics) Webhook(platform string, code int, d time.Duration) {
	m.webhooks.WithLabelValues(platform, strconv.Itoa(code)).Inc()
	m.webhookSeconds.WithLabelValues(platform).Observe(d.Seconds())
}

// Appended counts messages that were stored and those that were known.
func (m *Metrics) Appended(platform string, stored, duplicates int) {
	m.messages.WithLabelValues(platform, "new").Add(float64(stored))
	m.messages.WithLabelValues(platform, "duplicate").Add(float64(duplicates))
}

// Receipt counts a receipt; a status that is no word of the contract counts as "other".
func (m *Metrics) Receipt(platform, status string) {
	switch status {
	case "sent", "delivered", "read", "played", "failed", "deleted":
	default:
		status = "other"
	}
	m.receipts.WithLabelValues(platform, status).Inc()
}

// Issue counts a part of a webhook that could not be understood. Reasons come from plugins, so what is
// not in the contract counts as "OTHER".
func (m *Metrics) Issue(platform, reason string) {
	switch reason {
	case "PARSE_FAILED", "MALFORMED_MESSAGE", "MALFORMED_STATUS", "UNKNOWN_ACCOUNT", "UNSUPPORTED_MESSAGE_TYPE":
	default:
		reason = "OTHER"
	}
	m.issues.WithLabelValues(platform, reason).Inc()
}

// Turn counts a finished turn.
func (m *Metrics) Turn(outcome store.Outcome, d time.Duration) {
	m.turns.WithLabelValues(string(outcome)).Inc()
	m.turnSeconds.Observe(d.Seconds())
}

// Send counts an attempt to send.
func (m *Metrics) Send(platform string, state store.DeliveryState, d time.Duration) {
	m.sends.WithLabelValues(platform, string(state)).Inc()
	m.sendSeconds.WithLabelValues(platform).Observe(d.Seconds())
}

// Call counts a call of a plugin.
func (m *Metrics) Call(plugin, rpc string, d time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.calls.WithLabelValues(plugin, rpc, result).Observe(d.Seconds())
}

// PluginReady says whether a plugin is ready.
func (m *Metrics) PluginReady(plugin string, ready bool) {
	v := 0.0
	if ready {
		v = 1
	}
	m.pluginReady.WithLabelValues(plugin).Set(v)
}

// PluginCrashed counts a crash.
func (m *Metrics) PluginCrashed(plugin string) { m.pluginCrashes.WithLabelValues(plugin).Inc() }

// backlogCollector asks the store at each scrape.
type backlogCollector struct {
	ask func() (store.Backlog, error)
}

var (
	inboxDesc  = prometheus.NewDesc("aofd_inbox_pending", "Messages that wait for their turn.", nil, nil)
	turnsDesc  = prometheus.NewDesc("aofd_turns_running", "Turns that run.", nil, nil)
	outboxDesc = prometheus.NewDesc("aofd_outbox", "Deliveries by state.", []string{"state"}, nil)
)

func (c backlogCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- inboxDesc
	ch <- turnsDesc
	ch <- outboxDesc
}

func (c backlogCollector) Collect(ch chan<- prometheus.Metric) {
	b, err := c.ask()
	if err != nil {
		return
	}
	emit := func(d *prometheus.Desc, v int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	emit(inboxDesc, b.InboxPending)
	emit(turnsDesc, b.TurnsRunning)
	emit(outboxDesc, b.OutboxPending, "pending")
	emit(outboxDesc, b.OutboxUnknown, "unknown")
	emit(outboxDesc, b.OutboxFailed, "failed")
}
