package wire

import (
	platformv1 "github.com/aof-dev/aofd/proto/gen/aof/platform/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

func toMessage(m chat.Message) *platformv1.TriggerMessage {
	return &platformv1.TriggerMessage{
		Id: m.ID, SemanticKey: m.SemanticKey, Platform: m.Platform, Account: m.Account, ChannelId: m.ChannelID,
		User: toUser(m.User), Text: m.Text, Content: toContent(m.Content), SentAt: toTime(m.SentAt),
		ReceivedAt: toTime(m.ReceivedAt), ThreadId: m.ThreadID, ReplyTo: m.ReplyTo, Forwarded: m.Forwarded,
		Metadata: m.Metadata, Raw: m.Raw,
		Refusal: maybe(m.Refusal, func(r chat.Refusal) *platformv1.Refusal {
			return &platformv1.Refusal{Reason: r.Reason, Detail: r.Detail}
		}),
	}
}

func fromMessage(m *platformv1.TriggerMessage) chat.Message {
	out := chat.Message{
		ID: m.GetId(), SemanticKey: m.GetSemanticKey(), Platform: m.GetPlatform(), Account: m.GetAccount(),
		ChannelID: m.GetChannelId(), User: fromUser(m.GetUser()), Text: m.GetText(), Content: fromContent(m.GetContent()),
		SentAt: fromTime(m.GetSentAt()), ReceivedAt: fromTime(m.GetReceivedAt()), ThreadID: m.GetThreadId(),
		ReplyTo: m.GetReplyTo(), Forwarded: m.GetForwarded(), Metadata: m.GetMetadata(), Raw: fromJSON(m.GetRaw()),
	}
	if r := m.GetRefusal(); r != nil {
		out.Refusal = &chat.Refusal{Reason: r.GetReason(), Detail: r.GetDetail()}
	}
	return out
}

func toUser(u chat.User) *platformv1.User {
	return &platformv1.User{
		Id: u.ID, Aliases: u.Aliases, Username: u.Username, DisplayName: u.DisplayName, IsBot: u.IsBot,
	}
}

func fromUser(u *platformv1.User) chat.User {
	return chat.User{
		ID: u.GetId(), Aliases: u.GetAliases(), Username: u.GetUsername(), DisplayName: u.GetDisplayName(),
		IsBot: u.GetIsBot(),
	}
}

func toContent(c chat.Content) *platformv1.Content {
	switch c.Kind() {
	case chat.KindMedia:
		return &platformv1.Content{Kind: &platformv1.Content_Media{Media: toMedia(*c.Media)}}
	case chat.KindInteraction:
		return &platformv1.Content{Kind: &platformv1.Content_Interaction{Interaction: toInteraction(*c.Interaction)}}
	case chat.KindLocation:
		return &platformv1.Content{Kind: &platformv1.Content_Location{Location: toLocation(*c.Location)}}
	case chat.KindContacts:
		return &platformv1.Content{Kind: &platformv1.Content_Contacts{Contacts: toContacts(c.Contacts)}}
	case chat.KindReaction:
		return &platformv1.Content{Kind: &platformv1.Content_Reaction{Reaction: toReaction(*c.Reaction)}}
	case chat.KindOrder:
		return &platformv1.Content{Kind: &platformv1.Content_Order{Order: toOrder(*c.Order)}}
	case chat.KindSystem:
		return &platformv1.Content{Kind: &platformv1.Content_System{System: toSystem(*c.System)}}
	case chat.KindUnsupported:
		u := c.Unsupported
		return &platformv1.Content{Kind: &platformv1.Content_Unsupported{
			Unsupported: &platformv1.Unsupported{Type: u.Type, Code: u.Code, Detail: u.Detail},
		}}
	}
	return &platformv1.Content{Kind: &platformv1.Content_Text{Text: &platformv1.TextContent{}}}
}

// fromContent takes a kind that is missing or from a later contract as unsupported, so that nobody takes it
// for typed text.
func fromContent(c *platformv1.Content) chat.Content {
	switch k := c.GetKind().(type) {
	case *platformv1.Content_Text:
		return chat.Content{}
	case *platformv1.Content_Media:
		return chat.Content{Media: ptr(fromMedia(k.Media))}
	case *platformv1.Content_Interaction:
		return chat.Content{Interaction: ptr(fromInteraction(k.Interaction))}
	case *platformv1.Content_Location:
		return chat.Content{Location: ptr(fromLocation(k.Location))}
	case *platformv1.Content_Contacts:
		if cards := fromContacts(k.Contacts); len(cards) > 0 {
			return chat.Content{Contacts: cards}
		}
	case *platformv1.Content_Reaction:
		return chat.Content{Reaction: ptr(fromReaction(k.Reaction))}
	case *platformv1.Content_Order:
		return chat.Content{Order: ptr(fromOrder(k.Order))}
	case *platformv1.Content_System:
		return chat.Content{System: ptr(fromSystem(k.System))}
	case *platformv1.Content_Unsupported:
		u := k.Unsupported
		return chat.Content{Unsupported: &chat.Unsupported{Type: u.GetType(), Code: u.GetCode(), Detail: u.GetDetail()}}
	}
	return chat.Content{Unsupported: &chat.Unsupported{Type: "unknown"}}
}

func toMedia(m chat.Media) *platformv1.Media {
	return &platformv1.Media{
		Type: mediaTypes.number[m.Type], Id: m.ID, MimeType: m.MimeType, Sha256: m.SHA256, Filename: m.Filename,
		Caption: m.Caption, Voice: m.Voice, Animated: m.Animated, Size: m.Size, Url: m.URL,
	}
}

func fromMedia(m *platformv1.Media) chat.Media {
	return chat.Media{
		Type: mediaTypes.word[m.GetType()], ID: m.GetId(), MimeType: m.GetMimeType(), SHA256: m.GetSha256(),
		Filename: m.GetFilename(), Caption: m.GetCaption(), Voice: m.GetVoice(), Animated: m.GetAnimated(),
		Size: m.GetSize(), URL: m.GetUrl(),
	}
}

func toInteraction(i chat.Interaction) *platformv1.Interaction {
	return &platformv1.Interaction{
		Kind: interactionKinds.number[i.Kind], Id: i.ID, Title: i.Title, Description: i.Description,
		SourceMessageId: i.SourceMessageID, DataJson: i.Data,
	}
}

func fromInteraction(i *platformv1.Interaction) chat.Interaction {
	kind := interactionKinds.word[i.GetKind()]
	if kind == "" {
		kind = chat.InteractionOther
	}
	return chat.Interaction{
		Kind: kind, ID: i.GetId(), Title: i.GetTitle(), Description: i.GetDescription(),
		SourceMessageID: i.GetSourceMessageId(), Data: fromJSON(i.GetDataJson()),
	}
}

func toLocation(l chat.Location) *platformv1.Location {
	return &platformv1.Location{
		Latitude: l.Latitude, Longitude: l.Longitude, Name: l.Name, Address: l.Address, Url: l.URL,
	}
}

func fromLocation(l *platformv1.Location) chat.Location {
	return chat.Location{
		Latitude: l.GetLatitude(), Longitude: l.GetLongitude(), Name: l.GetName(), Address: l.GetAddress(), URL: l.GetUrl(),
	}
}

func toContacts(cs []chat.Contact) *platformv1.ContactCards {
	if len(cs) == 0 {
		return nil
	}
	return &platformv1.ContactCards{Cards: each(cs, func(c chat.Contact) *platformv1.ContactCard {
		return &platformv1.ContactCard{
			Name: c.Name, Phones: each(c.Phones, toLabeled), Emails: each(c.Emails, toLabeled),
			Urls: each(c.URLs, toLabeled), Addresses: each(c.Addresses, toLabeled), Company: c.Company,
			Department: c.Department, Title: c.Title, Birthday: c.Birthday,
		}
	})}
}

func fromContacts(cs *platformv1.ContactCards) []chat.Contact {
	return each(cs.GetCards(), func(c *platformv1.ContactCard) chat.Contact {
		return chat.Contact{
			Name: c.GetName(), Phones: each(c.GetPhones(), fromLabeled), Emails: each(c.GetEmails(), fromLabeled),
			URLs: each(c.GetUrls(), fromLabeled), Addresses: each(c.GetAddresses(), fromLabeled), Company: c.GetCompany(),
			Department: c.GetDepartment(), Title: c.GetTitle(), Birthday: c.GetBirthday(),
		}
	})
}

func toLabeled(v chat.LabeledValue) *platformv1.LabeledValue {
	return &platformv1.LabeledValue{Value: v.Value, Label: v.Label, PlatformId: v.PlatformID}
}

func fromLabeled(v *platformv1.LabeledValue) chat.LabeledValue {
	return chat.LabeledValue{Value: v.GetValue(), Label: v.GetLabel(), PlatformID: v.GetPlatformId()}
}

func toReaction(r chat.Reaction) *platformv1.Reaction {
	return &platformv1.Reaction{MessageId: r.MessageID, Emoji: r.Emoji}
}

func fromReaction(r *platformv1.Reaction) chat.Reaction {
	return chat.Reaction{MessageID: r.GetMessageId(), Emoji: r.GetEmoji()}
}

func toOrder(o chat.Order) *platformv1.Order {
	return &platformv1.Order{
		CatalogId: o.CatalogID, Note: o.Note, Items: each(o.Items, func(i chat.OrderItem) *platformv1.OrderItem {
			return &platformv1.OrderItem{ProductId: i.ProductID, Quantity: i.Quantity, Price: i.Price, Currency: i.Currency}
		}),
	}
}

func fromOrder(o *platformv1.Order) chat.Order {
	return chat.Order{
		CatalogID: o.GetCatalogId(), Note: o.GetNote(), Items: each(o.GetItems(), func(i *platformv1.OrderItem) chat.OrderItem {
			return chat.OrderItem{
				ProductID: i.GetProductId(), Quantity: i.GetQuantity(), Price: i.GetPrice(), Currency: i.GetCurrency(),
			}
		}),
	}
}

func toSystem(s chat.System) *platformv1.SystemEvent {
	return &platformv1.SystemEvent{
		Type: s.Type, Text: s.Text, TargetMessageId: s.TargetMessageID, PreviousId: s.PreviousID, CurrentId: s.CurrentID,
	}
}

func fromSystem(s *platformv1.SystemEvent) chat.System {
	return chat.System{
		Type: s.GetType(), Text: s.GetText(), TargetMessageID: s.GetTargetMessageId(), PreviousID: s.GetPreviousId(),
		CurrentID: s.GetCurrentId(),
	}
}
