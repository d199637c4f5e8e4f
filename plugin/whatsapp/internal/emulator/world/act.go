package world

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/phone"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/template"
)

// Done is what somebody did on a phone.
type Done struct {
	Message Message // its body is that of the webhook
	Person  Person
	Known   bool // the message was there: it goes out again
}

// How long somebody may change what was sent.
const (
	editFor   = 15 * time.Minute
	revokeFor = 48 * time.Hour
)

// Act does what somebody does on a phone. link returns the address of a file, for the webhook.
func (w *World) Act(a phone.Action, link func(Media) string) (d Done, err error) {
	if a.Type == phone.Text && a.MessageID == "" {
		a.MessageID = a.ID
	}
	if err := a.Check(); err != nil {
		return d, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p, err := w.actor(&a)
	if err != nil {
		return d, err
	}
	d.Person = *p
	c, err := w.chatFor(&a, p)
	if err != nil {
		return d, err
	}
	if old := w.byID[a.MessageID]; old != nil {
		if old.Direction != FromUser || old.From != p.ID {
			return d, fmt.Errorf("message_id %.80q is a message of somebody else", a.MessageID)
		}
		d.Message, d.Known = *old, true
		return d, nil
	}
	s, err := w.setting(&a, p, c, link)
	if err != nil {
		return d, err
	}
	body, err := phone.Build(&a, s)
	if err != nil {
		return d, err
	}
	m := &Message{
		ID: s.ID, Chat: c.ID, User: w.userOf(c), From: p.ID, Direction: FromUser, At: s.At, State: Sending, Body: body,
	}
	if p.Barred {
		m.State, m.Problem = NotDelivered, "the business has blocked this person: it hears nothing"
		w.add(m)
		d.Message = *m
		return d, nil
	}
	w.effect(&a)
	c.LastInbound = later(c.LastInbound, s.At)
	w.sends = append(w.sends, w.now())
	w.add(m)
	w.count(func(c *Counters) { c.Typed++ })
	d.Message = *m
	return d, nil
}

// actor finds who acts; somebody whom nobody created comes to be.
func (w *World) actor(a *phone.Action) (*Person, error) {
	a.From = strings.TrimPrefix(a.From, "+")
	p := w.person(a.From)
	if p == nil {
		if !IsUser(a.From) {
			return nil, fmt.Errorf("from %.40q is nobody's id and no phone number in digits, with the country code", a.From)
		}
		fresh := Fresh()
		if fresh.Phone = a.From; strings.Contains(a.From, ".") {
			fresh.Phone, fresh.UserID = "", a.From
		}
		var err error
		if p, err = w.addPerson(fresh); err != nil {
			return nil, err
		}
	}
	if a.Name != "" && a.Name != p.Name {
		p.Name = a.Name
		w.tell("person", *p)
	}
	if !p.OnWhatsApp {
		return nil, fmt.Errorf("%w: %s is not on WhatsApp", ErrState, p.ID)
	}
	return p, nil
}

func (w *World) chatFor(a *phone.Action, p *Person) (*Chat, error) {
	if a.Group == "" {
		return w.chat(p.ID, "person"), nil
	}
	g := w.group(a.Group)
	switch {
	case g == nil:
		return nil, fmt.Errorf("%w: no group has the id %.80q", ErrUnknown, a.Group)
	case !slices.Contains(g.People, p.ID):
		return nil, fmt.Errorf("%w: %s is not in the group", ErrState, p.ID)
	}
	return w.chat(g.ID, "group"), nil
}

// setting looks up what the action refers to.
func (w *World) setting(a *phone.Action, p *Person, c *Chat, link func(Media) string) (s phone.Setting, err error) {
	s = phone.Setting{
		ID: a.MessageID, At: w.now(), Phone: p.Shown(), Group: a.Group, Author: w.Business.DisplayNumber, FullName: nameOf(p),
	}
	if w.state.Settings.UserIDs || s.Phone == "" {
		s.UserID = p.UserID
	}
	if s.ID == "" {
		s.ID = w.newID()
	}
	if a.Timestamp != 0 {
		s.At = time.Unix(a.Timestamp, 0).UTC()
	}
	if a.Media != "" {
		if s.File, err = w.attach(a, link); err != nil {
			return s, err
		}
	}
	if a.SharedNumber && p.Phone == "" {
		return s, fmt.Errorf("%w: %s has no number to share", ErrState, p.ID)
	}
	if a.SharedNumber {
		s.Phone = p.Phone // that is the point of it
	}
	if a.Type == phone.Tap {
		if err := w.find(a, c); err != nil {
			return s, err
		}
	}
	on := w.byID[a.Context]
	if a.Type == phone.Reaction && a.Reacted != "" {
		on = w.byID[a.Reacted]
	}
	if on != nil && on.Chat != c.ID {
		return s, fmt.Errorf("%w: message %.80q is of another chat", ErrState, a.Context)
	}
	if on != nil && on.Direction == FromUser {
		if author := w.person(on.From); author != nil {
			s.Author = author.Shown()
		}
	}
	return s, w.possible(a, p, on, &s)
}

func nameOf(p *Person) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Address()
}

