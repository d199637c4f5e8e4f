// Package telemetry names the metrics of the daemon. Labels are bounded: platforms and plugins are those
// that are configured, everything else is a word of a fixed list.
package telemetry

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Metrics are the daemon's metrics. All methods may be called by many goroutines.
type Metrics struct {
	registry *prometheus.Registry

	webhooks       *prometheus.CounterVec
	webhookSeconds *prometheus.HistogramVec
	appendSeconds  prometheus.Histogram
	commitSeconds  prometheus.Histogram
	commitSize     prometheus.Histogram
	messages       *prometheus.CounterVec
	receipts       *prometheus.CounterVec
	issues         *prometheus.CounterVec
	waits          *prometheus.HistogramVec
	turns          *prometheus.CounterVec
	turnSeconds    prometheus.Histogram
	sends          *prometheus.CounterVec
	sendSeconds    *prometheus.HistogramVec
	sendErrors     *prometheus.CounterVec
	deadLetters    *prometheus.CounterVec
	limited        *prometheus.HistogramVec
	files          *prometheus.CounterVec
	fileBytes      *prometheus.CounterVec
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
		appendSeconds: single(r, "aofd_append_seconds", "Time until what a webhook said is on disk.", buckets),
		commitSeconds: single(r, "aofd_commit_seconds", "Time of one transaction of the store, which many share.", buckets),
		commitSize:    single(r, "aofd_commit_operations", "Operations that shared a transaction of the store.", prometheus.ExponentialBuckets(1, 2, 10)),
		messages: counter(r, "aofd_messages_total", "Inbound messages by platform; result is new or duplicate.",
			"platform", "result"),
		receipts: counter(r, "aofd_receipts_total", "Receipts by platform and status.", "platform", "status"),
		issues: counter(r, "aofd_issues_total", "Parts of webhooks that could not be understood.",
			"platform", "reason"),
		waits: histogram(r, "aofd_queue_seconds",
			"Time from the arrival of a message until its turn; lane is turn, now or busy.", "lane"),
		turns:       counter(r, "aofd_turns_total", "Finished turns by outcome.", "outcome"),
		sends:       counter(r, "aofd_sends_total", "Attempts to send by platform and result.", "platform", "state"),
		sendSeconds: histogram(r, "aofd_send_seconds", "Time that an attempt to send took.", "platform"),
		sendErrors:  counter(r, "aofd_send_errors_total", "Attempts to send that did not succeed, by reason.", "platform", "reason"),
		deadLetters: counter(r, "aofd_dead_letters_total", "Deliveries that ended without arriving, by reason.", "platform", "reason"),
		limited: histogram(r, "aofd_limiter_wait_seconds",
			"Time that a delivery is held back so that the platform's limits are kept.", "platform"),
		files:     counter(r, "aofd_media_files_total", "Files that agents asked for; result is ok or error.", "platform", "result"),
		fileBytes: counter(r, "aofd_media_bytes_total", "Bytes of files that agents got.", "platform"),
		calls: histogram(r, "aofd_plugin_call_seconds", "Calls of plugins; result is ok or error.",
			"plugin", "rpc", "result"),
		pluginReady:   prometheus.NewGaugeVec(gauge("aofd_plugin_ready", "1 when the plugin is ready."), []string{"plugin"}),
		pluginCrashes: counter(r, "aofd_plugin_crashes_total", "Crashes of plugins.", "plugin"),
		turnSeconds:   single(r, "aofd_turn_seconds", "Time from claiming a message to its outcome.", buckets),
	}
	info := prometheus.NewGaugeVec(gauge("aofd_build_info", "1; the version is a label."), []string{"version"})
	info.WithLabelValues(version).Set(1)
	r.MustRegister(m.pluginReady, info, backlogCollector{backlog},
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

func single(r prometheus.Registerer, name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
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

// Accepted counts how long it took until what a webhook said was on disk.
func (m *Metrics) Accepted(d time.Duration) { m.appendSeconds.Observe(d.Seconds()) }

// Filed counts messages that are new and those that were known.
func (m *Metrics) Filed(platform string, stored, duplicates int) {
	m.messages.WithLabelValues(platform, "new").Add(float64(stored))
	m.messages.WithLabelValues(platform, "duplicate").Add(float64(duplicates))
}

// Commit counts a transaction of the store.
func (m *Metrics) Commit(operations int, d time.Duration) {
	m.commitSize.Observe(float64(operations))
	m.commitSeconds.Observe(d.Seconds())
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

// Waited counts a message whose turn has come.
func (m *Metrics) Waited(lane store.LaneKind, d time.Duration) {
	m.waits.WithLabelValues(string(lane)).Observe(d.Seconds())
}

// Turn counts a finished turn.
func (m *Metrics) Turn(outcome store.Outcome, d time.Duration) {
	m.turns.WithLabelValues(string(outcome)).Inc()
	m.turnSeconds.Observe(d.Seconds())
}

// Send counts an attempt to send. reason is why it did not succeed; what is no reason of the contract counts as
// "OTHER".
func (m *Metrics) Send(platform string, state store.DeliveryState, reason chat.Reason, d time.Duration) {
	m.sends.WithLabelValues(platform, string(state)).Inc()
	m.sendSeconds.WithLabelValues(platform).Observe(d.Seconds())
	if reason == "" {
		return
	}
	if !slices.Contains(reasons, reason) {
		reason = "OTHER"
	}
	m.sendErrors.WithLabelValues(platform, string(reason)).Inc()
	switch state {
	case store.StateFailed, store.StateExpired, store.StateUnknown:
		m.deadLetters.WithLabelValues(platform, string(reason)).Inc()
	}
}

// reasons are those that a send may fail for.
var reasons = []chat.Reason{
	chat.ReasonRateLimited, chat.ReasonCredentialsRejected, chat.ReasonPermissionDenied, chat.ReasonMisconfigured,
	chat.ReasonRecipientUnavailable, chat.ReasonWindowClosed, chat.ReasonContentRejected, chat.ReasonUnsupportedContent,
	chat.ReasonUpstreamError, chat.ReasonOutcomeUnknown, chat.ReasonUnavailable, chat.ReasonTimeout, chat.ReasonDraining,
	chat.ReasonPluginPanic, chat.ReasonInternal,
}

// Limited counts a delivery that has to wait for the platform's limits.
func (m *Metrics) Limited(platform string, wait time.Duration) {
	m.limited.WithLabelValues(platform).Observe(wait.Seconds())
}

// File counts a file that an agent asked for and the bytes that it got.
func (m *Metrics) File(platform string, bytes int, err error) {
	m.files.WithLabelValues(platform, resultOf(err)).Inc()
	m.fileBytes.WithLabelValues(platform).Add(float64(bytes))
}

func resultOf(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}

// Call counts a call of a plugin.
func (m *Metrics) Call(plugin, rpc string, d time.Duration, err error) {
	m.calls.WithLabelValues(plugin, rpc, resultOf(err)).Observe(d.Seconds())
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
