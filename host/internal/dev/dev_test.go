package dev

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
)

// A message counts as lost when nobody will answer it: the phone gave up, or the daemon took it and forgot.
func TestCounters(t *testing.T) {
	t.Parallel()
	type phone struct {
		state string // on the phone
		known bool   // in the ledger
		done  bool
	}
	for name, c := range map[string]struct {
		phones   []phone
		repeated uint64
		down     bool
		want     *hostv1.Counters
	}{
		"nothing yet":                    {want: &hostv1.Counters{}},
		"on its way":                     {phones: []phone{{state: "sending"}}, want: &hostv1.Counters{Sent: 1, Waiting: 1}},
		"taken and answered":             {phones: []phone{{"read", true, true}, {"delivered", true, false}}, want: &hostv1.Counters{Sent: 2, Answered: 1, Waiting: 1}},
		"acknowledged and forgotten":     {phones: []phone{{state: "delivered"}}, want: &hostv1.Counters{Sent: 1, Lost: 1}},
		"not judged while it is down":    {phones: []phone{{state: "delivered"}}, down: true, want: &hostv1.Counters{Sent: 1, Waiting: 1}},
		"given up by the platform":       {phones: []phone{{state: "not_delivered"}}, want: &hostv1.Counters{Sent: 1, Lost: 1}},
		"given up, though it was stored": {phones: []phone{{"not_delivered", true, true}}, want: &hostv1.Counters{Sent: 1, Answered: 1}},
		"an answer twice":                {repeated: 2, want: &hostv1.Counters{Duplicated: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newCounts(func() {})
			for i, p := range c.phones {
				m := phoneMessage{ID: strings.Repeat("m", i+1), Direction: "from_user", State: p.state}
				n.phone("p", m)
				n.phone("p", phoneMessage{ID: "ours", Direction: "to_user", State: "read"})
				if p.known {
					n.learn(id{"p", m.ID}, p.done)
				}
			}
			n.counters("p", phoneCounters{Repeated: c.repeated})
			n.compare(n.taken(), !c.down)
			if got := n.now(); got.String() != c.want.String() {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestFurnish(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "bot")
	config, err := furnish(dir, []string{"one", "two"})
	if err != nil {
		t.Fatal(err)
	}
	trigger, err := os.ReadFile(filepath.Join(dir, "triggers", "two.yaml"))
	if err != nil || !strings.Contains(string(trigger), "platform: two") {
		t.Errorf("%s, %v", trigger, err)
	}
	info, err := os.Stat(filepath.Join(dir, "agents", "echo.sh"))
	if err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("%v, %v", info, err)
	}
	// What the user changed stays.
	if err := os.WriteFile(config, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := furnish(dir, []string{"three"}); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(config); string(text) != "mine" {
		t.Errorf("%s", text)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := furnish(other, nil); err == nil {
		t.Error("a folder with other things in it was taken")
	}
}
