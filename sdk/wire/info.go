package wire

import (
	"time"

	pluginv1 "github.com/aof-dev/aofd/proto/gen/aof/plugin/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

func toInfo(i chat.PluginInfo) *pluginv1.GetInfoResponse {
	return &pluginv1.GetInfoResponse{
		Id: i.ID, Kind: pluginKinds.number[i.Kind], Version: i.Version, Sdk: i.SDK, HostConstraint: i.HostConstraint,
		Description: i.Description, Capabilities: i.Capabilities, MaxConcurrentCalls: i.MaxConcurrentCalls,
		ConfigSchemaJson: i.ConfigSchema,
		Platform: maybe(i.Platform, func(p chat.PlatformInfo) *pluginv1.PlatformInfo {
			return &pluginv1.PlatformInfo{
				DisplayName: p.DisplayName, WebhookContentTypes: p.WebhookContentTypes, WebhookHeaders: p.WebhookHeaders,
				Limits: toLimits(p.Limits),
			}
		}),
	}
}

func fromInfo(i *pluginv1.GetInfoResponse) chat.PluginInfo {
	out := chat.PluginInfo{
		ID: i.GetId(), Kind: pluginKinds.word[i.GetKind()], Version: i.GetVersion(), SDK: i.GetSdk(),
		HostConstraint: i.GetHostConstraint(), Description: i.GetDescription(), Capabilities: i.GetCapabilities(),
		MaxConcurrentCalls: i.GetMaxConcurrentCalls(), ConfigSchema: i.GetConfigSchemaJson(),
	}
	if p := i.GetPlatform(); p != nil {
		out.Platform = &chat.PlatformInfo{
			DisplayName: p.GetDisplayName(), WebhookContentTypes: p.GetWebhookContentTypes(), WebhookHeaders: p.GetWebhookHeaders(),
			Limits: fromLimits(p.GetLimits()),
		}
	}
	return out
}

func toLimits(l chat.Limits) *pluginv1.Limits {
	return &pluginv1.Limits{
		TextMax: l.TextMax, InteractiveTextMax: l.InteractiveTextMax, ButtonsMax: l.ButtonsMax,
		ButtonLabelMax: l.ButtonLabelMax, ListRowsMax: l.ListRowsMax, ListSectionsMax: l.ListSectionsMax,
		RowTitleMax: l.RowTitleMax, RowDescriptionMax: l.RowDescriptionMax, ActionIdMax: l.ActionIDMax,
		PerAccount: toRate(l.PerAccount), PerRecipient: toRate(l.PerRecipient),
		CaptionMax: l.CaptionMax, HeaderMax: l.HeaderMax, FooterMax: l.FooterMax, ListLabelMax: l.ListLabelMax,
		SectionTitleMax: l.SectionTitleMax, ContactsMax: l.ContactsMax, NativeBytesMax: l.NativeBytesMax,
		ReplyWindowSecs: uint32(max(l.ReplyWindow/time.Second, 0)),
		Media: each(l.Media, func(m chat.MediaLimit) *pluginv1.MediaLimit {
			return &pluginv1.MediaLimit{Type: mediaTypes.number[m.Type], MimeType: m.MimeType, MaxBytes: m.MaxBytes}
		}),
	}
}

func fromLimits(l *pluginv1.Limits) chat.Limits {
	return chat.Limits{
		TextMax: l.GetTextMax(), InteractiveTextMax: l.GetInteractiveTextMax(), ButtonsMax: l.GetButtonsMax(),
		ButtonLabelMax: l.GetButtonLabelMax(), ListRowsMax: l.GetListRowsMax(), ListSectionsMax: l.GetListSectionsMax(),
		RowTitleMax: l.GetRowTitleMax(), RowDescriptionMax: l.GetRowDescriptionMax(), ActionIDMax: l.GetActionIdMax(),
		PerAccount: fromRate(l.GetPerAccount()), PerRecipient: fromRate(l.GetPerRecipient()),
		CaptionMax: l.GetCaptionMax(), HeaderMax: l.GetHeaderMax(), FooterMax: l.GetFooterMax(),
		ListLabelMax: l.GetListLabelMax(), SectionTitleMax: l.GetSectionTitleMax(), ContactsMax: l.GetContactsMax(),
		NativeBytesMax: l.GetNativeBytesMax(), ReplyWindow: time.Duration(l.GetReplyWindowSecs()) * time.Second,
		Media: each(l.GetMedia(), func(m *pluginv1.MediaLimit) chat.MediaLimit {
			return chat.MediaLimit{Type: mediaTypes.word[m.GetType()], MimeType: m.GetMimeType(), MaxBytes: m.GetMaxBytes()}
		}),
	}
}

// toRate rounds the period up to whole milliseconds: rather a little slower than the platform takes.
func toRate(r chat.Rate) *pluginv1.Rate {
	if r == (chat.Rate{}) {
		return nil
	}
	ms := (r.Period + time.Millisecond - 1) / time.Millisecond
	return &pluginv1.Rate{PeriodMs: uint32(max(ms, 0)), Burst: r.Burst}
}

func fromRate(r *pluginv1.Rate) chat.Rate {
	return chat.Rate{Period: time.Duration(r.GetPeriodMs()) * time.Millisecond, Burst: r.GetBurst()}
}

func toDiagnostic(d chat.Diagnostic) *pluginv1.Diagnostic {
	return &pluginv1.Diagnostic{
		Severity: severities.number[d.Severity], Pointer: d.Pointer, Summary: d.Summary, Hint: d.Hint,
	}
}

// fromDiagnostic takes a finding whose severity is not said as an error.
func fromDiagnostic(d *pluginv1.Diagnostic) chat.Diagnostic {
	severity := severities.word[d.GetSeverity()]
	if severity == "" {
		severity = chat.SeverityError
	}
	return chat.Diagnostic{Severity: severity, Pointer: d.GetPointer(), Summary: d.GetSummary(), Hint: d.GetHint()}
}

func toAccount(a chat.Account) *pluginv1.Account {
	return &pluginv1.Account{Id: a.ID, DisplayName: a.DisplayName, Rate: toRate(a.Rate)}
}

func fromAccount(a *pluginv1.Account) chat.Account {
	return chat.Account{ID: a.GetId(), DisplayName: a.GetDisplayName(), Rate: fromRate(a.GetRate())}
}

func fromHealth(h *pluginv1.CheckHealthResponse) chat.Health {
	state := healthStates.word[h.GetState()]
	if state == "" {
		state = chat.HealthFailed
	}
	return chat.Health{State: state, Message: h.GetMessage()}
}
