package turn

import (
	"context"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Courtesies show people that their message was seen or is being worked on. It is used by many goroutines.
type Courtesies interface {
	// SendSignal returns how long the signal lasts by itself; 0: it stays, or nobody knows.
	SendSignal(ctx context.Context, platform string, c chat.Courtesy) (lasts time.Duration, err error)
}

const (
	// Who gets an answer at once needs no sign that it is worked on, only that it was read.
	signalAfter = 300 * time.Millisecond
	// Signals never take more than these calls of a plugin; one that finds no room is left out.
	signalsAtOnce = 8
	signalAgain   = 5 * time.Second // when there was no room
	signalLead    = time.Second     // renewed so long before it goes out
)

// show tells the sender of a message that it is being worked on, until stop is called. Whatever becomes of
// that, the turn goes on: nobody waits for it.
func (s *Stage) show(t store.Turn) (stop func()) {
	if s.Courtesies == nil || s.Signal == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(s.work)
	s.signals.Go(func() {
		for wait, first := signalAfter, true; wait > 0; first = false {
			select {
			case <-ctx.Done():
				if first {
					s.signal(s.work, t, chat.SignalRead)
				}
				return
			case <-time.After(wait):
			}
			wait = s.signal(ctx, t, s.Signal)
		}
	})
	return cancel
}

// signal shows one once and returns when it has to be shown again; 0: never.
func (s *Stage) signal(ctx context.Context, t store.Turn, which chat.Signal) (again time.Duration) {
	select {
	case s.room <- struct{}{}:
		defer func() { <-s.room }()
	default:
		return signalAgain
	}
	m := t.Message
	lasts, err := s.Courtesies.SendSignal(ctx, m.Platform, chat.Courtesy{
		Account: m.Account, ChannelID: m.ChannelID, MessageID: m.ID, Signal: which,
	})
	if err != nil {
		if ctx.Err() == nil {
			s.Logger.Debug("no signal could be shown", "cause", t.Cause, "signal", which, "err", err)
		}
		return 0
	}
	if lasts <= 0 {
		return 0
	}
	return max(lasts-signalLead, lasts/2)
}
