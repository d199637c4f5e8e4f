package render

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Unsupported is the cause of an error with chat.ReasonUnsupportedContent.
type Unsupported struct {
	Type string // what cannot be sent
}

// Error returns a sentence with the type.
func (u *Unsupported) Error() string { return "unsupported message type: " + u.Type }

func unsupported(what, hint string) *chat.Error {
	return &chat.Error{
		Reason: chat.ReasonUnsupportedContent, Permanent: true, Text: what + " cannot be sent", Hint: hint,
		Err: &Unsupported{Type: what},
	}
}

func rejected(text, hint string) *chat.Error {
	return &chat.Error{Reason: chat.ReasonContentRejected, Permanent: true, Text: text, Hint: hint}
}

// file sends one attachment. A caption that cannot stand with the file goes before it.
func (b *builder) file(n int, a chat.Attachment) *chat.Error {
	m, slot, err := slot(a.Type)
	if err != nil {
		return err
	}
	media, err := reference(n, a)
	if err != nil {
		return err
	}
	caption := a.Caption
	switch {
	case blank(caption):
		caption = ""
	case a.Type == chat.MediaAudio || a.Type == chat.MediaSticker:
		b.texts(Split(caption, TextMax, TextMax))
		b.degrade("caption", "the caption of attachment %d stands before it, as its kind has none", n)
		caption = ""
	case length(caption) > CaptionMax:
		b.texts(Split(caption, TextMax, TextMax))
		b.degrade("caption", "the caption of attachment %d stands before it, as it has more than %d characters",
			n, CaptionMax)
		caption = ""
	}
	media.Caption = caption
	if m.Type == "document" {
		media.Filename = a.Filename
	}
	media.Voice = a.Voice && m.Type == "audio"
	*slot(&m) = media
	b.message(m)
	return nil
}

// slot returns a message of the type that a kind of file has, and where the file stands in it. "file" is a
// word of AOF's for any file.
func slot(t chat.MediaType) (m graph.Message, field func(*graph.Message) **graph.Media, err *chat.Error) {
	switch t {
	case chat.MediaImage:
		return graph.Message{Type: "image"}, func(m *graph.Message) **graph.Media { return &m.Image }, nil
	case chat.MediaVideo:
		return graph.Message{Type: "video"}, func(m *graph.Message) **graph.Media { return &m.Video }, nil
	case chat.MediaAudio:
		return graph.Message{Type: "audio"}, func(m *graph.Message) **graph.Media { return &m.Audio }, nil
	case chat.MediaSticker:
		return graph.Message{Type: "sticker"}, func(m *graph.Message) **graph.Media { return &m.Sticker }, nil
	case chat.MediaDocument, "file", "":
		return graph.Message{Type: "document"}, func(m *graph.Message) **graph.Media { return &m.Document }, nil
	}
	return m, nil, unsupported(fmt.Sprintf("an attachment of type %.20q", t),
		"the types are image, video, audio, document and sticker")
}

// reference names a file by the platform's id or by a link.
func reference(n int, a chat.Attachment) (*graph.Media, *chat.Error) {
	switch {
	case a.MediaID != "":
		return &graph.Media{ID: a.MediaID}, nil
	case a.URL != "":
		u, err := url.Parse(a.URL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, rejected(fmt.Sprintf("the address of attachment %d is no http or https URL", n),
				"Meta fetches the file itself, so it needs a public address")
		}
		return &graph.Media{Link: a.URL}, nil
	case len(a.Data) > 0:
		return nil, unsupported("an attachment with its data", "give it as url: files cannot be uploaded yet")
	}
	return nil, rejected(fmt.Sprintf("attachment %d has neither url, media_id nor data", n), "")
}

