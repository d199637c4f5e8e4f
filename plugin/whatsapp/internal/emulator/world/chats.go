package world

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/outbound"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/template"
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

// Status is a step that a message took.
type Status struct {
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

// Problem is why a message failed.
type Problem struct {
	Code    int    `json:"code"`
	Title   string `json:"title"`
	Details string `json:"details"`
}

// Message is one message of a chat.
type Message struct {
	ID        string           `json:"id"`
	Chat      string           `json:"chat"`
	User      string           `json:"user"` // number or user id of the person; the id of a group
	From      string           `json:"from"` // id of the person, or "business"
	Direction string           `json:"direction"`
	At        time.Time        `json:"at"`
	State     string           `json:"state"`
	Problem   string           `json:"problem,omitempty"` // why it is not delivered, in words
	Error     *Problem         `json:"error"`
	Posts     int              `json:"posts,omitempty"` // of the webhook of a message from a phone
	Seq       int              `json:"seq"`
	Statuses  []Status         `json:"statuses"`
	Edited    bool             `json:"edited"`
	Revoked   bool             `json:"revoked"`
	Used      string           `json:"used,omitempty"`
	Template  *template.Filled `json:"template"`
	Category  string           `json:"category,omitempty"` // of the price
	Callback  string           `json:"callback,omitempty"`
	Body      json.RawMessage  `json:"body"` // as in the Graph API or in the webhook
	// Readers have read a message to a group.
	Readers []string `json:"readers,omitempty"`
}

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

// Message returns one.
func (w *World) Message(id string) (Message, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.byID[id]
	if m == nil {
		return Message{}, false
	}
	return *m, true
}

// Messages calls do with each message, oldest first, and without the lock.
func (w *World) Messages() []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Message, len(w.state.Messages))
	for i, m := range w.state.Messages {
		out[i] = *m
	}
	return out
}

// add keeps a message and forgets the oldest when there are too many.
func (w *World) add(m *Message) {
	for len(w.state.Messages) >= w.bounds.Messages {
		old := w.state.Messages[0]
		delete(w.byID, old.ID)
		w.state.Messages = w.state.Messages[1:]
		w.forgotten = true
		w.tell("removed", map[string]any{"chat": old.Chat, "ids": []string{old.ID}})
	}
	w.state.NextSeq++
	m.Seq = w.state.NextSeq
	if m.Statuses == nil {
		m.Statuses = []Status{}
	}
	w.state.Messages = append(w.state.Messages, m)
	w.byID[m.ID] = m
	w.changed(m)
}

// changed tells of a message and of its chat.
func (w *World) changed(m *Message) {
	w.tell("message", *m)
	if c := w.chats[m.Chat]; c != nil {
		v := w.view(c)
		w.tell("chat", v)
	}
}

// change changes a message; it does nothing when there is none.
func (w *World) change(id string, do func(*Message)) {
	if m := w.byID[id]; m != nil {
		do(m)
		w.changed(m)
	}
}

// Change changes a message.
func (w *World) Change(id string, do func(*Message)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.change(id, do)
}

var ranks = []string{NotDelivered, Sending, Sent, Delivered, Read, Played}

// step moves a message on; a state never goes back.
func (m *Message) step(state string, at time.Time) {
	if m.State == Sending || slices.Index(ranks, state) > slices.Index(ranks, m.State) {
		m.State = state
	}
	m.Statuses = append(m.Statuses, Status{state, at})
}

// Advance moves a message to the business or to a phone one step on, and returns when that was. ok is false
// when there is no such message any more.
func (w *World) Advance(id, state string) (m Message, at time.Time, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := w.byID[id]
	if kept == nil {
		return m, at, false
	}
	at = w.now()
	kept.step(state, at)
	w.changed(kept)
	if kept.Direction == ToUser {
		w.count(func(c *Counters) {
			switch state {
			case Sent:
				c.Sent++
			case Delivered:
				c.Delivered++
			case Read:
				c.Read++
			}
		})
	}
	return *kept, at, true
}

// Fail ends a message to a phone.
func (w *World) Fail(id string, p Problem) (m Message, at time.Time, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := w.byID[id]
	if kept == nil {
		return m, at, false
	}
	at = w.now()
	kept.State, kept.Error, kept.Problem = Failed, &p, p.Title
	kept.Statuses = append(kept.Statuses, Status{Failed, at})
	w.changed(kept)
	w.count(func(c *Counters) { c.Failed++ })
	return *kept, at, true
}

// Posted counts a try of the webhook of a message.
func (w *World) Posted(id string) {
	w.Change(id, func(m *Message) { m.Posts++ })
}

// Taken says that the business has taken the webhook of a message, or why it has not.
func (w *World) Taken(id, problem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.byID[id]
	if m == nil {
		return
	}
	if problem != "" {
		if m.State == Sending {
			m.State, m.Problem = NotDelivered, problem
		}
		w.changed(m)
		return
	}
	m.Problem = ""
	if m.State == NotDelivered {
		m.State = Sending
	}
	m.step(Delivered, w.now())
	w.changed(m)
}

// MarkRead marks a message of a phone and all before it in its chat; the business did that. ok is false
// when there is no such message.
func (w *World) MarkRead(r outbound.Read) (ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.byID[r.MessageID]
	if m == nil {
		return w.forgotten
	}
	if m.Direction != FromUser || w.now().Sub(m.At) > 30*24*time.Hour || w.chats[m.Chat] == nil || w.chats[m.Chat].Kind == "group" {
		return false
	}
	c := w.chats[m.Chat]
	if r.Typing {
		c.TypingUntil = w.now().Add(TypingFor)
	}
	for _, o := range w.state.Messages {
		if o.Chat == m.Chat && o.Direction == FromUser && o.State != NotDelivered && o.State != Read {
			o.step(Read, w.now())
			o.Problem = ""
			w.tell("message", *o)
		}
		if o == m {
			break
		}
	}
	w.tell("chat", w.view(c))
	return true
}

// TellChat tells of a chat whose time changed something: a window that closed, or typing that ended.
func (w *World) TellChat(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.chats[id]; c != nil {
		w.tell("chat", w.view(c))
	}
}

// Unread returns the delivered messages of a chat up to one, or all, that somebody has not read.
func (w *World) Unread(chat, upTo, reader string) (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.state.Messages {
		if m.Chat == chat && m.Direction == ToUser && !slices.Contains(m.Readers, reader) && m.readable() {
			ids = append(ids, m.ID)
		}
		if m.ID == upTo {
			break
		}
	}
	return ids
}

func (m *Message) readable() bool {
	return m.State == Delivered || m.State == Sent && len(m.Statuses) > 0 || m.State == Read && m.Readers != nil
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
