package whatsapp

import (
	"context"
	"fmt"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/render"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

// OutsideWindow says what becomes of an answer when the user last wrote more than 24 hours ago: then Meta lets
// templates through and nothing else. An answer that fits goes out as Answer; for any other Notice goes out,
// and the answer itself once the user has written or tapped. Without this the answer is refused.
type OutsideWindow struct {
	// Answer is a template with one parameter in its body, which takes a short answer.
	Answer *AnswerTemplate `json:"answer,omitempty" jsonschema:"Template whose one parameter takes a short answer."`
	// Notice is a template that says that an answer waits, with a quick reply to see it.
	Notice *NoticeTemplate `json:"notice,omitempty" jsonschema:"Template that says that an answer waits, with a quick reply such as Show me."`
}

// AnswerTemplate names a template that takes an answer.
type AnswerTemplate struct {
	Name     string `json:"name" jsonschema:"Name of the template."`
	Language string `json:"language" jsonschema:"Language of the template, such as en or en_US."`
	// Parameter is the name of the parameter in the body; empty for a template without names.
	Parameter string `json:"parameter,omitempty" jsonschema:"Name of the parameter in the body, if it has one."`
	// Max is the longest answer that goes this way, in characters; 0 takes 600. All of the body has 1024 at most.
	Max int `json:"max,omitempty" jsonschema:"Longest answer that goes this way, in characters. Defaults to 600."`
}

// NoticeTemplate names a template that says that an answer waits.
type NoticeTemplate struct {
	Name     string `json:"name" jsonschema:"Name of the template."`
	Language string `json:"language" jsonschema:"Language of the template, such as en or en_US."`
	// NoButton is set when the template has no quick reply: then the user has to write something.
	NoButton bool `json:"no_button,omitempty" jsonschema:"Set it when the template has no quick reply."`
}

const defaultAnswerMax = 600

// check says what is wrong with the templates.
func (o *OutsideWindow) check(d *diagnostics) {
	if o == nil {
		return
	}
	if o.Answer == nil && o.Notice == nil {
		d.error("/outside_window", "outside_window names no template", "give it answer, notice or both; or leave it out")
	}
	if a := o.Answer; a != nil {
		d.template("/outside_window/answer", a.Name, a.Language)
		if a.Max < 0 || a.Max > rules.TemplateTextMax {
			d.error("/outside_window/answer/max", fmt.Sprintf("max is not from 1 to %d", rules.TemplateTextMax),
				"the template's own words count, too")
		}
	}
	if n := o.Notice; n != nil {
		d.template("/outside_window/notice", n.Name, n.Language)
	}
}

func (d *diagnostics) template(pointer, name, language string) {
	m := graph.Message{To: "+1", Type: "template", Template: &graph.Template{Name: name, Language: graph.Language{Code: language}}}
	if err := rules.Check(&m); err != nil {
		d.error(pointer, err.Text, err.Hint)
	}
}

// maxNoticed bounds how many chats are remembered as told that an answer waits.
const maxNoticed = 4096

// window knows whether a chat takes free answers, and the way around when it does not.
type window struct {
	templates OutsideWindow
	// noticed has when the user of a chat had last written when the notice went out, so that several answers
	// make one notice. It is forgotten with the process; then there is one notice more.
	noticed *lru.Cache[string, time.Time]
}

func newWindow(o *OutsideWindow) *window {
	w := &window{}
	if o != nil {
		w.templates = *o
	}
	w.noticed, _ = lru.New[string, time.Time](maxNoticed) // fails for a size of 0 only
	return w
}

// WindowEnd returns until when free answers get through to somebody who last wrote or called at a time.
func WindowEnd(lastInboundAt time.Time) time.Time { return lastInboundAt.Add(rules.ReplyWindow) }

// closed reports whether nothing but templates gets through. It does not when nobody knows; then Meta decides.
func closed(d chat.Delivery, now time.Time) bool {
	return !d.LastInboundAt.IsZero() && !now.Before(WindowEnd(d.LastInboundAt))
}

// free reports whether a plan has a message that is no template.
func free(messages []graph.Message) bool {
	for _, m := range messages {
		if m.Type != "template" {
			return true
		}
	}
	return false
}

// around replaces messages that cannot go out. held is true when that is a notice, and empty messages then
// mean that the user knows already.
func (w *window) around(d chat.Delivery, to address.Recipient, plan render.Plan) (out render.Plan, held bool, failure *chat.Error) {
	if a := w.templates.Answer; a != nil && d.PartsSent == 0 && len(plan.Messages) == 1 && plan.Messages[0].Type == "text" {
		most := a.Max
		if most == 0 {
			most = defaultAnswerMax
		}
		line, changed := oneLine(plan.Messages[0].Text.Body)
		if rules.Length(line) <= most {
			t := Template{Name: a.Name, Language: a.Language, Body: []Parameter{{Name: a.Parameter, Text: line}}}
			out, failure = w.plan(t, to, d.ID)
			out.Degradations = plan.Degradations
			if changed {
				out.Degradations = append(out.Degradations, chat.Degradation{
					What: "text", Detail: "it is in one line, as parameters of templates have no line breaks",
				})
			}
			out.Degradations = append(out.Degradations, chat.Degradation{
				What: "template", Detail: "it went out in the template " + a.Name + ", as the user last wrote more than 24 hours ago",
			})
			return out, false, failure
		}
	}
	n := w.templates.Notice
	if n == nil {
		return out, false, windowClosed(d)
	}
	if at, told := w.noticed.Get(chatKey(d)); told && at.Equal(d.LastInboundAt) {
		return render.Plan{}, true, nil
	}
	t := Template{Name: n.Name, Language: n.Language}
	if !n.NoButton {
		t.Buttons = []TemplateButton{{Payload: graph.ShowHeld}}
	}
	// Without the delivery's id, as its receipts say nothing about the answer.
	out, failure = w.plan(t, to, "")
	return out, true, failure
}

func (w *window) plan(t Template, to address.Recipient, callback string) (render.Plan, *chat.Error) {
	m, failure := t.message()
	if failure != nil {
		return render.Plan{}, failure
	}
	m.CallbackData = callback
	return render.One(m, to)
}

// notice remembers that the user of a chat knows that an answer waits.
func (w *window) notice(d chat.Delivery) { w.noticed.Add(chatKey(d), d.LastInboundAt) }

func chatKey(d chat.Delivery) string { return d.Account + " " + d.ChannelID }

// windowIsClosed is Meta's code for that.
const windowIsClosed = "131047"

// windowClosed is what Meta would say.
func windowClosed(d chat.Delivery) *chat.Error {
	return rules.Failure(131047, "the user last wrote at "+d.LastInboundAt.UTC().Format(time.RFC3339)+
		", and 24 hours after that only templates get through",
		"the user has to write first; or name templates for such answers below outside_window")
}

// oneLine writes a text so that a template's parameter can have it. changed is true when a reader sees that.
func oneLine(s string) (line string, changed bool) {
	var lines []string
	for l := range strings.SplitSeq(s, "\n") {
		l = strings.Join(strings.Fields(l), " ")
		if l == "" || l == "```" {
			continue
		}
		lines = append(lines, strings.TrimPrefix(l, "> "))
	}
	return strings.Join(lines, " · "), len(lines) > 1
}

// sendOutside sends a delivery whose window is closed.
func (p *Platform) sendOutside(ctx context.Context, api *line, d chat.Delivery, to address.Recipient, plan render.Plan) (chat.Sent, error) {
	instead, held, failure := p.window.around(d, to, plan)
	if failure != nil {
		return chat.Sent{}, failure
	}
	if len(instead.Messages) == 0 {
		return chat.Sent{Held: held}, nil
	}
	sent, failure := p.send(ctx, api, instead.Messages, max(d.Attempt, 1))
	if failure != nil {
		failure.MessageIDs = nil // none of the answer's own parts is out
		return chat.Sent{}, failure
	}
	sent.Held, sent.Degradations = held, append(instead.Degradations, sent.Degradations...)
	if held {
		p.window.notice(d)
	}
	return sent, nil
}
