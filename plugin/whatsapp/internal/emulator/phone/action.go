// Package phone is what people do on their phones, and how a webhook tells it.
package phone

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// The kinds of actions.
const (
	Text        = "text"
	Image       = "image"
	Video       = "video"
	Audio       = "audio"
	Document    = "document"
	Sticker     = "sticker"
	Location    = "location"
	Contacts    = "contacts"
	Reaction    = "reaction"
	Tap         = "tap"
	ButtonReply = "button_reply"
	ListReply   = "list_reply"
	Button      = "button"
	FlowReply   = "flow_reply"
	Order       = "order"
	Permission  = "call_permission"
	Edit        = "edit"
	Revoke      = "revoke"
	Welcome     = "request_welcome"
	Unsupported = "unsupported"
	Raw         = "raw"
)

var kinds = []string{
	Text, Image, Video, Audio, Document, Sticker, Location, Contacts, Reaction, Tap, ButtonReply, ListReply, Button,
	FlowReply, Order, Permission, Edit, Revoke, Welcome, Unsupported, Raw,
}

// maxText is what a phone sends, in characters.
const maxText = 4096

// Action is what somebody does on a phone, the body of POST /_emulator/send. Which members count depends on
// the type.
type Action struct {
	From      string          `json:"from"`
	Group     string          `json:"group,omitempty"`
	Name      string          `json:"name,omitempty"` // the profile's; empty keeps it
	Type      string          `json:"type"`
	Context   string          `json:"context,omitempty"`    // the message that it answers, changes or taps on
	MessageID string          `json:"message_id,omitempty"` // forces the id; one that is known goes out again
	Timestamp int64           `json:"timestamp,omitempty"`  // Unix seconds, forces when it was sent
	Forwarded json.RawMessage `json:"forwarded,omitempty"`  // true, or "frequently"
	Referral  json.RawMessage `json:"referral,omitempty"`

	Text    string `json:"text,omitempty"`
	Caption string `json:"caption,omitempty"`
	// ID, Title and Description are those of the button or the row. On a text, which has no such id, ID is
	// another name for MessageID.
	ID          string `json:"id,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`

	Media    string `json:"media,omitempty"`
	Filename string `json:"filename,omitempty"`
	Voice    *bool  `json:"voice,omitempty"`

	Latitude  *float64 `json:"latitude,omitempty"`
	Longitude *float64 `json:"longitude,omitempty"`
	Place     string   `json:"place,omitempty"`
	Address   string   `json:"address,omitempty"`

	Contacts     json.RawMessage `json:"contacts,omitempty"`
	SharedNumber bool            `json:"shared_number,omitempty"`

	Reacted string  `json:"message_id_reacted,omitempty"` // another name for Context
	Emoji   *string `json:"emoji,omitempty"`

	Payload     string          `json:"payload,omitempty"`
	Response    json.RawMessage `json:"response,omitempty"`
	Body        string          `json:"body,omitempty"`
	FlowName    string          `json:"flow_name,omitempty"`
	CatalogID   string          `json:"catalog_id,omitempty"`
	Products    json.RawMessage `json:"products,omitempty"`
	Accept      bool            `json:"accept,omitempty"`
	Permanent   bool            `json:"permanent,omitempty"`
	Unsupported string          `json:"unsupported,omitempty"`
	Code        int             `json:"code,omitempty"`
	Message     json.RawMessage `json:"message,omitempty"`
}

// Check says what is wrong with the action, whoever does it.
func (a *Action) Check() error {
	needs := func(names ...string) error {
		has := map[string]bool{
			"text": a.Text != "", "id": a.ID != "", "title": a.Title != "", "media": a.Media != "", "context": a.Context != "",
			"latitude and longitude": a.Latitude != nil && a.Longitude != nil, "contacts": len(a.Contacts) > 0,
			"message_id_reacted or context": a.Context != "" || a.Reacted != "", "emoji": a.Emoji != nil,
			"catalog_id": a.CatalogID != "", "products": len(a.Products) > 0, "message": len(a.Message) > 0,
			"title or id": a.ID != "" || a.Title != "", "response": len(a.Response) > 0, "payload and text": a.Payload != "" && a.Text != "",
			"text or caption": a.Text != "" || a.Caption != "",
		}
		for _, n := range names {
			if !has[n] {
				return fmt.Errorf("%s needs %s", a.Type, n)
			}
		}
		return nil
	}
	switch {
	case a.From == "":
		return errors.New("from is missing: whose phone is it?")
	case !slices.Contains(kinds, a.Type):
		return fmt.Errorf("type %.40q is none of %s", a.Type, strings.Join(kinds, ", "))
	case length(a.Text) > maxText:
		return fmt.Errorf("text is longer than the %d characters that a phone sends", maxText)
	case len(a.Forwarded) > 0 && string(a.Forwarded) != "true" && string(a.Forwarded) != "false" && string(a.Forwarded) != `"frequently"`:
		return errors.New("forwarded is true or \"frequently\"")
	}
	switch a.Type {
	case Text:
		return needs("text")
	case Image, Video, Audio, Document, Sticker:
		return needs("media")
	case Location:
		return needs("latitude and longitude")
	case Contacts:
		if a.SharedNumber {
			return nil
		}
		return needs("contacts")
	case Reaction:
		return needs("message_id_reacted or context", "emoji")
	case Tap:
		return needs("title or id")
	case ButtonReply, ListReply:
		return needs("id", "title")
	case Button:
		return needs("payload and text")
	case FlowReply:
		return needs("response")
	case Order:
		return needs("catalog_id", "products")
	case Edit:
		return needs("context", "text or caption")
	case Revoke:
		return needs("context")
	case Raw:
		return needs("message")
	}
	return nil
}

// length counts UTF-16 units, as phones do.
func length(s string) int { return len(utf16.Encode([]rune(s))) }
