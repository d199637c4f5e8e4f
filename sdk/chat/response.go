package chat

import (
	"encoding/json"
	"time"
)

// Response is what an agent answers.
type Response struct {
	// Text is complete by itself, without the actions.
	Text string `json:"text,omitempty"`
	// Format is how Text is marked up; empty means Markdown.
	Format Format `json:"format,omitempty"`
	// Status puts a sign before the text; empty means none.
	Status Status `json:"status,omitempty"`
	// Actions are what the user may tap next, in order.
	Actions []Action `json:"actions,omitempty"`
	// Sections are rows in groups, shown as a list instead of Actions.
	Sections []Section `json:"sections,omitempty"`
	// ListLabel opens the list; the plugin has a default.
	ListLabel   string       `json:"list_label,omitempty"`
	Header      string       `json:"header,omitempty"`
	Footer      string       `json:"footer,omitempty"`
	Attachments []Attachment `json:"attachments,omitempty"`
	Location    *Location    `json:"location,omitempty"`
	Contacts    []Contact    `json:"contacts,omitempty"`
	Template    *Template    `json:"template,omitempty"`
	Reaction    *Reaction    `json:"reaction,omitempty"`
	// ReplyTo is the id of the message to quote.
	ReplyTo  string `json:"reply_to,omitempty"`
	ThreadID string `json:"thread_id,omitempty"`
	// Metadata has other wishes by name; unknown ones are ignored.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Native is a body in the platform's own JSON, sent instead of all else.
	Native json.RawMessage `json:"native,omitempty"`
}

// Empty reports whether there is nothing to send.
func (r Response) Empty() bool {
	return r.Text == "" && len(r.Actions) == 0 && len(r.Sections) == 0 && len(r.Attachments) == 0 &&
		r.Location == nil && len(r.Contacts) == 0 && r.Template == nil && r.Reaction == nil && len(r.Native) == 0
}

// Format is how a text is marked up.
type Format string

// The formats. FormatRich is the platform's own markup.
const (
	FormatText     Format = "text"
	FormatMarkdown Format = "markdown"
	FormatHTML     Format = "html"
	FormatRich     Format = "rich"
)

// Status colours an answer.
type Status string

// The statuses.
const (
	StatusSuccess Status = "success"
	StatusError   Status = "error"
	StatusWarning Status = "warning"
	StatusInfo    Status = "info"
)

// Action is something that the user may tap.
type Action struct {
	ID          string      `json:"id"` // comes back as "button:<id>" or "list:<id>"
	Label       string      `json:"label"`
	Description string      `json:"description,omitempty"`
	Style       ActionStyle `json:"style,omitempty"`
	URL         string      `json:"url,omitempty"`   // a page to open instead
	Value       string      `json:"value,omitempty"` // for platforms that carry one beside the id
}

// UnmarshalJSON also takes "title" for the label, as rows of lists are often written.
func (a *Action) UnmarshalJSON(data []byte) error {
	type plain Action
	in := struct {
		*plain
		Title string `json:"title"`
	}{plain: (*plain)(a)}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if a.Label == "" {
		a.Label = in.Title
	}
	return nil
}

// ActionStyle is how an action looks, where the platform has looks.
type ActionStyle string

// The styles; empty is plain.
const (
	ActionPrimary   ActionStyle = "primary"
	ActionSecondary ActionStyle = "secondary"
	ActionSuccess   ActionStyle = "success"
	ActionDanger    ActionStyle = "danger"
)

// Section is a group of rows.
type Section struct {
	Title string   `json:"title,omitempty"`
	Rows  []Action `json:"rows"`
}

// Attachment is a file to send; one of URL, MediaID and Data is set.
type Attachment struct {
	Type     MediaType `json:"type"`
	URL      string    `json:"url,omitempty"`
	MediaID  string    `json:"media_id,omitempty"`  // a file that the platform has already
	Data     []byte    `json:"data,omitempty"`      // at most 16 MiB
	MimeType string    `json:"mime_type,omitempty"` // required with Data
	Filename string    `json:"filename,omitempty"`
	Caption  string    `json:"caption,omitempty"`
	Voice    bool      `json:"voice,omitempty"`
}

// Template is a message that the platform has approved beforehand.
type Template struct {
	Name       string          `json:"name"`
	Language   string          `json:"language"`
	Components json.RawMessage `json:"components,omitempty"` // in the platform's own JSON
}

// Delivery is one answer on its way to a platform.
type Delivery struct {
	ID        string // key of the delivery, the same for each attempt
	Account   string
	ChannelID string
	Response  Response
	Attempt   int // from 1
	PartsSent int // parts that are with the platform already and are not sent again
	// LastInboundAt is when the recipient last wrote in this chat, by the platform's clock; zero when that is
	// not known.
	LastInboundAt time.Time
}

// Sent is what became of a Delivery.
type Sent struct {
	MessageIDs   []string // the platform's, in order; the last one carries the actions
	Degradations []Degradation
	Duplicate    bool // the platform had this delivery already
	// Held is true when only a notice went out, since the reply window is over. The answer is sent as the same
	// delivery once the recipient has written again.
	Held bool
}

// Degradation is something that was shown in a lesser way.
type Degradation struct {
	What   string `json:"what"`   // such as "actions" or "text"
	Detail string `json:"detail"` // one sentence: what was done and why
}
