package outbound

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

// product is what Meta calls the thing in all bodies.
const product = "whatsapp"

// Message is a body whose shape is right.
type Message struct {
	Raw json.RawMessage
	// Read is a call that marks a message as read, and sends nothing.
	Read *Read

	Input    string // whom it is for, as the body says it
	To       string // phone number in digits; empty when it goes by user id or to a group
	UserID   string // recipient, or a user id that stands in "to"
	InTo     bool   // the user id stands in "to", where Meta takes it for a number
	Group    string
	Type     string
	Kinds    []string // type, and what is in it: interactive, button
	Quotes   string   // id of the message that it answers
	Callback string
	KeyHash  string
	Media    []Media
	Reaction *Reaction
	Template *Template
	Pin      *Pin
	Warnings []string
}

// Read marks a message and all before it as read.
type Read struct {
	MessageID string
	Typing    bool
}

// Media is a file that a message refers to, by id or by link.
type Media struct {
	Kind  string // image, video, audio, document, sticker
	ID    string
	Link  string
	Voice bool
}

// Reaction to a message.
type Reaction struct {
	MessageID string
	Emoji     string
}

// Pin of a message in a group.
type Pin struct {
	MessageID string
	Unpin     bool
	Days      int
}

// body is what may stand in a body. The parts of the types stay raw until the type has said which one
// counts.
type body struct {
	Product       string          `json:"messaging_product"`
	RecipientType string          `json:"recipient_type"`
	To            string          `json:"to"`
	Recipient     string          `json:"recipient"`
	KeyHash       string          `json:"recipient_identity_key_hash"`
	Context       *quote          `json:"context"`
	CallbackData  string          `json:"biz_opaque_callback_data"`
	Type          string          `json:"type"`
	Status        string          `json:"status"`
	MessageID     string          `json:"message_id"`
	Typing        *typing         `json:"typing_indicator"`
	Text          json.RawMessage `json:"text"`
	Image         json.RawMessage `json:"image"`
	Video         json.RawMessage `json:"video"`
	Audio         json.RawMessage `json:"audio"`
	Document      json.RawMessage `json:"document"`
	Sticker       json.RawMessage `json:"sticker"`
	Location      json.RawMessage `json:"location"`
	Contacts      json.RawMessage `json:"contacts"`
	Reaction      json.RawMessage `json:"reaction"`
	Interactive   json.RawMessage `json:"interactive"`
	Template      json.RawMessage `json:"template"`
	Pin           json.RawMessage `json:"pin"`
}

type quote struct {
	MessageID string `json:"message_id"`
}

type typing struct {
	Type string `json:"type"`
}

// parts are the members that a type may name.
func (b *body) parts() map[string]json.RawMessage {
	return map[string]json.RawMessage{
		"text": b.Text, "image": b.Image, "video": b.Video, "audio": b.Audio, "document": b.Document,
		"sticker": b.Sticker, "location": b.Location, "contacts": b.Contacts, "reaction": b.Reaction,
		"interactive": b.Interactive, "template": b.Template, "pin": b.Pin,
	}
}

// Parse reads a body. Its error is a *refusal.Refusal. Lenient turns members that Meta does not name into
// warnings.
func Parse(raw []byte, lenient bool) (*Message, error) {
	r := &reader{lenient: lenient}
	var b body
	if err := r.decode(raw, &b, "messages"); err != nil {
		return nil, err
	}
	if err := r.exactKeys(raw); err != nil {
		return nil, err
	}
	switch {
	case b.Product == "":
		return nil, refusal.Parameter("The parameter messaging_product is required.")
	case b.Product != product:
		return nil, refusal.Parameter("Param messaging_product must be one of {WHATSAPP} - got %.40q.", b.Product)
	case b.Status != "" && b.To == "" && b.Recipient == "" && b.Type == "":
		read, err := b.read()
		return &Message{Raw: raw, Read: read, Warnings: r.warnings}, err
	}
	m := &Message{Raw: raw, Callback: b.CallbackData, KeyHash: b.KeyHash}
	for _, check := range []func(*Message) error{b.recipient, b.common, func(m *Message) error { return r.part(&b, m) }} {
		if err := check(m); err != nil {
			return nil, err
		}
	}
	m.Media, m.Kinds, m.Warnings = r.media, append([]string{m.Type}, r.kinds...), append(m.Warnings, r.warnings...)
	return m, m.forGroup()
}

