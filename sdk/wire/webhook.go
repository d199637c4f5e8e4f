package wire

import (
	platformv1 "github.com/aof-dev/aofd/proto/gen/aof/platform/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

func toRequest(r chat.Request) *platformv1.HttpRequest {
	out := &platformv1.HttpRequest{Method: r.Method, Uri: r.URI, Body: r.Body, ReceivedAt: toTime(r.ReceivedAt)}
	if r.Headers == nil {
		return out
	}
	headers := make([]platformv1.Header, len(r.Headers)) // in one piece
	out.Headers = make([]*platformv1.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i].Name, headers[i].Value = h.Name, h.Value
		out.Headers[i] = &headers[i]
	}
	return out
}

func fromRequest(r *platformv1.HttpRequest) chat.Request {
	return chat.Request{
		Method: r.GetMethod(), URI: r.GetUri(), Body: r.GetBody(), ReceivedAt: fromTime(r.GetReceivedAt()),
		Headers: each(r.GetHeaders(), func(h *platformv1.Header) chat.Header {
			return chat.Header{Name: h.GetName(), Value: h.GetValue()}
		}),
	}
}

func toReply(r chat.HTTPReply) *platformv1.HttpReply {
	return &platformv1.HttpReply{Status: uint32(max(r.Status, 0)), ContentType: r.ContentType, Body: r.Body}
}

func fromReply(r *platformv1.HttpReply) *chat.HTTPReply {
	if r == nil {
		return nil
	}
	return &chat.HTTPReply{Status: int(r.GetStatus()), ContentType: r.GetContentType(), Body: r.GetBody()}
}

func toVerification(v chat.Verification) *platformv1.VerifySignatureResponse {
	return &platformv1.VerifySignatureResponse{
		Verdict: toVerdict(v.Verdict), Reason: v.Reason, HttpReply: maybe(v.Reply, toReply),
	}
}

func fromVerification(v *platformv1.VerifySignatureResponse) chat.Verification {
	return chat.Verification{
		Verdict: fromVerdict(v.GetVerdict()), Reason: v.GetReason(), Reply: fromReply(v.GetHttpReply()),
	}
}

// A verdict that is not said is invalid, on both sides.
func toVerdict(v chat.Verdict) platformv1.Verdict {
	if n := verdicts.number[v]; n != platformv1.Verdict_VERDICT_UNSPECIFIED {
		return n
	}
	return platformv1.Verdict_VERDICT_INVALID
}

func fromVerdict(v platformv1.Verdict) chat.Verdict {
	if w := verdicts.word[v]; w != "" {
		return w
	}
	return chat.VerdictInvalid
}

// toBatch fails closed: without a valid signature nothing of the body leaves the plugin.
func toBatch(b chat.Batch) *platformv1.ParseMessageResponse {
	out := &platformv1.ParseMessageResponse{
		Verdict: toVerdict(b.Verdict), Reason: b.Reason, HttpReply: maybe(b.Reply, toReply),
	}
	if out.Verdict != platformv1.Verdict_VERDICT_VALID {
		return out
	}
	out.Messages = each(b.Messages, toMessage)
	out.Receipts = each(b.Receipts, toReceipt)
	out.Notices = each(b.Notices, toNotice)
	out.Issues = each(b.Issues, func(i chat.Issue) *platformv1.Issue {
		return &platformv1.Issue{Path: i.Path, Reason: i.Reason, Detail: i.Detail, Raw: i.Raw}
	})
	return out
}

// fromBatch fails closed once more, whatever language the plugin is written in.
func fromBatch(b *platformv1.ParseMessageResponse) chat.Batch {
	out := chat.Batch{Verification: chat.Verification{
		Verdict: fromVerdict(b.GetVerdict()), Reason: b.GetReason(), Reply: fromReply(b.GetHttpReply()),
	}}
	if out.Verdict != chat.VerdictValid {
		return out
	}
	out.Messages = each(b.GetMessages(), fromMessage)
	out.Receipts = each(b.GetReceipts(), fromReceipt)
	out.Notices = each(b.GetNotices(), fromNotice)
	out.Issues = each(b.GetIssues(), func(i *platformv1.Issue) chat.Issue {
		return chat.Issue{Path: i.GetPath(), Reason: i.GetReason(), Detail: i.GetDetail(), Raw: i.GetRaw()}
	})
	return out
}

func toReceipt(r chat.Receipt) *platformv1.Receipt {
	return &platformv1.Receipt{
		Id: r.ID, Platform: r.Platform, Account: r.Account, MessageId: r.MessageID, DeliveryId: r.DeliveryID,
		Status: receiptStatuses.number[r.Status], PlatformStatus: r.PlatformStatus, RecipientId: r.RecipientID,
		At: toTime(r.At), Metadata: r.Metadata,
		Error: maybe(r.Error, func(e chat.DeliveryError) *platformv1.DeliveryError {
			return &platformv1.DeliveryError{
				Reason: string(e.Reason), PlatformCode: e.PlatformCode, Message: e.Message, Hint: e.Hint, Permanent: e.Permanent,
				RetryAfter: toDuration(e.RetryAfter),
			}
		}),
	}
}

func fromReceipt(r *platformv1.Receipt) chat.Receipt {
	out := chat.Receipt{
		ID: r.GetId(), Platform: r.GetPlatform(), Account: r.GetAccount(), MessageID: r.GetMessageId(),
		DeliveryID: r.GetDeliveryId(), Status: receiptStatuses.word[r.GetStatus()],
		PlatformStatus: r.GetPlatformStatus(), RecipientID: r.GetRecipientId(), At: fromTime(r.GetAt()),
		Metadata: r.GetMetadata(),
	}
	if e := r.GetError(); e != nil {
		out.Error = &chat.DeliveryError{
			Reason: chat.Reason(e.GetReason()), PlatformCode: e.GetPlatformCode(), Message: e.GetMessage(),
			Hint: e.GetHint(), Permanent: e.GetPermanent(), RetryAfter: e.GetRetryAfter().AsDuration(),
		}
	}
	return out
}

func toNotice(n chat.Notice) *platformv1.Notice {
	return &platformv1.Notice{
		Id: n.ID, Platform: n.Platform, Account: n.Account, Kind: n.Kind, Summary: n.Summary, Raw: n.Raw, At: toTime(n.At),
	}
}

func fromNotice(n *platformv1.Notice) chat.Notice {
	return chat.Notice{
		ID: n.GetId(), Platform: n.GetPlatform(), Account: n.GetAccount(), Kind: n.GetKind(), Summary: n.GetSummary(),
		Raw: fromJSON(n.GetRaw()), At: fromTime(n.GetAt()),
	}
}
