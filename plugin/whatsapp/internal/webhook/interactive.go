package webhook

import (
	"encoding/json"
	"errors"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// quickReply is a tap on a button of a template.
func quickReply(p part, out *chat.Message) error {
	m, ok := object(p.member)
	if !ok {
		return errNoObject
	}
	payload, label := word(m["payload"]), word(m["text"])
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
	m, ok := object(p.member)
	if !ok {
		return errNoObject
	}
	kind := word(m["type"])
	if kind == "" {
		return errors.New("it has no type")
	}
	reply, ok := object(m[kind])
	if !ok && !absent(m[kind]) {
		return errors.New("its " + kind + " is not an object")
	}
	i := &chat.Interaction{
		Kind: chat.InteractionOther, ID: word(reply["id"]), Title: word(reply["title"]),
		Description: word(reply["description"]), SourceMessageID: out.ReplyTo,
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
			i.Data = m[kind]
		}
		if i.ID == "" {
			i.ID = kind
		}
		if i.Title == "" {
			i.Title = word(reply["response"])
		}
		set(out, "response", word(reply["response"]))
		set(out, "response_source", word(reply["response_source"]))
		set(out, "is_permanent", word(reply["is_permanent"]))
		set(out, "expiration_timestamp", word(reply["expiration_timestamp"]))
		return nil
	}
	if i.ID == "" {
		return errNoID
	}
	return nil
}

// form is what a flow or another form sent back: JSON in a string, as a rule.
func form(reply map[string]json.RawMessage, out *chat.Message) {
	i := out.Content.Interaction
	i.Kind, i.ID, i.Title = chat.InteractionForm, word(reply["name"]), word(reply["body"])
	if i.ID == "" {
		i.ID = "form"
	}
	out.Text = i.Title
	answers := reply["response_json"]
	if len(answers) > 0 && answers[0] == '"' {
		if s := word(answers); json.Valid([]byte(s)) {
			answers = json.RawMessage(s)
		}
	}
	if absent(answers) {
		return
	}
	i.Data = answers
	members, _ := object(answers)
	set(out, "flow_token", word(members["flow_token"]))
}
