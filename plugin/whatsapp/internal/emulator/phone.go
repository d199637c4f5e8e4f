package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
)

// ErrBusy says that too many webhooks wait for the daemon.
var ErrBusy = errors.New("too many webhooks wait for the daemon, or the emulator is closed")

// The kinds of what a phone sends.
const (
	TypedText   = "text"
	TappedReply = "button_reply"
	TappedRow   = "list_reply"
)

// Typed is what somebody typed or tapped on a phone, the body of POST /_emulator/send.
type Typed struct {
	From string `json:"from"`
	Name string `json:"name,omitempty"` // the profile's; empty takes that of the settings
	Type string `json:"type"`           // text, button_reply or list_reply
	Text string `json:"text,omitempty"`
	// ReplyID, Title and Description are those of the button or the row. On a text, which has no such id,
	// ReplyID is another name for MessageID.
	ReplyID     string `json:"id,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	// Context is the message that the button is on, or that a text quotes.
	Context string `json:"context,omitempty"`
	// MessageID forces the id of the message, to post a duplicate; empty makes a new one.
	MessageID string `json:"message_id,omitempty"`
	// Timestamp, in Unix seconds, forces when it was sent; 0 is now.
	Timestamp int64 `json:"timestamp,omitempty"`
}

// inbound is a message as a webhook carries it.
type inbound struct {
	Context     *inboundContext     `json:"context,omitempty"`
	From        string              `json:"from,omitempty"`
	FromUserID  string              `json:"from_user_id,omitempty"`
	ID          string              `json:"id"`
	Timestamp   string              `json:"timestamp"`
	Type        string              `json:"type"`
	Text        *inboundText        `json:"text,omitempty"`
	Interactive *inboundInteractive `json:"interactive,omitempty"`
}

type inboundContext struct {
	From string `json:"from"`
	ID   string `json:"id"`
}

type inboundText struct {
	Body string `json:"body"`
}

type inboundInteractive struct {
	Type        string `json:"type"`
	ButtonReply *tap   `json:"button_reply,omitempty"`
	ListReply   *tap   `json:"list_reply,omitempty"`
}

type tap struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

func (t Typed) check() error {
	switch {
	case !isUser(t.From):
		return fmt.Errorf("from %.40q is no phone number in digits, with the country code", t.From)
	case t.Type == TypedText && t.Text == "":
		return errors.New("text is empty")
	case t.Type == TypedText && length(t.Text) > maxText:
		return fmt.Errorf("text is longer than the %d characters that a phone sends", maxText)
	case t.Type == TypedText:
		return nil
	case t.Type != TappedReply && t.Type != TappedRow:
		return fmt.Errorf("type %.40q is none of %s, %s, %s", t.Type, TypedText, TappedReply, TappedRow)
	case t.ReplyID == "" || t.Title == "":
		return fmt.Errorf("%s needs an id and a title", t.Type)
	}
	return nil
}

// Send sends what somebody typed or tapped, and returns the id of the message. The webhook is posted after
// the call returns.
func (e *Emulator) Send(t Typed) (id string, err error) {
	if err := t.check(); err != nil {
		return "", err
	}
	if t.Type == TypedText && t.MessageID == "" {
		t.MessageID = t.ReplyID
	}
	if t.Name == "" {
		t.Name = e.settings.UserName
	}
	if !e.lanes.take() {
		return "", ErrBusy
	}
	m, err := e.write(t)
	if err != nil {
		e.lanes.leave()
		return "", err
	}
	body := e.envelope(value{
		Contacts: []contact{contactOf(t.From, t.Name)}, Messages: []json.RawMessage{m.Body},
	})
	e.lanes.inOrder(t.From, func() { e.deliver(m.ID, body) })
	return m.ID, nil
}

// write makes the message and puts it into the chat. One whose id is there goes out again as it was.
func (e *Emulator) write(t Typed) (Message, error) {
	id, at := t.MessageID, time.Now().UTC()
	if id == "" {
		id = newID()
	}
	if t.Timestamp != 0 {
		at = time.Unix(t.Timestamp, 0).UTC()
	}
	in := inbound{ID: id, Timestamp: strconv.FormatInt(at.Unix(), 10), Type: "interactive", From: t.From}
	if address.IsUserID(t.From) {
		in.From, in.FromUserID = "", t.From
	}
	if t.Context != "" {
		in.Context = &inboundContext{From: e.settings.DisplayNumber, ID: t.Context}
	}
	switch t.Type {
	case TypedText:
		in.Type, in.Text = "text", &inboundText{t.Text}
	case TappedReply:
		in.Interactive = &inboundInteractive{Type: t.Type, ButtonReply: &tap{ID: t.ReplyID, Title: t.Title}}
	case TappedRow:
		in.Interactive = &inboundInteractive{Type: t.Type, ListReply: &tap{t.ReplyID, t.Title, t.Description}}
	}
	m, added := e.history.add(Message{
		ID: id, User: t.From, Direction: FromUser, At: at, State: StateSending, Body: plainJSON(in),
	})
	if !added && (m.Direction != FromUser || m.User != t.From) {
		return Message{}, fmt.Errorf("message_id %.80q is a message of somebody else", id)
	}
	e.hub.changed()
	return m, nil
}

func (e *Emulator) deliver(id string, body []byte) {
	err := e.post(body, "the message "+id, func() { e.history.posted(id) })
	if err != nil {
		e.history.advance(id, StateNotDelivered, err.Error())
	} else {
		e.history.advance(id, StateDelivered, "")
	}
	e.hub.changed()
}

// Chat returns the conversation with a user, as far as it is kept.
func (e *Emulator) Chat(user string) Chat { return e.history.chat(user, time.Now()) }
