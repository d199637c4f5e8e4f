package webhook

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// status is what became of a message of ours, as Meta writes it. Where two names for a member are known,
// both are read.
type status struct {
	ID                     graph.Scalar    `json:"id"`
	Status                 graph.Scalar    `json:"status"`
	Timestamp              graph.Scalar    `json:"timestamp"`
	RecipientID            graph.Scalar    `json:"recipient_id"`
	RecipientUserID        graph.Scalar    `json:"recipient_user_id"`
	RecipientParentUserID  graph.Scalar    `json:"recipient_parent_user_id"`
	RecipientParentUserID2 graph.Scalar    `json:"parent_recipient_user_id"`
	RecipientType          graph.Scalar    `json:"recipient_type"`
	ParticipantID          graph.Scalar    `json:"recipient_participant_id"`
	ParticipantID2         graph.Scalar    `json:"participant_recipient_id"`
	ParticipantUserID      graph.Scalar    `json:"recipient_participant_user_id"`
	ParticipantParentID    graph.Scalar    `json:"recipient_participant_parent_user_id"`
	KeyHash                graph.Scalar    `json:"recipient_identity_key_hash"`
	CallbackData           graph.Scalar    `json:"biz_opaque_callback_data"`
	Conversation           json.RawMessage `json:"conversation"`
	Pricing                json.RawMessage `json:"pricing"`
	Errors                 json.RawMessage `json:"errors"`
}

var statuses = map[string]chat.ReceiptStatus{
	"sent":      chat.ReceiptSent,
	"delivered": chat.ReceiptDelivered,
	"read":      chat.ReceiptRead,
	"played":    chat.ReceiptPlayed,
	"failed":    chat.ReceiptFailed,
	"deleted":   chat.ReceiptDeleted,
}

// status reads one status of a message that account has sent.
func (r *reading) status(path string, raw json.RawMessage, account string) {
	var s status
	if absent(raw) || json.Unmarshal(raw, &s) != nil || !readable(raw) {
		r.issue(path, MalformedStatus, "the status is not an object of right UTF-8", raw)
		return
	}
	if s.ID == "" || s.Status == "" {
		r.issue(path, MalformedStatus, "the status does not name a message and what became of it", raw)
		return
	}
	participant := first(s.ParticipantID, s.ParticipantID2, s.ParticipantUserID, s.ParticipantParentID)
	recipient := either(participant,
		first(s.RecipientID, s.RecipientUserID, s.RecipientParentUserID, s.RecipientParentUserID2))
	out := chat.Receipt{
		// A message has one status of a kind per recipient, and in a group many recipients.
		ID:       strings.Join([]string{string(s.ID), string(s.Status), recipient}, ":"),
		Platform: Platform, Account: account,
		MessageID: string(s.ID), DeliveryID: string(s.CallbackData),
		Status: statuses[string(s.Status)], PlatformStatus: string(s.Status),
		RecipientID: recipient, At: seconds(s.Timestamp),
	}
	s.facts(&out, participant != "")
	s.failure(&out)
	r.out.Receipts = append(r.out.Receipts, out)
}

// failure reads why a message failed.
func (s *status) failure(out *chat.Receipt) {
	errs := decodeErrors(s.Errors)
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

// facts are what has no field of its own.
func (s *status) facts(out *chat.Receipt, inGroup bool) {
	m := &out.Metadata
	add(m, "recipient_type", string(s.RecipientType))
	add(m, "recipient_user_id", string(s.RecipientUserID))
	add(m, "recipient_parent_user_id", first(s.RecipientParentUserID, s.RecipientParentUserID2))
	add(m, "participant_user_id", string(s.ParticipantUserID))
	add(m, "participant_parent_user_id", string(s.ParticipantParentID))
	add(m, "recipient_identity_key_hash", string(s.KeyHash))
	if inGroup || s.RecipientType == "group" {
		add(m, "group_id", string(s.RecipientID))
	}
	if !absent(s.Pricing) {
		pricing, _ := object(s.Pricing)
		add(m, "pricing_billable", word(pricing["billable"]))
		add(m, "pricing_model", word(pricing["pricing_model"]))
		add(m, "pricing_type", word(pricing["type"]))
		add(m, "pricing_category", word(pricing["category"]))
		add(m, "pricing_cost", word(pricing["cost"]))
	}
	if !absent(s.Conversation) {
		conversation, _ := object(s.Conversation)
		origin, _ := object(conversation["origin"])
		add(m, "conversation_id", word(conversation["id"]))
		add(m, "conversation_expires", word(conversation["expiration_timestamp"]))
		add(m, "conversation_origin", word(origin["type"]))
	}
}

func first(texts ...graph.Scalar) string {
	for _, t := range texts {
		if t != "" {
			return string(t)
		}
	}
	return ""
}

func decodeErrors(raw json.RawMessage) (errs []*graph.Error) {
	elements, _ := list(raw)
	for _, e := range elements {
		if d, ok := graph.DecodeError(e); ok {
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