func (b *builder) place(l *chat.Location) *chat.Error {
	if b.inGroup() {
		return unsupported("a location in a group", "")
	}
	// The comparisons are false for NaN.
	if !(math.Abs(l.Latitude) <= 90) || !(math.Abs(l.Longitude) <= 180) {
		return rejected("the location has no latitude and longitude in degrees", "")
	}
	b.message(graph.Message{Type: "location", Location: &graph.Location{
		Latitude: l.Latitude, Longitude: l.Longitude, Name: l.Name, Address: l.Address,
	}})
	return nil
}

func (b *builder) cards(contacts []chat.Contact) *chat.Error {
	if b.inGroup() {
		return unsupported("an address card in a group", "")
	}
	if len(contacts) > ContactsMax {
		return rejected(fmt.Sprintf("%d address cards are more than %d", len(contacts), ContactsMax), "")
	}
	m := graph.Message{Type: "contacts"}
	for i, c := range contacts {
		if blank(c.Name) {
			return rejected(fmt.Sprintf("address card %d has no name", i+1), "")
		}
		m.Contacts = append(m.Contacts, card(c))
	}
	b.message(m)
	return nil
}

func card(c chat.Contact) graph.Contact {
	out := graph.Contact{
		Name:     graph.ContactName{FormattedName: c.Name, FirstName: c.Name},
		Birthday: c.Birthday,
	}
	for _, v := range c.Phones {
		out.Phones = append(out.Phones, graph.ContactPhone{Phone: v.Value, WaID: v.PlatformID, Type: v.Label})
	}
	for _, v := range c.Emails {
		out.Emails = append(out.Emails, graph.ContactEmail{Email: v.Value, Type: v.Label})
	}
	for _, v := range c.URLs {
		out.URLs = append(out.URLs, graph.ContactURL{URL: v.Value, Type: v.Label})
	}
	for _, v := range c.Addresses {
		out.Addresses = append(out.Addresses, graph.ContactAddress{Street: v.Value, Type: v.Label})
	}
	if c.Company != "" || c.Department != "" || c.Title != "" {
		out.Org = &graph.ContactOrg{Company: c.Company, Department: c.Department, Title: c.Title}
	}
	return out
}

func (b *builder) reaction(r *chat.Reaction) *chat.Error {
	if b.inGroup() {
		return unsupported("a reaction in a group", "")
	}
	if r.MessageID == "" {
		return rejected("the reaction does not name a message", "")
	}
	b.message(graph.Message{Type: "reaction", Reaction: &graph.Reaction{MessageID: r.MessageID, Emoji: r.Emoji}})
	return nil
}

func (b *builder) template(t *chat.Template) *chat.Error {
	if t.Name == "" || t.Language == "" {
		return rejected("the template needs a name and a language", "")
	}
	var components []json.RawMessage
	if len(t.Components) > 0 && json.Unmarshal(t.Components, &components) != nil {
		return rejected("the components of the template are not a JSON list", "")
	}
	m := graph.Message{Type: "template", Template: &graph.Template{
		Name: t.Name, Language: graph.Language{Code: t.Language},
	}}
	if len(components) > 0 {
		m.Template.Components = t.Components
	}
	b.message(m)
	return nil
}

// native sends a body as the agent wrote it. Who gets it is not the agent's to say.
func (b *builder) native(raw json.RawMessage) *chat.Error {
	if len(raw) > NativeMax {
		return rejected(fmt.Sprintf("the native body has %d bytes, the limit is %d", len(raw), NativeMax), "")
	}
	var members map[string]json.RawMessage
	var kind string
	if json.Unmarshal(raw, &members) != nil || json.Unmarshal(members["type"], &kind) != nil || kind == "" {
		return rejected("the native body is not a JSON object with a type",
			`write it as for the Cloud API, such as {"type":"text","text":{"body":"hi"}}`)
	}
	for _, ours := range []string{"to", "recipient", "recipient_type", "messaging_product", "biz_opaque_callback_data"} {
		delete(members, ours)
	}
	b.message(graph.Message{Type: kind, Native: members})
	return nil
}
