package turn

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

const (
	// MaxBurst is how many messages are answered together at most.
	MaxBurst = 20
	// A burst that does not end is answered after so many windows.
	maxWindows = 5
)

// gathers reports whether a message is the kind of which people send several instead of one.
func gathers(m chat.Message) bool {
	text := strings.TrimSpace(m.Text)
	return m.Refusal == nil && m.Content.Kind() == chat.KindText && text != "" && !strings.HasPrefix(text, "/")
}

// gather waits for what the sender of a turn's message still writes and returns what belongs together with it.
// ok is false when the daemon stops, or the lease may be lost.
func (s *Stage) gather(held context.Context, t store.Turn, log *slog.Logger) (more []store.Turn, ok bool) {
	end := t.Message.ReceivedAt.Add(maxWindows * s.Window)
	for last := t.Message.ReceivedAt; ; {
		next := last.Add(s.Window)
		if next.After(end) {
			next = end
		}
		select {
		case <-s.done:
			return nil, false
		case <-held.Done():
			return nil, false
		case <-time.After(time.Until(next)):
		}
		ctx, cancel := context.WithTimeout(held, lease)
		waiting, err := s.Lanes.Following(ctx, t, MaxBurst-1)
		cancel()
		if err != nil {
			log.Warn("what belongs to the same burst could not be read; the message is answered by itself", "err", err)
			return nil, held.Err() == nil
		}
		more = burst(t, waiting, s.Window)
		if len(more) == 0 {
			return nil, true
		}
		if newest := more[len(more)-1].Message.ReceivedAt; newest.After(last) && newest.Before(end) && len(more) < MaxBurst-1 {
			last = newest
			continue
		}
		return more, true
	}
}

// burst returns those of the messages behind a turn's that belong to the same burst.
func burst(t store.Turn, waiting []store.Turn, window time.Duration) []store.Turn {
	last := t.Message.ReceivedAt
	for i, w := range waiting {
		m := w.Message
		if !gathers(m) || m.User.ID != t.Message.User.ID || m.ReceivedAt.Sub(last) > window {
			return waiting[:i]
		}
		last = m.ReceivedAt
	}
	return waiting
}

// together makes one turn of a burst: its message says all.
func together(t store.Turn, more []store.Turn) store.Turn {
	texts := []string{t.Message.Text}
	for _, m := range more {
		texts = append(texts, m.Message.Text)
	}
	t.Message.Text = strings.Join(texts, "\n")
	return t
}

// gathered is the trace of a burst.
func gathered(more []store.Turn) store.TraceEvent {
	var causes []string
	for _, m := range more {
		causes = append(causes, m.Cause)
	}
	return store.TraceEvent{
		At: time.Now(), Hop: store.HopGathered,
		Detail: fmt.Sprintf("answered together with %d more: %s", len(more), strings.Join(causes, ", ")),
	}
}
