package turn

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// floods count the messages of each sender in each chat, so that two programs which answer each other come to an
// end: what is too much gets one notice and then no answer, and who gets no answer has nothing to answer. They are
// of this process; a sender whose chat another host takes over, or who writes after a restart, begins anew.
type floods struct {
	mu    sync.Mutex
	by    map[string]*flood
	swept time.Time
}

// flood is what one sender wrote of late.
type flood struct {
	left *rate.Limiter
	told time.Time // when the notice went out
}

const (
	tellEvery  = time.Hour
	sweepEvery = time.Minute
)

// pass counts a message and says whether it is answered; tell, with one that is not, whether its sender is told so.
func (f *floods) pass(sender string, perHour int, now time.Time) (ok, tell bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep(now)
	s := f.by[sender]
	if s == nil {
		s = &flood{left: rate.NewLimiter(rate.Limit(float64(perHour)/time.Hour.Seconds()), perHour)}
		if f.by == nil {
			f.by = map[string]*flood{}
		}
		f.by[sender] = s
	}
	if s.left.AllowN(now, 1) {
		return true, false
	}
	if tell = now.Sub(s.told) >= tellEvery; tell {
		s.told = now
	}
	return false, tell
}

// sweep forgets who may write as much as anybody, so that the memory is that of the traffic of a while.
func (f *floods) sweep(now time.Time) {
	if now.Sub(f.swept) < sweepEvery {
		return
	}
	f.swept = now
	for sender, s := range f.by {
		if s.left.TokensAt(now) >= float64(s.left.Burst()) && now.Sub(s.told) >= tellEvery {
			delete(f.by, sender)
		}
	}
}

// tooMany refuses what a sender writes beyond the limit; ok is false for everything else.
func (s *Stage) tooMany(t store.Turn) (r store.Result, ok bool) {
	if s.MaxPerHour <= 0 || t.Attempt > 1 { // a repeated turn has passed before
		return r, false
	}
	pass, tell := s.floods.pass(t.Conversation+" "+t.Message.User.ID, s.MaxPerHour, time.Now())
	const reason = "TOO_MANY_MESSAGES: the sender wrote more than runtime.max_messages_per_hour"
	switch {
	case pass:
		return r, false
	case tell:
		return s.answer(t, store.OutcomeRefused, reason, chat.Response{
			Status: chat.StatusWarning, Text: "These are more messages than I answer in an hour. Please try again later.",
		}), true
	}
	return silent(store.OutcomeRefused, reason, store.HopRefused), true
}
