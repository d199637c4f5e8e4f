package graph

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// product is what Meta calls the thing in all bodies.
const product = "whatsapp"

// TypingLasts is how long a typing indicator shows at most; an answer ends it.
const TypingLasts = 25 * time.Second

// mark is the body of a call that marks a message as read.
type mark struct {
	Product   string           `json:"messaging_product"`
	Status    string           `json:"status"`
	MessageID string           `json:"message_id"`
	Typing    *typingIndicator `json:"typing_indicator,omitempty"`
}

type typingIndicator struct {
	Type string `json:"type"` // "text"
}

// Message is the body of a call that sends one message. Exactly one of the fields after Type is set, the
// one that Type names.
type Message struct {
	MessagingProduct string   `json:"messaging_product"`
	RecipientType    string   `json:"recipient_type"`
	To               string   `json:"to,omitempty"`        // a phone number or a group
	Recipient        string   `json:"recipient,omitempty"` // a user id
	Context          *Context `json:"context,omitempty"`
	CallbackData     string   `json:"biz_opaque_callback_data,omitempty"`
	Type             string   `json:"type"`

	Text        *Text        `json:"text,omitempty"`
	Image       *Media       `json:"image,omitempty"`
	Video       *Media       `json:"video,omitempty"`
	Audio       *Media       `json:"audio,omitempty"`
	Document    *Media       `json:"document,omitempty"`
	Sticker     *Media       `json:"sticker,omitempty"`
	Location    *Location    `json:"location,omitempty"`
	Contacts    []Contact    `json:"contacts,omitempty"`
	Reaction    *Reaction    `json:"reaction,omitempty"`
	Interactive *Interactive `json:"interactive,omitempty"`
	Template    *Template    `json:"template,omitempty"`

	// Native has the members of a body that this package does not model; those above win over it.
	Native map[string]json.RawMessage `json:"-"`
}

// MarshalJSON writes the body with the members of Native beside its own.
func (m Message) MarshalJSON() ([]byte, error) {
	type plain Message
	own, err := encode(plain(m))
	if err != nil || len(m.Native) == 0 {
		return own, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(own, &members); err != nil {
		return nil, fmt.Errorf("merge a native body: %w", err)
	}
	merged := maps.Clone(m.Native)
	maps.Copy(merged, members)
	return encode(merged)
}

// Context quotes an earlier message.
type Context struct {
	MessageID string `json:"message_id"`
}

// Text is a text message.
type Text struct {
	Body       string `json:"body"`
	PreviewURL bool   `json:"preview_url"`
}

// Media is a file, by the platform's id or by a link that Meta fetches.
type Media struct {
	ID       string `json:"id,omitempty"`
	Link     string `json:"link,omitempty"`
	Caption  string `json:"caption,omitempty"`
	Filename string `json:"filename,omitempty"`
	Voice    bool   `json:"voice,omitempty"`
}

// Location is a place.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
}

// Contact is an address card.
type Contact struct {
	Name      ContactName      `json:"name"`
	Phones    []ContactPhone   `json:"phones,omitempty"`
	Emails    []ContactEmail   `json:"emails,omitempty"`
	URLs      []ContactURL     `json:"urls,omitempty"`
	Addresses []ContactAddress `json:"addresses,omitempty"`
	Org       *ContactOrg      `json:"org,omitempty"`
	Birthday  string           `json:"birthday,omitempty"`
}

// ContactName needs one more part beside the formatted name.
type ContactName struct {
	FormattedName string `json:"formatted_name"`
	FirstName     string `json:"first_name"`
}

// ContactPhone is a number of a card.
type ContactPhone struct {
	Phone string `json:"phone"`
	WaID  string `json:"wa_id,omitempty"`
	Type  string `json:"type,omitempty"`
}

// ContactEmail is an e-mail address of a card.
type ContactEmail struct {
	Email string `json:"email"`
	Type  string `json:"type,omitempty"`
}

// ContactURL is a web page of a card.
type ContactURL struct {
	URL  string `json:"url"`
	Type string `json:"type,omitempty"`
}

// ContactAddress is a postal address of a card, in one line.
type ContactAddress struct {
	Street string `json:"street"`
	Type   string `json:"type,omitempty"`
}

// ContactOrg is where a person works.
type ContactOrg struct {
	Company    string `json:"company,omitempty"`
	Department string `json:"department,omitempty"`
	Title      string `json:"title,omitempty"`
}

// Reaction puts an emoji on a message; an empty one takes it back.
type Reaction struct {
	MessageID string `json:"message_id"`
	Emoji     string `json:"emoji"`
}

// Interactive is a message with something to tap.
type Interactive struct {
	Type   string  `json:"type"` // "button" or "list"
	Header *Header `json:"header,omitempty"`
	Body   Words   `json:"body"`
	Footer *Words  `json:"footer,omitempty"`
	Action Action  `json:"action"`
}

// Header is a line above an interactive message.
type Header struct {
	Type string `json:"type"` // "text"
	Text string `json:"text"`
}

// Words is a text by itself.
type Words struct {
	Text string `json:"text"`
}

// Action is what can be tapped: Buttons, or Button with Sections.
type Action struct {
	Buttons  []Button  `json:"buttons,omitempty"`
	Button   string    `json:"button,omitempty"` // the label that opens the list
	Sections []Section `json:"sections,omitempty"`
}

// Button is a reply button.
type Button struct {
	Type  string `json:"type"` // "reply"
	Reply Reply  `json:"reply"`
}

// Reply is what a button sends back.
type Reply struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Section is a group of rows of a list.
type Section struct {
	Title string `json:"title,omitempty"`
	Rows  []Row  `json:"rows"`
}

// Row is a line of a list.
type Row struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

// Template is a message that Meta has approved beforehand.
type Template struct {
	Name       string          `json:"name"`
	Language   Language        `json:"language"`
	Components json.RawMessage `json:"components,omitempty"`
}

// Language is a language of a template.
type Language struct {
	Code string `json:"code"`
}