// read is the call that turns the ticks of the user's messages blue.
func (b *body) read() (*Read, error) {
	switch {
	case b.Status != "read":
		return nil, refusal.Parameter("Param status must be one of {read} - got %.40q.", b.Status)
	case b.MessageID == "":
		return nil, refusal.Parameter("The parameter message_id is required.")
	case b.Typing != nil && b.Typing.Type != "text":
		return nil, refusal.Parameter("Param typing_indicator['type'] must be one of {text} - got %.40q.", b.Typing.Type)
	}
	return &Read{b.MessageID, b.Typing != nil}, nil
}

func (b *body) recipient(m *Message) error {
	m.Input = b.To
	switch {
	case b.RecipientType == "group":
		if b.To == "" {
			return refusal.Parameter("The parameter to is required.")
		}
		m.Group = b.To
		return nil
	case b.RecipientType != "" && b.RecipientType != "individual":
		return refusal.Parameter("Param recipient_type must be one of {individual, group} - got %.40q.", b.RecipientType)
	case b.To == "" && b.Recipient == "":
		return refusal.Parameter("The parameter to is required.")
	case b.To == "" && !address.IsUserID(b.Recipient):
		return refusal.Parameter("Param recipient %.40q is not a user id", b.Recipient)
	case b.To == "":
		m.UserID, m.Input = b.Recipient, b.Recipient
		return nil
	case address.IsUserID(b.To): // taken, and never seen again
		m.UserID, m.InTo = b.To, true
		return nil
	}
	digits, ok := dialled(b.To)
	if !ok {
		return refusal.Parameter("Param to %.40q is not a phone number", b.To)
	}
	m.To = digits
	if !strings.HasPrefix(b.To, "+") {
		m.Warnings = append(m.Warnings, "to has no +: Meta may put the country code of the business before it")
	}
	return nil
}

// dialled returns the digits of a phone number as people write it.
func dialled(to string) (digits string, ok bool) {
	digits = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(strings.TrimPrefix(to, "+"))
	return digits, address.IsDigits(digits) && len(digits) >= 7 && len(digits) <= 15
}

// common checks what does not depend on the type.
func (b *body) common(m *Message) error {
	if b.Type == "" {
		b.Type = "text" // the one type that may be left out
	}
	m.Type = b.Type
	parts := b.parts()
	if _, known := parts[b.Type]; !known {
		return refusal.Parameter("Param type must be one of {%s} - got %.40q.",
			strings.Join(slices.Sorted(maps.Keys(parts)), ", "), b.Type)
	}
	for name, part := range parts {
		if name != b.Type && !absent(part) {
			return refusal.Parameter("Unexpected key %q on a message of type %s", name, b.Type)
		}
	}
	switch {
	case b.Status != "" || b.MessageID != "" || b.Typing != nil:
		return refusal.Parameter("status, message_id and typing_indicator do not belong to a message")
	case absent(parts[b.Type]):
		return refusal.Parameter("The parameter %s is required.", b.Type)
	case b.Context != nil && b.Type == "reaction":
		return refusal.Parameter("Unexpected key \"context\" on a message of type reaction")
	case b.Context != nil && b.Context.MessageID == "":
		return refusal.Missing("context has no message_id")
	case length(b.CallbackData) > maxCallbackData:
		return refusal.Parameter("Param biz_opaque_callback_data must be at most %d characters long.", maxCallbackData)
	}
	if b.Context != nil {
		m.Quotes = b.Context.MessageID
	}
	return nil
}

// part checks what the type names.
func (r *reader) part(b *body, m *Message) error {
	raw := b.parts()[b.Type]
	switch b.Type {
	case "text":
		return r.text(raw)
	case "location":
		return r.location(raw)
	case "contacts":
		return r.contacts(raw)
	case "reaction":
		return r.reaction(raw, m)
	case "interactive":
		return r.interactive(raw)
	case "template":
		return r.template(raw, m)
	case "pin":
		return r.pin(raw, m)
	default:
		return r.file(raw, b.Type, b.Type)
	}
}

// inGroups are the types that a group takes.
var inGroups = []string{"text", "image", "video", "audio", "document", "sticker", "template", "pin"}

func (m *Message) forGroup() error {
	switch {
	case m.Group == "" && m.Type == "pin":
		return refusal.Parameter("a message can be pinned in a group only: recipient_type must be group")
	case m.Group != "" && !slices.Contains(inGroups, m.Type):
		return refusal.New(131051, "a group takes no message of type %s", m.Type)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
