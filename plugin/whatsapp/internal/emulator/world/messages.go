package world

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/outbound"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/template"
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

// Messages returns all messages, oldest first.
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
