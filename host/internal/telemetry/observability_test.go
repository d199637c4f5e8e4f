package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metricsql"
	"go.yaml.in/yaml/v4"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/telemetry"
	"github.com/aof-dev/aofd/sdk/chat"
)

const folder = "../../../examples/observability/"

// series are all metrics that a daemon has once everything happened to it, with their labels.
func series(t *testing.T) map[string][]string {
	t.Helper()
	m := telemetry.New("1.0.0", func() (store.Backlog, error) { return store.Backlog{InboxPending: 1}, nil })
	m.Webhook("p", 200, time.Millisecond)
	m.Accepted(time.Millisecond)
	m.Filed("p", 1, 1)
	m.Commit(3, time.Millisecond)
	m.Receipt("p", "read")
	m.Issue("p", "MALFORMED_MESSAGE")
	m.Waited(store.LaneTurn, time.Millisecond)
	m.Turn(store.OutcomeAnswered, time.Millisecond)
	m.Send("p", store.StateFailed, chat.ReasonContentRejected, time.Millisecond)
	m.Limited("p", time.Second)
	m.File("p", 10, nil)
	m.Call("p", "ParseMessage", time.Millisecond, errors.New("no"))
	m.PluginReady("p", true)
	m.PluginCrashed("p")
	families, err := m.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{"up": {"job", "instance"}} // which Prometheus makes
	for _, f := range families {
		labels := []string{"job", "instance"}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		if f.GetMetric()[0].GetHistogram() == nil {
			out[f.GetName()] = labels
			continue
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			out[f.GetName()+suffix] = append(slices.Clone(labels), "le")
		}
	}
	return out
}

// check parses an expression and looks up what it names.
func check(t *testing.T, where, expr string, known map[string][]string) (used []string) {
	t.Helper()
	e, err := metricsql.Parse(expr)
	if err != nil {
		t.Errorf("%s: %v\n%s", where, err, expr)
		return nil
	}
	metricsql.VisitAll(e, func(e metricsql.Expr) {
		switch e := e.(type) {
		case *metricsql.MetricExpr:
			for _, alternative := range e.LabelFilterss {
				var name string
				for _, f := range alternative {
					if f.Label == "__name__" {
						name = f.Value
					}
				}
				labels, ok := known[name]
				if !ok {
					t.Errorf("%s: there is no metric %s", where, name)
				}
				for _, f := range alternative {
					if f.Label != "__name__" && !slices.Contains(labels, f.Label) {
						t.Errorf("%s: %s has no label %s", where, name, f.Label)
					}
				}
				used = append(used, name)
			}
		case *metricsql.FuncExpr:
			// The parser takes rate(x) as well; Prometheus does not.
			window := strings.HasPrefix(e.Name, "rate") || strings.HasPrefix(e.Name, "increase") || strings.HasSuffix(e.Name, "_over_time") || e.Name == "deriv"
			if r, ok := e.Args[len(e.Args)-1].(*metricsql.RollupExpr); window && (!ok || r.Window == nil) {
				t.Errorf("%s: %s needs a window", where, e.Name)
			}
		}
	})
	return used
}

func TestDashboardShowsWhatThereIs(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(folder + "grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &dashboard); err != nil {
		t.Fatal(err)
	}
	known := series(t)
	var used []string
	taken := map[[2]int]string{}
	for _, p := range dashboard.Panels {
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("panels %q and %q lie on each other", other, p.Title)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			// Grafana fills these in.
			expr := strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$instance", ".*").Replace(target.Expr)
			used = append(used, check(t, "panel "+p.Title, expr, known)...)
		}
	}
	for name := range known {
		if strings.HasPrefix(name, "aofd_") && name != "aofd_build_info" && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") && !slices.Contains(used, name) {
			if !slices.ContainsFunc(used, func(u string) bool { return strings.TrimSuffix(u, "_sum") == strings.TrimSuffix(name, "_bucket") }) {
				t.Errorf("the dashboard does not show %s", name)
			}
		}
	}
}

func TestAlertRulesCanBeLoaded(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(folder + "prometheus-rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// As Prometheus reads them: what it does not know is an error.
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	known, seen := series(t), map[string]bool{}
	name := regexp.MustCompile(`^Aofd[A-Z][A-Za-z]+$`)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			check(t, "alert "+r.Alert, r.Expr, known)
			if !name.MatchString(r.Alert) || seen[r.Alert] {
				t.Errorf("alert %q has no good name", r.Alert)
			}
			seen[r.Alert] = true
			if _, err := time.ParseDuration(r.For); r.For != "" && err != nil {
				t.Errorf("alert %s: %v", r.Alert, err)
			}
			if s := r.Labels["severity"]; s != "critical" && s != "warning" {
				t.Errorf("alert %s has severity %q", r.Alert, s)
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("alert %s does not say what it is and what to do", r.Alert)
			}
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d alerts", len(seen))
	}
}

// The page about metrics has a row for each of them.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(folder + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, labels := range series(t) {
		name, _ = strings.CutSuffix(name, "_bucket")
		if !strings.HasPrefix(name, "aofd_") || strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_count") {
			continue
		}
		row := regexp.MustCompile("(?m)^\\| `" + name + "` \\|.*$").FindString(string(page))
		if row == "" {
			t.Errorf("%s is not in the table", name)
		}
		for _, l := range labels {
			if l != "job" && l != "instance" && l != "le" && !strings.Contains(row, "`"+l+"`") {
				t.Errorf("the row of %s does not name its label %s", name, l)
			}
		}
	}
}

// Words that come from outside do not become labels: the number of series is bounded.
func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	m := telemetry.New("1.0.0", func() (store.Backlog, error) { return store.Backlog{}, nil })
	for _, word := range []string{"a", "b", "c"} {
		m.Receipt("p", word)
		m.Issue("p", word)
		m.Send("p", store.StateFailed, chat.Reason(word), time.Millisecond)
	}
	families, err := m.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		switch f.GetName() {
		case "aofd_receipts_total", "aofd_issues_total", "aofd_send_errors_total", "aofd_dead_letters_total":
			if n := len(f.GetMetric()); n != 1 {
				t.Errorf("%s has %d series", f.GetName(), n)
			}
		}
	}
}
