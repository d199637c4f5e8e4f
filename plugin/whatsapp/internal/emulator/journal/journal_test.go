package journal_test

import (
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/journal"
)

func TestSince(t *testing.T) {
	t.Parallel()
	j := journal.New()
	for i := range 10_005 {
		j.Add("n", i)
	}
	for _, c := range []struct {
		after uint64
		n     int
		gap   bool
	}{{10_005, 0, false}, {10_000, 5, false}, {5, 10_000, false}, {4, 0, true}, {0, 0, true}, {10_006, 0, true}} {
		events, gap := j.Since(c.after)
		if len(events) != c.n || gap != c.gap {
			t.Errorf("after %d: %d events, gap %v", c.after, len(events), gap)
		}
		if c.n > 0 && events[0].ID != c.after+1 {
			t.Errorf("after %d comes %d", c.after, events[0].ID)
		}
	}
}

func TestBytesAreBounded(t *testing.T) {
	t.Parallel()
	j := journal.New()
	for range 20 {
		j.Add("big", string(make([]byte, 200_000))) // six times as long in JSON
	}
	if events, gap := j.Since(19); gap || len(events) != 1 {
		t.Errorf("%d events, gap %v", len(events), gap)
	}
	if _, gap := j.Since(0); !gap {
		t.Error("everything is kept")
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	j := journal.New()
	wake, stop, ok := j.Watch()
	if !ok {
		t.Fatal("nobody may watch")
	}
	j.Add("a", 1)
	j.Add("b", 2)
	<-wake // once for both
	select {
	case <-wake:
		t.Error("woken twice")
	default:
	}
	stop()
	for range 64 {
		if _, _, ok := j.Watch(); !ok {
			t.Fatal("too few may watch")
		}
	}
	if _, _, ok := j.Watch(); ok {
		t.Error("anybody may watch")
	}
}
