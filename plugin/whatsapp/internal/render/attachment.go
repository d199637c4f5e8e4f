package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Unsupported is the cause of an error with chat.ReasonUnsupportedContent.
type Unsupported struct {
	Type string // what cannot be sent
}

// Error returns a sentence with the type.
func (u *Unsupported) Error() string { return "unsupported message type: " + u.Type }

func unsupported(what, hint string) *chat.Error {
	e := rules.Failure(codeType, what+" cannot be sent", hint)
	e.Reason, e.Err = chat.ReasonUnsupportedContent, &Unsupported{Type: what}
	return e
}

// What Meta would answer to a message that is refused here.
const (
	codeShape = 100
	codeValue = 131009
	codeType  = 131051
	codeFile  = 131053
)

func rejected(code int, text, hint string) *chat.Error { return rules.Failure(code, text, hint) }

// file is an attachment as WhatsApp takes it.
type file struct {
	kind    chat.MediaType
	media   graph.Media
	caption string
}

// files looks at the attachments. What WhatsApp does not take as what it is goes as a document.
func (b *builder) files(attachments []chat.Attachment) (out []file, err *chat.Error) {
	for i, a := range attachments {
		f, err := b.newFile(i+1, a)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (b *builder) newFile(n int, a chat.Attachment) (file, *chat.Error) {
	f := file{kind: a.Type, caption: a.Caption}
	switch a.Type {
	case chat.MediaImage, chat.MediaVideo, chat.MediaAudio, chat.MediaSticker, chat.MediaDocument:
	case "file", "": // AOF's words for any file
		f.kind = chat.MediaDocument
	default:
		return f, unsupported(fmt.Sprintf("an attachment of type %.20q", a.Type),
			"the types are image, video, audio, document and sticker")
	}
	f.media.Voice = a.Voice && f.kind == chat.MediaAudio
	switch {
	case a.MediaID != "":
		f.media.ID = a.MediaID
	case a.URL != "":
		f.media.Link = a.URL
	case len(a.Data) > 0:
		if err := b.upload(n, &f, a); err != nil {
			return f, err
		}
	default:
		return f, rejected(codeShape, fmt.Sprintf("attachment %d has neither url, media_id nor data", n), "give it one of them")
	}
	if f.kind == chat.MediaDocument {
		f.media.Filename = fileName(a.Filename)
	}
	return f, nil
}

// fileName returns what a document is called: no path, no control characters, and a long name shortened before its
// extension, as that says what opens the file.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, valid(name))
	name = strings.TrimSpace(name[strings.LastIndexAny(name, `/\`)+1:])
	if len(name) <= rules.FilenameMax {
		return name
	}
	const longestExtension = 20
	extension := path.Ext(name)
	if len(extension) > longestExtension {
		extension = ""
	}
	most := (rules.FilenameMax - len(extension)) / utf8.UTFMax // characters that fit, whatever they are
	return Shorten(strings.TrimSuffix(name, extension), most) + extension
}

// upload takes a file that comes as bytes. A picture, film or sound that WhatsApp does not show goes as a
// document, so that it arrives all the same.
func (b *builder) upload(n int, f *file, a chat.Attachment) *chat.Error {
	content, err := rules.NewFile(bytes.NewReader(a.Data), int64(len(a.Data)), a.MimeType, a.Filename)
	if err != nil {
		return rejected(codeFile, err.Error(), "")
	}
	f.media.File = content
	if f.media.Voice && !rules.IsVoice(content) {
		f.media.Voice = false
		b.degrade("voice", "attachment %d is no voice message, as those are OGG with the codec Opus", n)
	}
	if rules.Fits(f.kind, content) || !rules.Fits(chat.MediaDocument, content) {
		return nil
	}
	b.degrade("attachment", "attachment %d goes as a document, as it is none that WhatsApp shows as %s", n, f.kind)
	f.kind, f.media.Voice = chat.MediaDocument, false
	return nil
}

// header is the file as the header of a message with buttons; nil when it cannot stand there.
func (f *file) header() *graph.Header {
	h := &graph.Header{Type: string(f.kind)}
	media := f.media
	switch {
	case !blank(f.caption):
		return nil
	case f.kind == chat.MediaImage:
		h.Image = &media
	case f.kind == chat.MediaVideo:
		h.Video = &media
	case f.kind == chat.MediaDocument:
		h.Document = &media
	default:
		return nil
	}
	return h
}

// file sends one attachment. A caption that cannot stand with the file goes before it.
func (b *builder) file(f file) {
	media := f.media
	switch {
	case blank(f.caption):
	case f.kind == chat.MediaAudio || f.kind == chat.MediaSticker:
		b.texts(Split(valid(f.caption), rules.TextMax, rules.TextMax))
		b.degrade("caption", "a caption stands before its file, as files of type %s have none", f.kind)
	case rules.Length(f.caption) > rules.CaptionMax:
		b.texts(Split(valid(f.caption), rules.TextMax, rules.TextMax))
		b.degrade("caption", "a caption stands before its file, as it has more than %d characters", rules.CaptionMax)
	default:
		media.Caption = valid(f.caption)
	}
	m := graph.Message{Type: string(f.kind)}
	switch f.kind {
	case chat.MediaImage:
		m.Image = &media
	case chat.MediaVideo:
		m.Video = &media
	case chat.MediaAudio:
		m.Audio = &media
	case chat.MediaSticker:
		m.Sticker = &media
	default:
		m.Document = &media
	}
	b.message(m)
}

func (b *builder) place(l *chat.Location) *chat.Error {
	if b.inGroup() {
		return unsupported("a location in a group", "")
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
	m := graph.Message{Type: "contacts"}
	for _, c := range contacts {
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
	b.message(graph.Message{Type: "reaction", Reaction: &graph.Reaction{MessageID: r.MessageID, Emoji: r.Emoji}})
	return nil
}

func (b *builder) template(t *chat.Template) *chat.Error {
	components := bytes.TrimSpace(t.Components)
	if string(components) == "null" || string(components) == "[]" {
		components = nil
	}
	b.message(graph.Message{Type: "template", Template: &graph.Template{
		Name: t.Name, Language: graph.Language{Code: t.Language}, Components: components,
	}})
	return nil
}

// Native reads a body as an agent wrote it. Who gets it is not the agent's to say.
func Native(raw json.RawMessage) (graph.Message, *chat.Error) {
	if len(raw) > rules.NativeMax {
		return graph.Message{}, rejected(codeShape,
			fmt.Sprintf("the native body has %d bytes, the limit is %d", len(raw), rules.NativeMax), "send less at once")
	}
	var members map[string]json.RawMessage
	var kind string
	if json.Unmarshal(raw, &members) != nil || json.Unmarshal(members["type"], &kind) != nil || kind == "" {
		return graph.Message{}, rejected(codeShape, "the native body is not a JSON object with a type",
			`write it as for the Cloud API, such as {"type":"text","text":{"body":"hi"}}`)
	}
	for _, ours := range []string{"to", "recipient", "recipient_type", "messaging_product", "biz_opaque_callback_data"} {
		delete(members, ours)
	}
	return graph.Message{Type: kind, Native: members}, nil
}
