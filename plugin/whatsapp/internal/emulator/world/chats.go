package world

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// The directions of a message.
const (
	FromUser = "from_user" // a phone wrote it
	ToUser   = "to_user"   // the business sent it
)

// The states of a message. One from a phone goes from sending to delivered, when the business has taken the
// webhook, and to read, when the business marked it. One to a phone goes through sent, delivered, read and,
// if somebody plays it, played; or it fails.
const (
	Sending      = "sending"
	Sent         = "sent"
	Delivered    = "delivered"
	Read         = "read"
	Played       = "played"
	Failed       = "failed"
	Dropped      = "dropped"
	NotDelivered = "not_delivered"
)

// How long things are.
const (
	WindowFor  = 24 * time.Hour
	TypingFor  = 25 * time.Second
	pairPeriod = 6 * time.Second
	pairBurst  = 45
)

// Chat is a conversation.
type Chat struct {
	ID          string    `json:"id"`
	Kind        string    `json:"kind"` // person or group
	LastInbound time.Time `json:"last_inbound,omitzero"`
	TypingUntil time.Time `json:"typing_until,omitzero"`
	PairFull    time.Time `json:"pair_full,omitzero"` // when the burst is whole again
}

// View is a chat as it is shown.
type View struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind"`
	User        string     `json:"user"`
	Typing      bool       `json:"typing"`
	TypingUntil *time.Time `json:"typing_until"`
	Window      Window     `json:"window"`
	Pair        Pair       `json:"pair"`
	Unread      int        `json:"unread"`
	Last        *Message   `json:"last"`
	Messages    []Message  `json:"messages,omitzero"`
	More        bool       `json:"more"`
}

// Window in which the business may write freely.
type Window struct {
	Open  bool       `json:"open"`
	Until *time.Time `json:"until"`
}

// Pair is the limit of messages to one person.
type Pair struct {
	Left   int        `json:"left"`
	Burst  int        `json:"burst"`
	FullAt *time.Time `json:"full_at"`
	NextAt *time.Time `json:"next_at"`
}

// chat returns that of a person or group, and makes it when it is not there.
func (w *World) chat(id, kind string) *Chat {
	c := w.chats[id]
	if c == nil {
		c = &Chat{ID: id, Kind: kind}
		w.chats[id] = c
		w.state.Chats = append(w.state.Chats, c)
	}
	return c
}

func (w *World) open(c *Chat) bool { return w.now().Before(c.LastInbound.Add(WindowFor)) }

func (w *World) view(c *Chat) View {
	now := w.now()
	v := View{ID: c.ID, Kind: c.Kind, User: w.userOf(c), Pair: pairOf(c, now)}
	if now.Before(c.TypingUntil) {
		until := c.TypingUntil
		v.Typing, v.TypingUntil = true, &until
	}
	if !c.LastInbound.IsZero() {
		until := c.LastInbound.Add(WindowFor)
		v.Window = Window{now.Before(until), &until}
	}
	for _, m := range slices.Backward(w.state.Messages) {
		if m.Chat != c.ID {
			continue
		}
		if v.Last == nil {
			last := *m
			v.Last = &last
		}
		if m.Direction == ToUser && m.State == Delivered {
			v.Unread++
		}
	}
	return v
}

func (w *World) userOf(c *Chat) string {
	if p := w.person(c.ID); p != nil && c.Kind == "person" {
		return p.Address()
	}
	return c.ID
}

func pairOf(c *Chat, now time.Time) Pair {
	p := Pair{Left: pairBurst, Burst: pairBurst}
	ahead := c.PairFull.Sub(now)
	if ahead <= 0 {
		return p
	}
	full := c.PairFull
	p.FullAt = &full
	p.Left = max(pairBurst-int((ahead+pairPeriod-1)/pairPeriod), 0)
	if p.Left == 0 {
		next := now.Add(ahead - (pairBurst-1)*pairPeriod)
		p.NextAt = &next
	}
	return p
}

// Chats returns all chats, the one with the newest message first, without their messages.
func (w *World) Chats() []View {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]View, 0, len(w.state.Chats))
	for _, c := range w.state.Chats {
		out = append(out, w.view(c))
	}
	seq := func(v View) int {
		if v.Last == nil {
			return 0
		}
		return v.Last.Seq
	}
	slices.SortStableFunc(out, func(a, b View) int { return cmp.Compare(seq(b), seq(a)) })
	return out
}

// ChatOf returns a chat with its newest messages, or those before one. The chat of somebody who has none is
// empty.
func (w *World) ChatOf(name string, limit int, before string) View {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.chats[w.chatID(name)]
	if g := w.group(name); c == nil && g != nil {
		v := w.view(&Chat{ID: g.ID, Kind: "group"})
		v.Messages = []Message{}
		return v
	}
	if c == nil {
		p := w.person(name)
		c = &Chat{ID: name, Kind: "person"}
		if p != nil {
			c.ID = p.ID
		}
		v := w.view(c)
		if p == nil {
			v.ID, v.User = "", name
		}
		v.Messages = []Message{}
		return v
	}
	v := w.view(c)
	if p := w.person(name); p != nil {
		v.User = pick(p.Phone != "" || p.UserID != "", p.Address())
	}
	v.Messages = []Message{}
	skip := before != ""
	for _, m := range slices.Backward(w.state.Messages) {
		if m.Chat != c.ID {
			continue
		}
		if skip {
			skip = m.ID != before
			continue
		}
		if len(v.Messages) == limit {
			v.More = true
			break
		}
		v.Messages = append(v.Messages, *m)
	}
	slices.Reverse(v.Messages)
	return v
}

func (w *World) chatID(name string) string {
	if w.group(name) != nil {
		return name
	}
	if p := w.person(name); p != nil {
		return p.ID
	}
	return name // what went to somebody whom nobody is
}

// Truncate forgets a message and all after it in its chat.
func (w *World) Truncate(name, from string) (ids []string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.byID[from]
	if m == nil || m.Chat != w.chatID(name) {
		return nil, fmt.Errorf("%w: the chat has no message %.80q", ErrUnknown, from)
	}
	c := w.chats[m.Chat]
	c.TypingUntil, c.LastInbound = time.Time{}, time.Time{}
	w.state.Messages = slices.DeleteFunc(w.state.Messages, func(o *Message) bool {
		gone := o.Chat == m.Chat && o.Seq >= m.Seq
		switch {
		case gone:
			ids = append(ids, o.ID)
			delete(w.byID, o.ID)
		case o.Chat == m.Chat && o.Direction == FromUser:
			c.LastInbound = o.At
		}
		return gone
	})
	w.tell("removed", map[string]any{"chat": c.ID, "ids": ids})
	w.tell("chat", w.view(c))
	return ids, nil
}

func (w *World) removeChat(id string) {
	w.state.Messages = slices.DeleteFunc(w.state.Messages, func(m *Message) bool {
		if m.Chat == id {
			delete(w.byID, m.ID)
		}
		return m.Chat == id
	})
	delete(w.chats, id)
	w.state.Chats = slices.DeleteFunc(w.state.Chats, func(c *Chat) bool { return c.ID == id })
}
