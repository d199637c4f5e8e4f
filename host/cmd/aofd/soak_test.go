package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

var (
	soakFor  = flag.Duration("soak", 10*time.Second, "how long TestSoak keeps the daemon at work")
	soakRate = flag.Int("soakrate", 20, "messages a second in TestSoak")
)

// reading is what the daemon and its plugin hold at one moment.
type reading struct {
	host, plugin usage
	goroutines   float64 // of the host
}

// TestSoak keeps a daemon at a steady rate of messages, each of which is answered by an agent and receipted, and
// looks at what it and its plugin hold: it must not grow with the messages that went through. A short run can tell
// that of goroutines and descriptors only; memory needs the minutes of `make soak`.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"text": "All pods run."})
	}))
	t.Cleanup(agent.Close)
	b := newBed(t, map[string]string{
		"config.yaml":      daemonHead + "\n  agents: {directory: agents}\n  settings: {log_level: error}\n  runtime: {max_tasks_per_user: 1000, max_messages_per_hour: 0}\n",
		"agents/http.yaml": "name: http\nhttp: {url: '" + agent.URL + "'}\n",
	})
	b.emulate()
	b.serve()
	host, plugin := b.daemon.Process.Pid, b.status().Platforms[0].PID
	read := func() reading {
		return reading{host: usageOf(t, host), plugin: usageOf(t, plugin), goroutines: b.metric("go_goroutines")}
	}
	users := int64(20 * *soakRate) // each writes every 20 s, which is within the platform's limits
	var sent int64
	var readings []reading
	send := time.NewTicker(time.Second / time.Duration(*soakRate))
	defer send.Stop()
	look := time.NewTicker(max(*soakFor/200, 250*time.Millisecond))
	defer look.Stop()
	for end := time.After(*soakFor); ; {
		select {
		case <-end:
			b.settled(sent)
			flat(t, readings)
			b.idle(readings[:len(readings)/3], read)
			return
		case <-look.C:
			readings = append(readings, read())
		case <-send.C:
			sent++
			b.phone(map[string]any{"from": fmt.Sprintf("49151%08d", sent%users), "type": "text", "text": fmt.Sprint("message ", sent)})
		}
	}
}

// settled waits until every message was answered.
func (b *bed) settled(sent int64) {
	b.Helper()
	eventually(b, "an answer to each message", func() error {
		if got := b.metric(`aofd_turns_total{outcome="answered"}`); int64(got) != sent {
			return fmt.Errorf("%d messages, %.0f answers", sent, got)
		}
		if got := b.metric(`aofd_sends_total{platform="whatsapp",state="sent"}`); int64(got) != sent {
			return fmt.Errorf("%d answers, %.0f sent", sent, got)
		}
		return nil
	})
}

// idle waits until as little is open as was at the start: what a burst had opened is closed again.
func (b *bed) idle(start []reading, now func() reading) {
	b.Helper()
	const slack = 10
	most := func(value func(reading) float64) (m float64) {
		for _, r := range start {
			m = max(m, value(r))
		}
		return m + slack
	}
	eventually(b, "goroutines and descriptors as at the start", func() error {
		for what, value := range map[string]func(reading) float64{
			"goroutines of the host":    func(r reading) float64 { return r.goroutines },
			"descriptors of the host":   func(r reading) float64 { return float64(r.host.descriptors) },
			"descriptors of the plugin": func(r reading) float64 { return float64(r.plugin.descriptors) },
		} {
			if got := value(now()); got > most(value) {
				return fmt.Errorf("%.0f %s, more than %.0f", got, what, most(value))
			}
		}
		return nil
	})
}

// flat fits a line through the memory that was seen once caches and pools had filled, and says how much it rises
// from end to end. A short run cannot tell.
func flat(t *testing.T, readings []reading) {
	t.Helper()
	steady := readings[len(readings)/3:]
	for _, c := range []struct {
		what  string
		most  float64 // that it may rise
		value func(reading) float64
	}{
		{"MiB of the host", 12, func(r reading) float64 { return float64(r.host.resident) / (1 << 20) }},
		{"MiB of the plugin", 6, func(r reading) float64 { return float64(r.plugin.resident) / (1 << 20) }},
	} {
		first, last := c.value(steady[0]), c.value(steady[len(steady)-1])
		rise := slope(steady, c.value) * float64(len(steady)-1)
		t.Logf("%-17s %6.1f → %6.1f, the line rises by %+.1f", c.what, first, last, rise)
		if rise > c.most && *soakFor >= 5*time.Minute {
			t.Errorf("%s rise by %.1f over the run, and may by %.0f", c.what, rise, c.most)
		}
	}
}

// slope is that of the line which fits best, for each step.
func slope(readings []reading, value func(reading) float64) float64 {
	n := float64(len(readings))
	var x, y, xx, xy float64
	for i, r := range readings {
		v, at := value(r), float64(i)
		x, y, xx, xy = x+at, y+v, xx+at*at, xy+at*v
	}
	return (n*xy - x*y) / (n*xx - x*x)
}
