package graph

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// product is what Meta calls the thing in all bodies.
const product = "whatsapp"

// ShowHeld is what the quick reply of a notice sends back, when an answer waits for the user. Nobody answers
// such a tap: it lets the answer go.
const ShowHeld = "aofd:show"

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
	Pin         *Pin         `json:"pin,omitempty"`

	// IdentityHash makes Meta refuse the message when the recipient's identity is another one by now.
	IdentityHash string `json:"recipient_identity_key_hash,omitempty"`

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

// Files returns the files of the message that have to be uploaded before.
func (m *Message) Files() (files []*Media) {
	all := []*Media{m.Image, m.Video, m.Audio, m.Document, m.Sticker}
	if i := m.Interactive; i != nil {
		all = i.Header.files(all)
		for _, c := range i.Action.Cards {
			all = c.Header.files(all)
		}
	}
	for _, f := range all {
		if f != nil && f.File != nil {
			files = append(files, f)
		}
	}
	return files
}

func (h *Header) files(all []*Media) []*Media {
	if h == nil {
		return all
	}
	return append(all, h.Image, h.Video, h.Document)
}

// Media is a file, by the platform's id or by a link that Meta fetches.
type Media struct {
	ID       string `json:"id,omitempty"`
	Link     string `json:"link,omitempty"`
	Caption  string `json:"caption,omitempty"`
	Filename string `json:"filename,omitempty"`
	Voice    bool   `json:"voice,omitempty"`
	// File is uploaded before the message is sent, and makes the id.
	File *File `json:"-"`
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
	FirstName     string `json:"first_name,omitempty"`
	LastName      string `json:"last_name,omitempty"`
	MiddleName    string `json:"middle_name,omitempty"`
	Prefix        string `json:"prefix,omitempty"`
	Suffix        string `json:"suffix,omitempty"`
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

// ContactAddress is a postal address of a card.
type ContactAddress struct {
	Street      string `json:"street,omitempty"`
	City        string `json:"city,omitempty"`
	State       string `json:"state,omitempty"`
	Zip         string `json:"zip,omitempty"`
	Country     string `json:"country,omitempty"`
	CountryCode string `json:"country_code,omitempty"`
	Type        string `json:"type,omitempty"`
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
	Type   string  `json:"type"` // such as "button", "list" or "cta_url"
	Header *Header `json:"header,omitempty"`
	Body   *Words  `json:"body,omitempty"`
	Footer *Words  `json:"footer,omitempty"`
	Action Action  `json:"action"`
}

// Header stands above an interactive message: a line of text or a file.
type Header struct {
	Type     string `json:"type"` // "text", "image", "video" or "document"
	Text     string `json:"text,omitempty"`
	Image    *Media `json:"image,omitempty"`
	Video    *Media `json:"video,omitempty"`
	Document *Media `json:"document,omitempty"`
}

// Words is a text by itself.
type Words struct {
	Text string `json:"text"`
}

// Action is what can be tapped. Which members are set depends on the type of the message.
type Action struct {
	Name              string      `json:"name,omitempty"`
	Buttons           []Button    `json:"buttons,omitempty"`
	Button            string      `json:"button,omitempty"` // the label that opens the list
	CatalogID         string      `json:"catalog_id,omitempty"`
	ProductRetailerID string      `json:"product_retailer_id,omitempty"`
	Sections          []Section   `json:"sections,omitempty"`
	Cards             []Card      `json:"cards,omitempty"`
	Parameters        *Parameters `json:"parameters,omitempty"`
}

// Parameters of an action; each kind has a few of them.
type Parameters struct {
	DisplayText string `json:"display_text,omitempty"`
	URL         string `json:"url,omitempty"`

	ThumbnailProductRetailerID string `json:"thumbnail_product_retailer_id,omitempty"`

	Country          string          `json:"country,omitempty"`
	Values           json.RawMessage `json:"values,omitempty"`
	SavedAddresses   json.RawMessage `json:"saved_addresses,omitempty"`
	ValidationErrors json.RawMessage `json:"validation_errors,omitempty"`

	FlowMessageVersion string       `json:"flow_message_version,omitempty"`
	FlowID             string       `json:"flow_id,omitempty"`
	FlowName           string       `json:"flow_name,omitempty"`
	FlowCTA            string       `json:"flow_cta,omitempty"`
	FlowToken          string       `json:"flow_token,omitempty"`
	Mode               string       `json:"mode,omitempty"`
	FlowAction         string       `json:"flow_action,omitempty"`
	FlowActionPayload  *FlowPayload `json:"flow_action_payload,omitempty"`
}

// FlowPayload says where a flow begins.
type FlowPayload struct {
	Screen string          `json:"screen,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"` // an object that is not empty
}

// Button is a reply button: Reply, or QuickReply on a card of a carousel.
type Button struct {
	Type       string `json:"type"` // "reply" or "quick_reply"
	Reply      *Reply `json:"reply,omitempty"`
	QuickReply *Reply `json:"quick_reply,omitempty"`
}

// Reply is what a button sends back.
type Reply struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Section is a group of rows of a list, or of products.
type Section struct {
	Title        string    `json:"title,omitempty"`
	Rows         []Row     `json:"rows,omitempty"`
	ProductItems []Product `json:"product_items,omitempty"`
}

// Row is a line of a list.
type Row struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

// Product is an article of a catalog.
type Product struct {
	ProductRetailerID string `json:"product_retailer_id"`
}

// Card is one of a carousel.
type Card struct {
	CardIndex int     `json:"card_index"`
	Type      string  `json:"type"` // "cta_url" or "product"
	Header    *Header `json:"header,omitempty"`
	Body      *Words  `json:"body,omitempty"`
	Action    Action  `json:"action"`
}

// Pin pins a message of a group, or takes the pin away.
type Pin struct {
	Type           string `json:"type"` // "pin" or "unpin"
	MessageID      string `json:"message_id"`
	ExpirationDays int    `json:"expiration_days,omitempty"`
}

// Template is a message that Meta has approved beforehand.
type Template struct {
	Name       string          `json:"name"`
	Language   Language        `json:"language"`
	Components json.RawMessage `json:"components,omitempty"` // a list of Component
}

// Language is a language of a template.
type Language struct {
	Code string `json:"code"`
}

// Component fills a part of a template.
type Component struct {
	Type       string         `json:"type"` // "header", "body", "button", "carousel", …
	SubType    string         `json:"sub_type,omitempty"`
	Index      Scalar         `json:"index,omitempty"`
	Parameters []Parameter    `json:"parameters,omitempty"`
	Cards      []TemplateCard `json:"cards,omitempty"`
}

// TemplateCard is one of a template's carousel.
type TemplateCard struct {
	CardIndex  int         `json:"card_index"`
	Components []Component `json:"components"`
}

// Parameter is a value in a template; Type says which member is set.
type Parameter struct {
	Type             string            `json:"type"`
	ParameterName    string            `json:"parameter_name,omitempty"`
	Text             string            `json:"text,omitempty"`
	Currency         *Currency         `json:"currency,omitempty"`
	DateTime         *DateTime         `json:"date_time,omitempty"`
	Image            *Media            `json:"image,omitempty"`
	Video            *Media            `json:"video,omitempty"`
	Document         *Media            `json:"document,omitempty"`
	Location         *Location         `json:"location,omitempty"`
	Product          *TemplateProduct  `json:"product,omitempty"`
	Payload          string            `json:"payload,omitempty"`
	CouponCode       string            `json:"coupon_code,omitempty"`
	Action           *TemplateAction   `json:"action,omitempty"`
	LimitedTimeOffer *LimitedTimeOffer `json:"limited_time_offer,omitempty"`
	TTLMinutes       int               `json:"ttl_minutes,omitempty"`
}

// Currency is an amount of money.
type Currency struct {
	FallbackValue string `json:"fallback_value"`
	Code          string `json:"code"`
	Amount1000    int64  `json:"amount_1000"` // times a thousand
}

// DateTime is a time as it is shown.
type DateTime struct {
	FallbackValue string `json:"fallback_value"`
}

// TemplateProduct is an article of a catalog in a template.
type TemplateProduct struct {
	ProductRetailerID string `json:"product_retailer_id"`
	CatalogID         string `json:"catalog_id,omitempty"`
}

// TemplateAction is what a button of a template does.
type TemplateAction struct {
	FlowToken                  string          `json:"flow_token,omitempty"`
	FlowActionData             json.RawMessage `json:"flow_action_data,omitempty"`
	ThumbnailProductRetailerID string          `json:"thumbnail_product_retailer_id,omitempty"`
	Sections                   []Section       `json:"sections,omitempty"`
}

// LimitedTimeOffer is when an offer ends.
type LimitedTimeOffer struct {
	ExpirationTimeMS int64 `json:"expiration_time_ms"`
}
