package webhook

import (
	"strconv"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

var statuses = map[string]chat.ReceiptStatus{
	"sent":      chat.ReceiptSent,
	"delivered": chat.ReceiptDelivered,
	"read":      chat.ReceiptRead,
	"played":    chat.ReceiptPlayed,
	"failed":    chat.ReceiptFailed,
	"deleted":   chat.ReceiptDeleted,
}

// status reads one status of a message that account has sent. Where two names for a member are known, both are read.
func (r *reading) status(path string, part raw, account string) {
	m, ok := part.object()
	if !ok || !readable(part) {
		r.issue(path, MalformedStatus, "the status is not an object of right UTF-8", part)
		return
	}
	id, word := m.word("id"), m.word("status")
	if id == "" || word == "" {
		r.issue(path, MalformedStatus, "the status does not name a message and what became of it", part)
		return
	}
	participant := m.first("recipient_participant_id", "participant_recipient_id", "recipient_participant_user_id",
		"recipient_participant_parent_user_id")
	recipient := either(participant,
		m.first("recipient_id", "recipient_user_id", "recipient_parent_user_id", "parent_recipient_user_id"))
	out := chat.Receipt{
		// A message has one status of a kind per recipient, and in a group many recipients.
		ID:       id + ":" + word + ":" + recipient,
		Platform: Platform, Account: account,
		MessageID: id, DeliveryID: m.word("biz_opaque_callback_data"),
		Status: statuses[word], PlatformStatus: word,
		RecipientID: recipient, At: seconds(m.word("timestamp")),
	}
	facts(m, &out, participant != "")
	failure(m, &out)
	r.out.Receipts = append(r.out.Receipts, out)
}

// failure reads why a message failed.
func failure(m members, out *chat.Receipt) {
	errs := decodeErrors(m.get("errors"))
	failed := out.Status == chat.ReceiptFailed
	if len(errs) > 1 || len(errs) == 1 && !failed {
		add(&out.Metadata, "error_codes", codes(errs))
	}
	switch {
	case failed && len(errs) > 0:
		out.Error = errs[0].Report()
	case failed:
		out.Error = &chat.DeliveryError{
			Reason: chat.ReasonUpstreamError, Permanent: true, Message: "Meta gave no reason for the failure",
		}
	}
}

// copied are members of a status that are kept under their own name.
var copied = []string{"recipient_type", "recipient_user_id", "recipient_identity_key_hash"}

// facts are what has no field of its own.
func facts(m members, out *chat.Receipt, inGroup bool) {
	to := &out.Metadata
	for _, name := range copied {
		add(to, name, m.word(name))
	}
	add(to, "recipient_parent_user_id", m.first("recipient_parent_user_id", "parent_recipient_user_id"))
	add(to, "participant_user_id", m.word("recipient_participant_user_id"))
	add(to, "participant_parent_user_id", m.word("recipient_participant_parent_user_id"))
	if inGroup || m.word("recipient_type") == "group" {
		add(to, "group_id", m.word("recipient_id"))
	}
	pricing := m.in("pricing")
	add(to, "pricing_billable", pricing.word("billable"))
	add(to, "pricing_model", pricing.word("pricing_model"))
	add(to, "pricing_type", pricing.word("type"))
	add(to, "pricing_category", pricing.word("category"))
	add(to, "pricing_cost", pricing.word("cost"))
	conversation := m.in("conversation")
	add(to, "conversation_id", conversation.word("id"))
	add(to, "conversation_expires", conversation.word("expiration_timestamp"))
	add(to, "conversation_origin", conversation.in("origin").word("type"))
}

func decodeErrors(part raw) (errs []*graph.Error) {
	elements, _ := part.list()
	for _, e := range elements {
		if d, ok := graph.DecodeError(e.bytes()); ok {
			errs = append(errs, d)
		}
	}
	return errs
}

func codes(errs []*graph.Error) string {
	out := make([]string, len(errs))
	for i, e := range errs {
		out[i] = strconv.Itoa(e.Code)
	}
	return strings.Join(out, ",")
}
