package emulator

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// The directions of a message.
const (
	FromUser = "from_user" // the phone wrote it
	ToUser   = "to_user"   // the business sent it
)

// The states of a message. One from the phone goes from sending to delivered, when the daemon has taken
// the webhook, and to read, when the daemon marked it. One to the phone goes through sent, delivered and
// read.
const (
	StateSending      = "sending"
	StateSent         = "sent"
	StateDelivered    = "delivered"
	StateRead         = "read"
	StateNotDelivered = "not_delivered"
)

// typingFor is how long the phone shows that the business writes.
const typingFor = 25 * time.Second

// Message is one message of a chat.
type Message struct {
	ID        string          `json:"id"`
	User      string          `json:"user"`
	Direction string          `json:"direction"`
	At        time.Time       `json:"at"`
	State     string          `json:"state"`
	Problem   string          `json:"problem,omitempty"` // why it is not delivered
	Posts     int             `json:"posts,omitempty"`   // of the webhook of a message from the phone
	Body      json.RawMessage `json:"body"`              // as in the Graph API or in the webhook
}

// Chat is a conversation, oldest message first.
type Chat struct {
	User     string    `json:"user"`
	Typing   bool      `json:"typing"` // the business shows that it writes
	Messages []Message `json:"messages"`
}

// history keeps the newest messages of all chats.
type history struct {
	mu       sync.Mutex
	max      int
	messages []*Message
	byID     map[string]*Message
	typing   map[string]time.Time // until when, by user
	dropped  bool                 // some message was, so an unknown id may have been right
}

func newHistory(most int) *history {
	return &history{max: most, byID: map[string]*Message{}, typing: map[string]time.Time{}}
}

// add keeps a message. An id that is there stays as it was, and so does its time; added is false then.
func (h *history) add(m Message) (kept Message, added bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := h.byID[m.ID]; old != nil {
		return *old, false
	}
	if len(h.messages) >= h.max {
		delete(h.byID, h.messages[0].ID)
		h.messages = h.messages[1:]
		h.dropped = true
	}
	h.messages = append(h.messages, &m)
	h.byID[m.ID] = &m
	if m.Direction == ToUser {
		delete(h.typing, m.User)
	}
	return m, true
}

var ranks = []string{StateNotDelivered, StateSending, StateSent, StateDelivered, StateRead}

// advance moves a message on; a state never goes back.
func (h *history) advance(id, state, problem string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.byID[id]
	if m == nil {
		return
	}
	if m.State == StateSending || slices.Index(ranks, state) > slices.Index(ranks, m.State) {
		m.State, m.Problem = state, problem
	}
}

// posted counts a webhook that carried a message.
func (h *history) posted(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.byID[id]; m != nil {
		m.Posts++
	}
}

// read marks a message of the phone and all before it in its chat. ok is false when there is none.
func (h *history) read(id string, typing bool, now time.Time) (ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.byID[id]
	if m == nil {
		return h.dropped
	}
	if m.Direction != FromUser {
		return false
	}
	if typing {
		maps.DeleteFunc(h.typing, func(_ string, until time.Time) bool { return until.Before(now) })
		h.typing[m.User] = now.Add(typingFor)
	}
	for _, o := range h.messages {
		if o.User == m.User && o.Direction == FromUser && o.State != StateNotDelivered {
			o.State, o.Problem = StateRead, ""
		}
		if o == m {
			break
		}
	}
	return true
}

func (h *history) chat(user string, now time.Time) Chat {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := Chat{User: user, Messages: []Message{}}
	if until, ok := h.typing[user]; ok {
		c.Typing = now.Before(until)
		if !c.Typing {
			delete(h.typing, user)
		}
	}
	for _, m := range h.messages {
		if m.User == user {
			c.Messages = append(c.Messages, *m)
		}
	}
	return c
}
