package chat

import (
	"encoding/json"
	"slices"
	"time"
)

// Message is one inbound message of a chat.
type Message struct {
	// ID is the platform's id of the event: stable over redelivery, unique per account.
	ID string `json:"id"`
	// SemanticKey is equal for two events that are the same message under different ids; empty means ID.
	SemanticKey string `json:"semantic_key,omitempty"`
	// Platform is the id of the platform's plugin.
	Platform string `json:"platform"`
	// Account is the identity of ours that received the message.
	Account string `json:"account"`
	// ChannelID is the direct chat or group where it was said and where an answer goes.
	ChannelID string `json:"channel_id"`
	// User is who said it.
	User User `json:"user"`
	// Text is what an agent reads: typed text, a caption, or "button:<id>" or "list:<id>" for a tap.
	Text string `json:"text"`
	// Content says what the message is. Only Content tells a tap from typed words.
	Content Content `json:"content"`
	// SentAt is the platform's time; zero when it gave none.
	SentAt time.Time `json:"sent_at,omitzero"`
	// ReceivedAt is the host's time.
	ReceivedAt time.Time `json:"received_at,omitzero"`
	// ThreadID is a sub-conversation, where the platform has them.
	ThreadID string `json:"thread_id,omitempty"`
	// ReplyTo is the id of the message that this one quotes.
	ReplyTo string `json:"reply_to,omitempty"`
	// Forwarded is true when the message was passed on.
	Forwarded bool `json:"forwarded,omitempty"`
	// Metadata has other facts of the platform, by name.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Raw is the platform's own JSON of the message; nil when there is none.
	Raw json.RawMessage `json:"raw,omitempty"`
	// Refusal, when not nil, is why the sender must not be answered.
	Refusal *Refusal `json:"refusal,omitempty"`
}

// Direct reports whether the message was said in the direct chat with its user: the channel is one of the
// user's ids, or one that the user had before.
func (m Message) Direct() bool {
	if m.ChannelID == m.User.ID || slices.Contains(m.User.Aliases, m.ChannelID) {
		return true
	}
	s := m.Content.System
	return s != nil && m.ChannelID != "" && (m.ChannelID == s.PreviousID || m.ChannelID == s.CurrentID)
}

// Shown is the message in the words that its sender saw: its text, or in brackets what was tapped.
func (m Message) Shown() string {
	if i := m.Content.Interaction; i != nil && i.Title != "" {
		return "[" + i.Title + "]"
	}
	return m.Text
}

// Refusal is a plugin's decision that a message is not to be answered.
type Refusal struct {
	Reason string `json:"reason"` // UPPER_SNAKE, such as SENDER_NOT_ALLOWED
	Detail string `json:"detail"` // one sentence for the operator, personal data masked
}

// User is a person or bot on a platform.
type User struct {
	// ID is the id that the plugin uses for this user.
	ID string `json:"id"`
	// Aliases are all other ids of the same user, such as phone numbers.
	Aliases []string `json:"aliases,omitempty"`
	// Username is a handle without "@".
	Username string `json:"username,omitempty"`
	// DisplayName is chosen by the user and proves nothing.
	DisplayName string `json:"display_name,omitempty"`
	IsBot       bool   `json:"is_bot,omitempty"`
}

// Kind says which field of a Content is set.
type Kind string

// The kinds of content.
const (
	KindText        Kind = "text"
	KindMedia       Kind = "media"
	KindInteraction Kind = "interaction"
	KindLocation    Kind = "location"
	KindContacts    Kind = "contacts"
	KindReaction    Kind = "reaction"
	KindOrder       Kind = "order"
	KindSystem      Kind = "system"
	KindUnsupported Kind = "unsupported"
)

// Content is what a message is made of: at most one field is set, none means typed text.
type Content struct {
	Media       *Media       `json:"media,omitempty"`
	Interaction *Interaction `json:"interaction,omitempty"`
	Location    *Location    `json:"location,omitempty"`
	Contacts    []Contact    `json:"contacts,omitempty"`
	Reaction    *Reaction    `json:"reaction,omitempty"`
	Order       *Order       `json:"order,omitempty"`
	System      *System      `json:"system,omitempty"`
	Unsupported *Unsupported `json:"unsupported,omitempty"`
}

