package render

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Plan is what to send, in order, and what it lacks.
type Plan struct {
	Messages     []graph.Message
	Degradations []chat.Degradation
}

// Answer renders an answer. callback travels with each message and comes back in its receipts; it may be
// empty. The error has chat.ReasonContentRejected or chat.ReasonUnsupportedContent.
func Answer(r chat.Response, to address.Recipient, callback string) (Plan, *chat.Error) {
	b := &builder{to: to}
	if len(callback) <= CallbackMax {
		b.callback = callback
	}
	if err := b.answer(r); err != nil {
		return Plan{}, err
	}
	if len(b.plan.Messages) == 0 {
		return Plan{}, rejected("there is nothing to send", "give the answer a text")
	}
	b.quote(r.ReplyTo)
	return b.plan, nil
}

// Buttons renders a text with one to three reply buttons.
func Buttons(to address.Recipient, body string, buttons []chat.Action) (Plan, *chat.Error) {
	if n := len(buttons); n < 1 || n > ButtonsMax {
		return Plan{}, rejected(fmt.Sprintf("%d buttons, 1 to %d are possible", n, ButtonsMax), "send a list instead")
	}
	return Answer(chat.Response{Text: body, Actions: buttons}, to, "")
}

// List renders a text with a list of one to ten rows. header and label may be empty.
func List(to address.Recipient, header, body, label string, sections []chat.Section) (Plan, *chat.Error) {
	rows := 0
	for _, s := range sections {
		rows += len(s.Rows)
	}
	if rows < 1 || rows > RowsMax || len(sections) > SectionsMax {
		return Plan{}, rejected(fmt.Sprintf("%d rows in %d sections, 1 to %d rows in at most %d sections are possible",
			rows, len(sections), RowsMax, SectionsMax), "the rows count over all sections")
	}
	return Answer(chat.Response{Header: header, Text: body, ListLabel: label, Sections: sections}, to, "")
}

// builder gathers the messages of one answer.
type builder struct {
	to       address.Recipient
	callback string
	plan     Plan
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
		b.message(graph.Message{Type: "text", Text: &graph.Text{Body: p}})
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
		return b.native(r.Native)
	}
	if r.Format == chat.FormatHTML {
		b.degrade("format", "HTML is sent as it is, as WhatsApp has a markup of its own")
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
	last := b.say(r, m)
	if err := b.others(r); err != nil {
		return err
	}
	if last != nil {
		b.message(*last)
	}
	return nil
}

// others sends what is neither text nor a menu.
func (b *builder) others(r chat.Response) *chat.Error {
	for i, a := range r.Attachments {
		if err := b.file(i+1, a); err != nil {
			return err
		}
	}
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

// say sends the text, and returns the message with the menu for the end.
func (b *builder) say(r chat.Response, m menu) *graph.Message {
	form := m.form(b.inGroup())
	links := strings.Join(m.links, "\n")
	if form == formNone || form == formNumbers {
		menu := ""
		if form == formNumbers {
			menu = b.numbers(m)
		}
		if text := paragraphs(r.Header, r.Text, links, r.Footer, menu); text != "" {
			parts := Split(signed(valid(text), r.Status), TextMax, TextMax)
			if len(parts) > 1 {
				b.degrade("text", "it has more than %d characters and went out in %d messages", TextMax, len(parts))
			}
			b.texts(parts)
		}
		return nil
	}
	i := graph.Interactive{Type: "button"}
	if form == formButtons {
		i.Action = b.buttons(m.sections[0].Rows)
	} else {
		i.Type, i.Action = "list", b.list(m, r.ListLabel)
	}
	header, footer := b.frame(&i, r)
	body := paragraphs(header, r.Text, links, footer)
	if body == "" {
		body = defaultBody
	}
	parts := Split(signed(valid(body), r.Status), TextMax, InteractiveMax)
	if len(parts) > 1 {
		b.degrade("text", "the text has more than %d characters, so only its last part stands with the actions",
			InteractiveMax)
	}
	b.texts(parts[:len(parts)-1])
	i.Body.Text = parts[len(parts)-1]
	return &graph.Message{Type: "interactive", Interactive: &i}
}

// frame sets header and footer of an interactive message; what does not fit there goes to the text.
func (b *builder) frame(i *graph.Interactive, r chat.Response) (header, footer string) {
	if oneLine(r.Header, HeaderMax) {
		if !blank(r.Header) {
			i.Header = &graph.Header{Type: "text", Text: r.Header}
		}
	} else {
		header = r.Header
		b.degrade("header", "it stands in the text, as a header has one line of %d characters", HeaderMax)
	}
	if oneLine(r.Footer, FooterMax) {
		if !blank(r.Footer) {
			i.Footer = &graph.Words{Text: r.Footer}
		}
	} else {
		footer = r.Footer
		b.degrade("footer", "it stands in the text, as a footer has one line of %d characters", FooterMax)
	}
	return header, footer
}

func valid(s string) string { return strings.ToValidUTF8(s, string(utf8.RuneError)) }
