package render

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/markup"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Plan is what to send, in order, and what it lacks.
type Plan struct {
	Messages     []graph.Message
	Degradations []chat.Degradation
}

// Answer renders an answer. callback travels with each message and comes back in its receipts; it may be
// empty. The error has chat.ReasonContentRejected or chat.ReasonUnsupportedContent, and the code that Meta
// would have answered with.
func Answer(r chat.Response, to address.Recipient, callback string) (Plan, *chat.Error) {
	b := &builder{to: to, preview: r.Metadata[WishPreview] == "true", takeImages: r.Metadata[WishImages] == "attach", literal: markup.Literal}
	if r.Format == chat.FormatText || r.Format == chat.FormatRich {
		b.literal = func(s string) string { return s } // all of it stands as it is
	}
	if len(callback) <= rules.CallbackMax {
		b.callback = callback
	}
	if err := b.answer(r); err != nil {
		return Plan{}, err
	}
	if len(b.plan.Messages) == 0 {
		return Plan{}, rejected(codeShape, "there is nothing to send", "give the answer a text")
	}
	b.quote(r.ReplyTo)
	return b.checked()
}

// One addresses a message that is written already.
func One(m graph.Message, to address.Recipient) (Plan, *chat.Error) {
	b := &builder{to: to, callback: m.CallbackData}
	b.message(m)
	return b.checked()
}

// The wishes that an answer can have in its metadata.
const (
	WishPreview = "preview_url" // "true" shows a preview of the first page in a text
	WishImages  = "images"      // "attach" sends pictures of Markdown as files rather than links
)

// checked returns the plan, unless Meta would refuse a part of it.
func (b *builder) checked() (Plan, *chat.Error) {
	for i := range b.plan.Messages {
		if err := rules.Check(&b.plan.Messages[i]); err != nil {
			return Plan{}, err
		}
	}
	return b.plan, nil
}

// Buttons renders a text with one to three reply buttons.
func Buttons(to address.Recipient, body string, buttons []chat.Action) (Plan, *chat.Error) {
	if n := len(buttons); n < 1 || n > rules.ButtonsMax {
		return Plan{}, rejected(codeValue, fmt.Sprintf("%d buttons, 1 to %d are possible", n, rules.ButtonsMax), "send a list instead")
	}
	return Answer(chat.Response{Text: body, Format: chat.FormatText, Actions: buttons}, to, "")
}

// List renders a text with a list of one to ten rows. header and label may be empty.
func List(to address.Recipient, header, body, label string, sections []chat.Section) (Plan, *chat.Error) {
	rows := 0
	for _, s := range sections {
		rows += len(s.Rows)
	}
	if rows < 1 || rows > rules.RowsMax || len(sections) > rules.SectionsMax {
		return Plan{}, rejected(codeValue, fmt.Sprintf("%d rows in %d sections, 1 to %d rows in at most %d sections are possible",
			rows, len(sections), rules.RowsMax, rules.SectionsMax), "the rows count over all sections")
	}
	return Answer(chat.Response{Header: header, Text: body, Format: chat.FormatText, ListLabel: label, Sections: sections}, to, "")
}

// builder gathers the messages of one answer.
type builder struct {
	to         address.Recipient
	callback   string
	preview    bool
	takeImages bool
	// literal writes words that are no text of the answer, such as labels, so that nothing in them is a mark.
	literal func(string) string
	plan    Plan
}

func (b *builder) inGroup() bool { return b.to.Kind == address.KindGroup }

func (b *builder) degrade(what, detail string, args ...any) {
	b.plan.Degradations = append(b.plan.Degradations, chat.Degradation{What: what, Detail: fmt.Sprintf(detail, args...)})
}

// message adds a message and addresses it.
func (b *builder) message(m graph.Message) {
	m.MessagingProduct, m.RecipientType, m.CallbackData = "whatsapp", "individual", b.callback
	switch b.to.Kind {
	case address.KindUser:
		m.Recipient = b.to.ID
	case address.KindGroup:
		m.RecipientType = "group"
		m.To = b.to.ID
	default:
		m.To = b.to.ID
	}
	b.plan.Messages = append(b.plan.Messages, m)
}

func (b *builder) texts(parts []string) {
	for _, p := range parts {
		preview := b.preview && (strings.Contains(p, "https://") || strings.Contains(p, "http://"))
		b.message(graph.Message{Type: "text", Text: &graph.Text{Body: p, PreviewURL: preview}})
	}
}

// quote makes the first message that can refer to another one do so.
func (b *builder) quote(id string) {
	if id == "" {
		return
	}
	for i := range b.plan.Messages {
		if m := &b.plan.Messages[i]; m.Type != "reaction" {
			m.Context = &graph.Context{MessageID: id}
			return
		}
	}
}

