package wire

import (
	platformv1 "github.com/aof-dev/aofd/proto/gen/aof/platform/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

func toResponse(r chat.Response) *platformv1.TriggerResponse {
	return &platformv1.TriggerResponse{
		Text: r.Text, Format: formats.number[r.Format], Status: statuses.number[r.Status],
		Actions: each(r.Actions, toAction), Sections: each(r.Sections, toSection), ListLabel: r.ListLabel,
		Header: r.Header, Footer: r.Footer, Attachments: each(r.Attachments, toAttachment),
		Location: maybe(r.Location, toLocation), Contacts: toContacts(r.Contacts),
		Template: maybe(r.Template, func(t chat.Template) *platformv1.Template {
			return &platformv1.Template{Name: t.Name, Language: t.Language, ComponentsJson: t.Components}
		}),
		Reaction: maybe(r.Reaction, toReaction), ReplyTo: r.ReplyTo, ThreadId: r.ThreadID, Metadata: r.Metadata,
		Native: r.Native,
	}
}

func fromResponse(r *platformv1.TriggerResponse) chat.Response {
	out := chat.Response{
		Text: r.GetText(), Format: formats.word[r.GetFormat()], Status: statuses.word[r.GetStatus()],
		Actions: each(r.GetActions(), fromAction), Sections: each(r.GetSections(), fromSection),
		ListLabel: r.GetListLabel(), Header: r.GetHeader(), Footer: r.GetFooter(),
		Attachments: each(r.GetAttachments(), fromAttachment), Contacts: fromContacts(r.GetContacts()),
		ReplyTo: r.GetReplyTo(), ThreadID: r.GetThreadId(), Metadata: r.GetMetadata(), Native: fromJSON(r.GetNative()),
	}
	if l := r.GetLocation(); l != nil {
		out.Location = ptr(fromLocation(l))
	}
	if t := r.GetTemplate(); t != nil {
		out.Template = &chat.Template{Name: t.GetName(), Language: t.GetLanguage(), Components: fromJSON(t.GetComponentsJson())}
	}
	if e := r.GetReaction(); e != nil {
		out.Reaction = ptr(fromReaction(e))
	}
	return out
}

func toAction(a chat.Action) *platformv1.Action {
	return &platformv1.Action{
		Id: a.ID, Label: a.Label, Description: a.Description, Style: actionStyles.number[a.Style], Url: a.URL,
		Value: a.Value,
	}
}

func fromAction(a *platformv1.Action) chat.Action {
	return chat.Action{
		ID: a.GetId(), Label: a.GetLabel(), Description: a.GetDescription(), Style: actionStyles.word[a.GetStyle()],
		URL: a.GetUrl(), Value: a.GetValue(),
	}
}

func toSection(s chat.Section) *platformv1.Section {
	return &platformv1.Section{Title: s.Title, Rows: each(s.Rows, toAction)}
}

func fromSection(s *platformv1.Section) chat.Section {
	return chat.Section{Title: s.GetTitle(), Rows: each(s.GetRows(), fromAction)}
}

func toAttachment(a chat.Attachment) *platformv1.Attachment {
	return &platformv1.Attachment{
		Type: mediaTypes.number[a.Type], Url: a.URL, MediaId: a.MediaID, Data: a.Data, MimeType: a.MimeType,
		Filename: a.Filename, Caption: a.Caption, Voice: a.Voice,
	}
}

func fromAttachment(a *platformv1.Attachment) chat.Attachment {
	return chat.Attachment{
		Type: mediaTypes.word[a.GetType()], URL: a.GetUrl(), MediaID: a.GetMediaId(), Data: a.GetData(),
		MimeType: a.GetMimeType(), Filename: a.GetFilename(), Caption: a.GetCaption(), Voice: a.GetVoice(),
	}
}

func toDelivery(d chat.Delivery) *platformv1.SendResponseRequest {
	return &platformv1.SendResponseRequest{
		DeliveryId: d.ID, Account: d.Account, ChannelId: d.ChannelID, Response: toResponse(d.Response),
		Attempt: uint32(max(d.Attempt, 0)), PartsSent: uint32(max(d.PartsSent, 0)),
		LastInboundAt: toTime(d.LastInboundAt),
	}
}

func fromDelivery(d *platformv1.SendResponseRequest) chat.Delivery {
	return chat.Delivery{
		ID: d.GetDeliveryId(), Account: d.GetAccount(), ChannelID: d.GetChannelId(),
		Response: fromResponse(d.GetResponse()), Attempt: int(d.GetAttempt()), PartsSent: int(d.GetPartsSent()),
		LastInboundAt: fromTime(d.GetLastInboundAt()),
	}
}

func toSent(s chat.Sent) *platformv1.SendResponseResponse {
	return &platformv1.SendResponseResponse{
		MessageIds: s.MessageIDs, Duplicate: s.Duplicate, Held: s.Held,
		Degradations: each(s.Degradations, func(d chat.Degradation) *platformv1.Degradation {
			return &platformv1.Degradation{What: d.What, Detail: d.Detail}
		}),
	}
}

func fromSent(s *platformv1.SendResponseResponse) chat.Sent {
	return chat.Sent{
		MessageIDs: s.GetMessageIds(), Duplicate: s.GetDuplicate(), Held: s.GetHeld(),
		Degradations: each(s.GetDegradations(), func(d *platformv1.Degradation) chat.Degradation {
			return chat.Degradation{What: d.GetWhat(), Detail: d.GetDetail()}
		}),
	}
}

func toCourtesy(c chat.Courtesy) *platformv1.SendSignalRequest {
	return &platformv1.SendSignalRequest{
		Account: c.Account, ChannelId: c.ChannelID, MessageId: c.MessageID, Signal: signals.number[c.Signal],
	}
}

func fromCourtesy(c *platformv1.SendSignalRequest) chat.Courtesy {
	return chat.Courtesy{
		Account: c.GetAccount(), ChannelID: c.GetChannelId(), MessageID: c.GetMessageId(),
		Signal: signals.word[c.GetSignal()],
	}
}