func (w *World) attach(a *phone.Action, link func(Media) string) (*phone.File, error) {
	m := w.files[a.Media]
	if m == nil {
		return nil, fmt.Errorf("%w: no media has the id %.40q: put it up at /_emulator/media first", ErrUnknown, a.Media)
	}
	sum, _ := hex.DecodeString(m.SHA256)
	contentType := m.Type
	if IsOpus(m.Type, m.Data) {
		contentType = "audio/ogg; codecs=opus"
	}
	return &phone.File{
		ID: m.ID, Type: contentType, SHA256: base64.StdEncoding.EncodeToString(sum), Filename: m.Filename, URL: link(*m),
		Opus: IsOpus(m.Type, m.Data), Animated: animated(m.Data),
	}, nil
}

// possible says why a phone could not do it.
func (w *World) possible(a *phone.Action, p *Person, on *Message, s *phone.Setting) error {
	switch a.Type {
	case phone.Edit, phone.Revoke:
		most := map[string]time.Duration{phone.Edit: editFor, phone.Revoke: revokeFor}[a.Type]
		switch {
		case on == nil || on.Direction != FromUser || on.From != p.ID:
			return fmt.Errorf("%w: context %.80q is no message that %s sent", ErrUnknown, a.Context, p.ID)
		case on.Revoked || w.now().Sub(on.At) > most:
			return fmt.Errorf("%w: the message is gone, or older than %v", ErrState, most)
		}
		s.Original = on.Body
	case phone.ButtonReply, phone.ListReply, phone.Button:
		if on == nil {
			return nil // forgotten, or of another time
		}
		o, ok := pickOption(on, a.ID, a.Title)
		if a.Type == phone.Button {
			o, ok = pickOption(on, a.Payload, a.Text)
		}
		switch {
		case !ok || o.kind != a.Type:
			return fmt.Errorf("%w: the message has no such button or row", ErrState)
		case on.Used != "" && o.kind != phone.ListReply:
			return fmt.Errorf("%w: a button of the message was tapped already", ErrState)
		}
	}
	return nil
}

// option is what can be tapped.
type option struct{ kind, id, title, description string }

// find turns a tap into the reply that it is.
func (w *World) find(a *phone.Action, c *Chat) error {
	for _, m := range slices.Backward(w.state.Messages) {
		if m.Chat != c.ID || m.Direction != ToUser || a.Context != "" && m.ID != a.Context {
			continue
		}
		if o, ok := pickOption(m, a.ID, a.Title); ok {
			a.Context, a.Type, a.ID, a.Title, a.Description = m.ID, o.kind, o.id, o.title, o.description
			if o.kind == phone.Button {
				a.Payload, a.Text = o.id, o.title
			}
			return nil
		}
	}
	return fmt.Errorf("%w: no message of the chat has a button or row with that title or id", ErrState)
}

func pickOption(m *Message, id, title string) (option, bool) {
	os := options(m)
	i := slices.IndexFunc(os, func(o option) bool {
		return (id == "" || o.id == id) && (title == "" || o.title == title)
	})
	if i < 0 {
		return option{}, false
	}
	return os[i], true
}

// options are the buttons and rows of a message.
func options(m *Message) (os []option) {
	type titled struct {
		ID          string `json:"id"`
		Title       string `json:"title"`
		Description string `json:"description"`
	}
	type buttons []struct {
		Reply titled `json:"reply"`
		Quick titled `json:"quick_reply"`
	}
	var b struct {
		Interactive struct {
			Action struct {
				Buttons  buttons `json:"buttons"`
				Sections []struct {
					Rows []titled `json:"rows"`
				} `json:"sections"`
				Cards []struct {
					Action struct {
						Buttons buttons `json:"buttons"`
					} `json:"action"`
				} `json:"cards"`
			} `json:"action"`
		} `json:"interactive"`
	}
	_ = json.Unmarshal(m.Body, &b) // another shape has no options
	action := b.Interactive.Action
	for _, x := range action.Buttons {
		os = append(os, option{phone.ButtonReply, x.Reply.ID, x.Reply.Title, ""})
	}
	for _, s := range action.Sections {
		for _, r := range s.Rows {
			os = append(os, option{phone.ListReply, r.ID, r.Title, r.Description})
		}
	}
	for _, c := range action.Cards {
		for _, x := range c.Action.Buttons {
			os = append(os, option{phone.ButtonReply, x.Quick.ID, x.Quick.Title, ""})
		}
	}
	if m.Template != nil {
		for _, f := range append([]template.Filled{*m.Template}, m.Template.Cards...) {
			for _, x := range f.Buttons {
				if x.Type == "quick_reply" {
					os = append(os, option{phone.Button, x.Payload, x.Text, ""})
				}
			}
		}
	}
	return os
}

// effect is what the action does to other messages.
func (w *World) effect(a *phone.Action) {
	switch a.Type {
	case phone.ButtonReply:
		w.change(a.Context, func(m *Message) { m.Used = a.ID })
	case phone.Button:
		w.change(a.Context, func(m *Message) { m.Used = a.Payload })
	case phone.Revoke:
		w.change(a.Context, func(m *Message) { m.Revoked = true })
	case phone.Edit:
		w.change(a.Context, func(m *Message) { m.Edited, m.Body = true, edited(m.Body, a) })
	}
}

// edited returns the body with its new words.
func edited(body json.RawMessage, a *phone.Action) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(body, &m) != nil {
		return body
	}
	var kind string
	_ = json.Unmarshal(m["type"], &kind)
	var part map[string]any
	if json.Unmarshal(m[kind], &part) != nil {
		return body
	}
	if kind == phone.Text {
		part["body"] = a.Text
	} else if part["caption"] = a.Caption; a.Caption == "" {
		part["caption"] = a.Text
	}
	m[kind] = phone.Plain(part)
	return phone.Plain(m)
}