func (b *builder) answer(r chat.Response) *chat.Error {
	if len(r.Native) > 0 {
		m, err := Native(r.Native)
		if err == nil {
			b.message(m)
		}
		return err
	}
	if r.Reaction != nil {
		if err := b.reaction(r.Reaction); err != nil {
			return err
		}
	}
	m, err := b.newMenu(r)
	if err != nil {
		return err
	}
	r.Text, r.Attachments = b.marked(r)
	files, err := b.files(r.Attachments)
	if err != nil {
		return err
	}
	last, files := b.say(r, m, files)
	for _, f := range files {
		b.file(f)
	}
	if err := b.others(r); err != nil {
		return err
	}
	if last != nil {
		b.message(*last)
	}
	return nil
}

// marked turns a text into WhatsApp's marks. Pictures that were taken out of it go behind the attachments.
func (b *builder) marked(r chat.Response) (string, []chat.Attachment) {
	var out markup.Result
	switch r.Format {
	case chat.FormatText, chat.FormatRich:
		return r.Text, r.Attachments
	case chat.FormatHTML:
		out = markup.HTML(r.Text)
	default:
		out = markup.Markdown(r.Text, markup.Options{TakeImages: b.takeImages})
	}
	for _, what := range out.Lost {
		b.degrade("markup", "%s", what)
	}
	if blank(out.Text) && len(out.Images) == 0 {
		return r.Text, r.Attachments // such as a comment alone: better seen than lost
	}
	attachments := slices.Clone(r.Attachments)
	for _, i := range out.Images {
		attachments = append(attachments, chat.Attachment{Type: chat.MediaImage, URL: i.URL, Caption: i.Alt})
	}
	return out.Text, attachments
}

// others sends what is neither text, file nor menu.
func (b *builder) others(r chat.Response) *chat.Error {
	if r.Location != nil {
		if err := b.place(r.Location); err != nil {
			return err
		}
	}
	if len(r.Contacts) > 0 {
		if err := b.cards(r.Contacts); err != nil {
			return err
		}
	}
	if r.Template != nil {
		return b.template(r.Template)
	}
	return nil
}

// say sends the text, and returns the message with the menu for the end and the files that are left.
func (b *builder) say(r chat.Response, m menu, files []file) (*graph.Message, []file) {
	form := m.form(b.inGroup())
	links := ""
	if form != formLink {
		links = b.links(m)
	}
	if form == formNone || form == formNumbers {
		menu := ""
		if form == formNumbers {
			menu = b.numbers(m)
		}
		if text := paragraphs(b.literal(r.Header), r.Text, links, b.literal(r.Footer), menu); text != "" {
			parts := Split(signed(valid(text), r.Status), rules.TextMax, rules.TextMax)
			if len(parts) > 1 {
				b.degrade("text", "it has more than %d characters and went out in %d messages", rules.TextMax, len(parts))
			}
			b.texts(parts)
		}
		return nil, files
	}
	i := graph.Interactive{Type: "button"}
	switch form {
	case formButtons:
		i.Action = b.buttons(m.sections[0].Rows)
	case formLink:
		i.Type, i.Action = "cta_url", b.linkButton(m.pages[0])
	default:
		i.Type, i.Action = "list", b.list(m, r.ListLabel)
	}
	header, footer := b.frame(&i, r)
	body := paragraphs(header, r.Text, links, footer)
	if body == "" {
		body = defaultBody
	}
	parts := Split(signed(valid(body), r.Status), rules.TextMax, rules.InteractiveMax)
	if len(parts) > 1 {
		b.degrade("text", "the text has more than %d characters, so only its last part stands with the actions",
			rules.InteractiveMax)
	} else if form != formList && i.Header == nil && len(files) == 1 && files[0].header() != nil {
		// One message instead of two: each costs, and they could arrive in another order.
		i.Header, files = files[0].header(), nil
	}
	b.texts(parts[:len(parts)-1])
	i.Body = &graph.Words{Text: parts[len(parts)-1]}
	return &graph.Message{Type: "interactive", Interactive: &i}, files
}

// frame sets header and footer of an interactive message; what does not fit there goes to the text.
func (b *builder) frame(i *graph.Interactive, r chat.Response) (header, footer string) {
	if oneLine(r.Header, rules.HeaderMax) {
		if !blank(r.Header) {
			i.Header = &graph.Header{Type: "text", Text: r.Header}
		}
	} else {
		header = b.literal(r.Header)
		b.degrade("header", "it stands in the text, as a header has one line of %d characters", rules.HeaderMax)
	}
	if oneLine(r.Footer, rules.FooterMax) {
		if !blank(r.Footer) {
			i.Footer = &graph.Words{Text: r.Footer}
		}
	} else {
		footer = b.literal(r.Footer)
		b.degrade("footer", "it stands in the text, as a footer has one line of %d characters", rules.FooterMax)
	}
	return header, footer
}

func valid(s string) string { return strings.ToValidUTF8(s, string(utf8.RuneError)) }
