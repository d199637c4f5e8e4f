package webhook

import (
	"fmt"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// message reads one live message, or says what is wrong with it.
func (r *reading) message(path string, part raw, v *value) {
	m, ok := part.object()
	if !ok || !readable(part) {
		r.issue(path, MalformedMessage, "the message is not an object of right UTF-8", part)
		return
	}
	id := m.word("id")
	if id == "" {
		r.issue(path, MalformedMessage, "the message has no id, so it could not be told from its repetition", part)
		return
	}
	user, keyHash, ok := v.sender(m)
	if !ok {
		r.issue(path, MalformedMessage, "nothing says who sent the message", part)
		return
	}
	out := chat.Message{
		ID: id, Platform: Platform, Account: v.account, ChannelID: user.ID, User: user,
		SentAt: seconds(m.word("timestamp")), ReceivedAt: r.receivedAt, Raw: part.bytes(),
	}
	if group := m.word("group_id"); group != "" {
		out.ChannelID = address.Group(group)
		set(&out, "group_id", group)
	}
	set(&out, "identity_key_hash", keyHash)
	r.quote(path, m.get("context"), &out)
	r.referral(path, m.get("referral"), &out)
	if err := content(m, &out); err != nil {
		r.issue(path, MalformedMessage, err.Error(), part)
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
func (r *reading) quote(path string, part raw, out *chat.Message) {
	if part.absent() {
		return
	}
	c, ok := part.object()
	if !ok {
		r.issue(path+"/context", MalformedMember, "the context is not an object; the message was used without it", part)
		return
	}
	often := c.word("frequently_forwarded") == "true"
	out.ReplyTo = c.word("id")
	out.Forwarded = c.word("forwarded") == "true" || often
	set(out, "context_from", c.word("from"))
	set(out, "context_from_user_id", c.word("from_user_id"))
	if often {
		set(out, "frequently_forwarded", "true")
	}
	product := c.in("referred_product")
	set(out, "product_catalog_id", product.word("catalog_id"))
	set(out, "product_retailer_id", product.word("product_retailer_id"))
}

// referrals are the facts on the advertisement that a chat came from.
var referrals = []string{
	"source_url", "source_id", "source_type", "headline", "body", "media_type", "image_url", "video_url",
	"thumbnail_url", "ctwa_clid",
}

func (r *reading) referral(path string, part raw, out *chat.Message) {
	if part.absent() {
		return
	}
	m, ok := part.object()
	if !ok {
		r.issue(path+"/referral", MalformedMember, "the referral is not an object; the message was used without it", part)
		return
	}
	for _, name := range referrals {
		set(out, "referral_"+name, m.word(name))
	}
	set(out, "referral_welcome_message", m.in("welcome_message").word("text"))
}

// part is what the readers of kinds get: a message and the member that its type names.
type part struct {
	kind    string
	member  raw
	missing bool // the kind is known, and the member is not there
	message members
}

// content fills in what a message is. A kind that nobody knows, or one without its member, is unsupported
// and still a message; a member of a wrong shape is an error.
func content(m members, out *chat.Message) error {
	p := part{kind: m.word("type"), message: m}
	p.member = m.get(p.kind)
	read, known := kinds[p.kind]
	p.missing = known && p.member.absent() && !bare[p.kind]
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
func errorOf(m members) *graph.Error {
	if errs := decodeErrors(m.get("errors")); len(errs) > 0 {
		return errs[0]
	}
	return nil
}
