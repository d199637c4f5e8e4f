package webhook

import (
	"encoding/json"
	"fmt"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// message reads one live message, or says what is wrong with it.
func (r *reading) message(path string, raw json.RawMessage, v *value) {
	m, ok := object(raw)
	if !ok || !readable(raw) {
		r.issue(path, MalformedMessage, "the message is not an object of right UTF-8", raw)
		return
	}
	id := word(m["id"])
	if id == "" {
		r.issue(path, MalformedMessage, "the message has no id, so it could not be told from its repetition", raw)
		return
	}
	user, keyHash, ok := v.sender(m)
	if !ok {
		r.issue(path, MalformedMessage, "nothing says who sent the message", raw)
		return
	}
	out := chat.Message{
		ID: id, Platform: Platform, Account: string(v.Metadata.PhoneNumberID), ChannelID: user.ID, User: user,
		SentAt: seconds(graph.Scalar(word(m["timestamp"]))), ReceivedAt: r.receivedAt, Raw: raw,
	}
	if group := word(m["group_id"]); group != "" {
		out.ChannelID = address.Group(group)
		set(&out, "group_id", group)
	}
	set(&out, "identity_key_hash", keyHash)
	r.quote(path, m["context"], &out)
	r.referral(path, m["referral"], &out)
	if err := content(m, &out); err != nil {
		r.issue(path, MalformedMessage, err.Error(), raw)
		return
	}
	out.Refusal = r.Allow.Refuse(user)
	r.out.Messages = append(r.out.Messages, out)
}

// set adds a fact that has no field of its own.
func set(out *chat.Message, name, fact string) { add(&out.Metadata, name, fact) }

// add puts a fact into metadata; an empty one is no fact.
func add(metadata *map[string]string, name, fact string) {
	if fact == "" {
		return
	}
	if *metadata == nil {
		*metadata = map[string]string{}
	}
	(*metadata)[name] = fact
}

// quote reads what a message refers to: the message that it answers or that offered a button, or whether
// it was passed on.
func (r *reading) quote(path string, raw json.RawMessage, out *chat.Message) {
	if absent(raw) {
		return
	}
	var c struct {
		ID        graph.Scalar    `json:"id"`
		From      graph.Scalar    `json:"from"`
		FromUser  graph.Scalar    `json:"from_user_id"`
		Forwarded graph.Scalar    `json:"forwarded"`
		Often     graph.Scalar    `json:"frequently_forwarded"`
		Product   json.RawMessage `json:"referred_product"`
	}
	if json.Unmarshal(raw, &c) != nil {
		r.issue(path+"/context", MalformedMember, "the context is not an object; the message was used without it", raw)
		return
	}
	out.ReplyTo = string(c.ID)
	out.Forwarded = c.Forwarded == "true" || c.Often == "true"
	set(out, "context_from", string(c.From))
	set(out, "context_from_user_id", string(c.FromUser))
	if c.Often == "true" {
		set(out, "frequently_forwarded", "true")
	}
	product, _ := object(c.Product)
	set(out, "product_catalog_id", word(product["catalog_id"]))
	set(out, "product_retailer_id", word(product["product_retailer_id"]))
}

// referrals are the facts on the advertisement that a chat came from.
var referrals = []string{
	"source_url", "source_id", "source_type", "headline", "body", "media_type", "image_url", "video_url",
	"thumbnail_url", "ctwa_clid",
}

func (r *reading) referral(path string, raw json.RawMessage, out *chat.Message) {
	if absent(raw) {
		return
	}
	m, ok := object(raw)
	if !ok {
		r.issue(path+"/referral", MalformedMember, "the referral is not an object; the message was used without it", raw)
		return
	}
	for _, name := range referrals {
		set(out, "referral_"+name, word(m[name]))
	}
	welcome, _ := object(m["welcome_message"])
	set(out, "referral_welcome_message", word(welcome["text"]))
}

// absent reports whether a member is missing or null.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || raw[0] == 'n' }

// part is what the readers of kinds get: a message and the member that its type names.
type part struct {
	kind    string
	member  json.RawMessage
	missing bool // the kind is known, and the member is not there
	message map[string]json.RawMessage
}

// content fills in what a message is. A kind that nobody knows, or one without its member, is unsupported
// and still a message; a member of a wrong shape is an error.
func content(m map[string]json.RawMessage, out *chat.Message) error {
	p := part{kind: word(m["type"]), message: m}
	p.member = m[p.kind]
	read, known := kinds[p.kind]
	p.missing = known && absent(p.member) && !bare[p.kind]
	if !known || p.missing {
		return unsupported(p, out)
	}
	if err := read(p, out); err != nil {
		if failed := errorOf(m); failed != nil {
			return unsupported(p, out) // Meta itself says that it is broken
		}
		return fmt.Errorf("%s message: %w", p.kind, err)
	}
	if e := errorOf(m); e != nil && out.Content.Unsupported == nil {
		set(out, "error_code", fmt.Sprint(e.Code))
		set(out, "error_detail", e.Error())
	}
	return nil
}

// errorOf returns the first error that Meta attached to a message.
func errorOf(m map[string]json.RawMessage) *graph.Error {
	errs, _ := list(m["errors"])
	for _, raw := range errs {
		if e, ok := graph.DecodeError(raw); ok {
			return e
		}
	}
	return nil
}
