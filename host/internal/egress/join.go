package egress

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

const (
	joinMost  = 20   // deliveries that go out in one message
	joinChars = 1000 // of their text, when the platform does not say what it takes
	between   = "\n\n"
)

// join takes the deliveries that wait right behind one into the same message, since the recipient takes hardly
// any more for now. Only plain texts that look alike are joined, and no more than fit into one message. What
// was joined once and refused is sent one by one.
func (s *Stage) join(d store.Delivery, limits chat.Limits) (whole store.Delivery, with []store.Delivery) {
	if !plain(d.Response) || d.PartsSent > 0 || s.alone.has(d.Conversation) {
		return d, nil
	}
	room := int(limits.TextMax)
	if room == 0 {
		room = joinChars
	}
	// Markup may grow when it is rendered, and so may a sign before the text.
	room -= room / 10
	ctx, cancel := context.WithTimeout(s.work, claimTimeout)
	defer cancel()
	size := utf8.RuneCountInString(d.Response.Text)
	sizes := map[string]int{} // the store may ask about the same ones again
	with, err := s.Outbox.Join(ctx, s.Owner, d, joinMost, func(o store.Delivery) bool {
		if o.PartsSent > 0 || !plain(o.Response) || !alike(d, o) {
			return false
		}
		if sizes[o.ID] == 0 {
			size += len(between) + utf8.RuneCountInString(o.Response.Text)
			sizes[o.ID] = size
		}
		return sizes[o.ID] <= room
	})
	if err != nil {
		s.Logger.Warn("no answers could be joined", "delivery", d.ID, "err", err)
		return d, nil
	}
	texts := []string{d.Response.Text}
	for _, o := range with {
		texts = append(texts, o.Response.Text)
	}
	d.Response.Text = strings.Join(texts, between)
	return d, with
}

// plain reports whether an answer is a text and nothing else.
func plain(r chat.Response) bool {
	r.Metadata = chat.KeepTraceparent(context.Background(), r.Metadata) // of no interest to the reader
	text := chat.Response{Text: r.Text, Format: r.Format, Status: r.Status, ThreadID: r.ThreadID}
	return strings.TrimSpace(r.Text) != "" && reflect.DeepEqual(r, text)
}

// alike reports whether two texts may stand in one message.
func alike(a, b store.Delivery) bool {
	x, y := a.Response, b.Response
	return x.Format == y.Format && x.Status == y.Status && x.ThreadID == y.ThreadID && a.ChannelID == b.ChannelID &&
		a.Account == b.Account && a.Agent == b.Agent
}

// aloneFor is how long a chat whose joined message was refused gets its messages one by one.
const aloneFor = 10 * time.Minute

// lonely are the chats whose messages are not joined for now.
type lonely struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (l *lonely) add(conversation string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for c, t := range l.until {
		if t.Before(now) {
			delete(l.until, c)
		}
	}
	if l.until == nil {
		l.until = map[string]time.Time{}
	}
	l.until[conversation] = now.Add(aloneFor)
}

func (l *lonely) has(conversation string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(l.until[conversation])
}
