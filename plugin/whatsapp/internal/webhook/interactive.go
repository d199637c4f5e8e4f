package webhook

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// quickReply is a tap on a button of a template.
func quickReply(p part, out *chat.Message) error {
	m, ok := p.member.object()
	if !ok {
		return errNoObject
	}
	payload, label := m.word("payload"), m.word("text")
	if payload == "" {
		payload = label // templates without payloads
	}
	if payload == "" {
		return errors.New("it has neither a payload nor a text")
	}
	if payload == graph.ShowHeld {
		set(out, "shows_held", "true") // without a text: it is no question to an agent
		return nil
	}
	out.Text = "button:" + payload
	out.Content.Interaction = &chat.Interaction{
		Kind: chat.InteractionButton, ID: payload, Title: label, SourceMessageID: out.ReplyTo,
	}
	return nil
}

// interactive is an answer to an interactive message.
func interactive(p part, out *chat.Message) error {
	m, ok := p.member.object()
	if !ok {
		return errNoObject
	}
	kind := m.word("type")
	if kind == "" {
		return errors.New("it has no type")
	}
	reply, ok := m.get(kind).object()
	if !ok && !m.get(kind).absent() {
		return errors.New("its " + kind + " is not an object")
	}
	i := &chat.Interaction{
		Kind: chat.InteractionOther, ID: reply.word("id"), Title: reply.word("title"),
		Description: reply.word("description"), SourceMessageID: out.ReplyTo,
	}
	out.Content.Interaction = i
	switch kind {
	case "button_reply":
		i.Kind, out.Text = chat.InteractionButton, "button:"+i.ID
	case "list_reply":
		i.Kind, out.Text = chat.InteractionList, "list:"+i.ID
	case "nfm_reply":
		form(reply, out)
		return nil
	default:
		set(out, "interactive_type", kind)
		if len(reply) > 0 {
			i.Data = m.get(kind).bytes()
		}
		if i.ID == "" {
			i.ID = kind
		}
		if i.Title == "" {
			i.Title = reply.word("response")
		}
		set(out, "response", reply.word("response"))
		set(out, "response_source", reply.word("response_source"))
		set(out, "is_permanent", reply.word("is_permanent"))
		set(out, "expiration_timestamp", reply.word("expiration_timestamp"))
		return nil
	}
	if i.ID == "" {
		return errNoID
	}
	return nil
}

// form is what a flow or another form sent back: JSON in a string, as a rule.
func form(reply members, out *chat.Message) {
	i := out.Content.Interaction
	i.Kind, i.ID, i.Title = chat.InteractionForm, reply.word("name"), reply.word("body")
	if i.ID == "" {
		i.ID = "form"
	}
	out.Text = i.Title
	answers := reply.get("response_json").bytes()
	if len(answers) > 0 && answers[0] == '"' {
		if s := reply.word("response_json"); json.Valid([]byte(s)) {
			answers = json.RawMessage(s)
		}
	}
	if len(answers) == 0 || answers[0] == 'n' {
		return
	}
	i.Data = answers
	members, _ := raw(bytes.TrimSpace(answers)).object()
	set(out, "flow_token", members.word("flow_token"))
}