// Kind returns which field is set.
func (c Content) Kind() Kind {
	switch {
	case c.Media != nil:
		return KindMedia
	case c.Interaction != nil:
		return KindInteraction
	case c.Location != nil:
		return KindLocation
	case len(c.Contacts) > 0:
		return KindContacts
	case c.Reaction != nil:
		return KindReaction
	case c.Order != nil:
		return KindOrder
	case c.System != nil:
		return KindSystem
	case c.Unsupported != nil:
		return KindUnsupported
	}
	return KindText
}

// MediaType is a kind of file.
type MediaType string

// The kinds of files.
const (
	MediaImage    MediaType = "image"
	MediaVideo    MediaType = "video"
	MediaAudio    MediaType = "audio"
	MediaDocument MediaType = "document"
	MediaSticker  MediaType = "sticker"
)

// Media is a file of a message, by reference.
type Media struct {
	Type     MediaType `json:"type"`
	ID       string    `json:"id"` // the platform's id, good for fetching it through the plugin
	MimeType string    `json:"mime_type,omitempty"`
	SHA256   string    `json:"sha256,omitempty"`   // lower-case hex; empty when unknown
	Filename string    `json:"filename,omitempty"` // no path, no control characters
	Caption  string    `json:"caption,omitempty"`
	Voice    bool      `json:"voice,omitempty"` // a recorded voice note
	Animated bool      `json:"animated,omitempty"`
	Size     uint64    `json:"size,omitempty"` // bytes; 0 when unknown
	// URL is where an agent gets the file, while its run lasts. The host sets it for agents.
	URL string `json:"url,omitempty"`
}

// InteractionKind is what a user tapped.
type InteractionKind string

// The kinds of interactions.
const (
	InteractionButton InteractionKind = "button"
	InteractionList   InteractionKind = "list"
	InteractionForm   InteractionKind = "form"
	InteractionOther  InteractionKind = "other"
)

// Interaction is a tap, set only by a plugin from a verified event.
type Interaction struct {
	Kind            InteractionKind `json:"kind"`
	ID              string          `json:"id"` // as it was offered, unchanged
	Title           string          `json:"title,omitempty"`
	Description     string          `json:"description,omitempty"`
	SourceMessageID string          `json:"source_message_id,omitempty"` // the message of ours that offered it
	Data            json.RawMessage `json:"data,omitempty"`              // what a form returned
}

// Location is a place, in degrees.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
	URL       string  `json:"url,omitempty"`
}

// Contact is an address card.
type Contact struct {
	Name       string         `json:"name"`
	Phones     []LabeledValue `json:"phones,omitempty"`
	Emails     []LabeledValue `json:"emails,omitempty"`
	URLs       []LabeledValue `json:"urls,omitempty"`
	Addresses  []LabeledValue `json:"addresses,omitempty"` // one line each
	Company    string         `json:"company,omitempty"`
	Department string         `json:"department,omitempty"`
	Title      string         `json:"title,omitempty"`
	Birthday   string         `json:"birthday,omitempty"` // YYYY-MM-DD
}

// LabeledValue is a value with a word that says which one it is, such as WORK.
type LabeledValue struct {
	Value      string `json:"value"`
	Label      string `json:"label,omitempty"`
	PlatformID string `json:"platform_id,omitempty"` // the contact's id on the platform, if known
}

// Reaction is an emoji on a message; an empty emoji takes it back.
type Reaction struct {
	MessageID string `json:"message_id"`
	Emoji     string `json:"emoji,omitempty"`
}

// Order is a shopping cart.
type Order struct {
	CatalogID string      `json:"catalog_id"`
	Note      string      `json:"note,omitempty"`
	Items     []OrderItem `json:"items"`
}

// OrderItem is one line of an order.
type OrderItem struct {
	ProductID string `json:"product_id"`
	Quantity  uint32 `json:"quantity"`
	Price     string `json:"price"`    // of one, as the platform wrote it
	Currency  string `json:"currency"` // ISO 4217
}

// System is something that a platform says about a chat; never a prompt.
type System struct {
	Type            string `json:"type"` // snake_case, such as user_changed_number, edit, revoke
	Text            string `json:"text,omitempty"`
	TargetMessageID string `json:"target_message_id,omitempty"`
	PreviousID      string `json:"previous_id,omitempty"` // the user's id before
	CurrentID       string `json:"current_id,omitempty"`  // and from now on
}

// Unsupported is a message that cannot be shown.
type Unsupported struct {
	Type   string `json:"type"` // the platform's word, or "unknown"
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
}
