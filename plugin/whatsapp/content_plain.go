package whatsapp

import (
	"context"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Text is a text in WhatsApp's own marks: *bold*, _italic_, ~struck~, `code`. It has at most 4096 characters.
type Text struct {
	Body    string
	Preview bool // shows a preview of the first web page in it
}

func (t Text) message() (graph.Message, *chat.Error) {
	return graph.Message{Type: "text", Text: &graph.Text{Body: t.Body, PreviewURL: t.Preview}}, nil
}

// SendText sends a text as it is.
func (p *Platform) SendText(ctx context.Context, to string, t Text, options ...Option) (id string, err error) {
	return p.Send(ctx, to, t, options...)
}

// Image is a JPEG or PNG of at most 5 MB.
type Image struct {
	File
	Caption string // at most 1024 characters
}

func (i Image) message() (graph.Message, *chat.Error) {
	f, err := i.media()
	if err != nil {
		return graph.Message{}, err
	}
	f.Caption = i.Caption
	return graph.Message{Type: "image", Image: f}, nil
}

// SendImage sends a picture.
func (p *Platform) SendImage(ctx context.Context, to string, i Image, options ...Option) (id string, err error) {
	return p.Send(ctx, to, i, options...)
}

// Video is an MP4 or 3GP of at most 16 MB, with H.264 and AAC.
type Video struct {
	File
	Caption string // at most 1024 characters
}

func (v Video) message() (graph.Message, *chat.Error) {
	f, err := v.media()
	if err != nil {
		return graph.Message{}, err
	}
	f.Caption = v.Caption
	return graph.Message{Type: "video", Video: f}, nil
}

// SendVideo sends a film.
func (p *Platform) SendVideo(ctx context.Context, to string, v Video, options ...Option) (id string, err error) {
	return p.Send(ctx, to, v, options...)
}

// Audio is a sound of at most 16 MB: AAC, AMR, MP3, M4A or OGG with Opus.
type Audio struct {
	File
	Voice bool // shown as a voice message; OGG with Opus only
}

func (a Audio) message() (graph.Message, *chat.Error) {
	f, err := a.media()
	if err != nil {
		return graph.Message{}, err
	}
	f.Voice = a.Voice
	return graph.Message{Type: "audio", Audio: f}, nil
}

// SendAudio sends a sound or a voice message.
func (p *Platform) SendAudio(ctx context.Context, to string, a Audio, options ...Option) (id string, err error) {
	return p.Send(ctx, to, a, options...)
}

// Document is any file of at most 100 MB; its Name is shown.
type Document struct {
	File
	Caption string // at most 1024 characters
}

func (d Document) message() (graph.Message, *chat.Error) {
	f, err := d.media()
	if err != nil {
		return graph.Message{}, err
	}
	f.Caption, f.Filename = d.Caption, d.Name
	return graph.Message{Type: "document", Document: f}, nil
}

// SendDocument sends a file.
func (p *Platform) SendDocument(ctx context.Context, to string, d Document, options ...Option) (id string, err error) {
	return p.Send(ctx, to, d, options...)
}

// Sticker is a WebP of 512 by 512 pixels: at most 100 KB, or 500 KB when it moves.
type Sticker struct {
	File
}

func (s Sticker) message() (graph.Message, *chat.Error) {
	f, err := s.media()
	if err != nil {
		return graph.Message{}, err
	}
	return graph.Message{Type: "sticker", Sticker: f}, nil
}

// SendSticker sends a sticker.
func (p *Platform) SendSticker(ctx context.Context, to string, s Sticker, options ...Option) (id string, err error) {
	return p.Send(ctx, to, s, options...)
}

// Location is a place, in degrees. Name and Address may be empty.
type Location struct {
	Latitude, Longitude float64
	Name, Address       string
}

func (l Location) wire() *graph.Location {
	return &graph.Location{Latitude: l.Latitude, Longitude: l.Longitude, Name: l.Name, Address: l.Address}
}

func (l Location) message() (graph.Message, *chat.Error) {
	return graph.Message{Type: "location", Location: l.wire()}, nil
}

// SendLocation sends a place.
func (p *Platform) SendLocation(ctx context.Context, to string, l Location, options ...Option) (id string, err error) {
	return p.Send(ctx, to, l, options...)
}

// The parts of an address card. Name.FormattedName and one more part of the name are required.
type (
	Contact        = graph.Contact
	ContactName    = graph.ContactName
	ContactPhone   = graph.ContactPhone
	ContactEmail   = graph.ContactEmail
	ContactURL     = graph.ContactURL
	ContactAddress = graph.ContactAddress
	ContactOrg     = graph.ContactOrg
)

// Contacts are 1 to 257 address cards.
type Contacts []Contact

func (c Contacts) message() (graph.Message, *chat.Error) {
	return graph.Message{Type: "contacts", Contacts: c}, nil
}

// SendContacts sends address cards.
func (p *Platform) SendContacts(ctx context.Context, to string, c Contacts, options ...Option) (id string, err error) {
	return p.Send(ctx, to, c, options...)
}

// Reaction is one emoji on a message of the same chat that is at most 30 days old and no reaction itself; an
// empty one takes it back. Only the receipt "sent" follows.
type Reaction struct {
	MessageID string
	Emoji     string
}

func (r Reaction) message() (graph.Message, *chat.Error) {
	return graph.Message{Type: "reaction", Reaction: &graph.Reaction{MessageID: r.MessageID, Emoji: r.Emoji}}, nil
}

// SendReaction puts an emoji on a message, or takes it back.
func (p *Platform) SendReaction(ctx context.Context, to string, r Reaction, options ...Option) (id string, err error) {
	return p.Send(ctx, to, r, options...)
}

// Pin pins a message of a group for 1 to 30 days, or takes the pin away with 0 days.
type Pin struct {
	MessageID string
	Days      int
}

func (i Pin) message() (graph.Message, *chat.Error) {
	pin := &graph.Pin{Type: "pin", MessageID: i.MessageID, ExpirationDays: i.Days}
	if i.Days == 0 {
		pin.Type = "unpin"
	}
	return graph.Message{Type: "pin", Pin: pin}, nil
}

// SendPin pins a message of a group. A group has three pins at most.
func (p *Platform) SendPin(ctx context.Context, to string, i Pin, options ...Option) (id string, err error) {
	return p.Send(ctx, to, i, options...)
}
