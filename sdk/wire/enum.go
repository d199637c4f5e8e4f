package wire

import (
	agentv1 "github.com/aof-dev/aofd/proto/gen/aof/agent/v1"
	platformv1 "github.com/aof-dev/aofd/proto/gen/aof/platform/v1"
	pluginv1 "github.com/aof-dev/aofd/proto/gen/aof/plugin/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

// words pairs the words of chat with the numbers of an enum. A word or number that is not in it becomes
// the zero value of the other side, which always means the careful thing.
type words[W ~string, N ~int32] struct {
	number map[W]N
	word   map[N]W
}

func pairs[W ~string, N ~int32](number map[W]N) words[W, N] {
	w := words[W, N]{number: number, word: map[N]W{}}
	for k, v := range number {
		w.word[v] = k
	}
	return w
}

var mediaTypes = pairs(map[chat.MediaType]platformv1.MediaType{
	chat.MediaImage:    platformv1.MediaType_MEDIA_TYPE_IMAGE,
	chat.MediaVideo:    platformv1.MediaType_MEDIA_TYPE_VIDEO,
	chat.MediaAudio:    platformv1.MediaType_MEDIA_TYPE_AUDIO,
	chat.MediaDocument: platformv1.MediaType_MEDIA_TYPE_DOCUMENT,
	chat.MediaSticker:  platformv1.MediaType_MEDIA_TYPE_STICKER,
})

var interactionKinds = pairs(map[chat.InteractionKind]platformv1.InteractionKind{
	chat.InteractionButton: platformv1.InteractionKind_INTERACTION_KIND_BUTTON,
	chat.InteractionList:   platformv1.InteractionKind_INTERACTION_KIND_LIST,
	chat.InteractionForm:   platformv1.InteractionKind_INTERACTION_KIND_FORM,
	chat.InteractionOther:  platformv1.InteractionKind_INTERACTION_KIND_OTHER,
})

var receiptStatuses = pairs(map[chat.ReceiptStatus]platformv1.ReceiptStatus{
	chat.ReceiptSent:      platformv1.ReceiptStatus_RECEIPT_STATUS_SENT,
	chat.ReceiptDelivered: platformv1.ReceiptStatus_RECEIPT_STATUS_DELIVERED,
	chat.ReceiptRead:      platformv1.ReceiptStatus_RECEIPT_STATUS_READ,
	chat.ReceiptPlayed:    platformv1.ReceiptStatus_RECEIPT_STATUS_PLAYED,
	chat.ReceiptFailed:    platformv1.ReceiptStatus_RECEIPT_STATUS_FAILED,
	chat.ReceiptDeleted:   platformv1.ReceiptStatus_RECEIPT_STATUS_DELETED,
})

var formats = pairs(map[chat.Format]platformv1.TextFormat{
	chat.FormatText:     platformv1.TextFormat_TEXT_FORMAT_TEXT,
	chat.FormatMarkdown: platformv1.TextFormat_TEXT_FORMAT_MARKDOWN,
	chat.FormatHTML:     platformv1.TextFormat_TEXT_FORMAT_HTML,
	chat.FormatRich:     platformv1.TextFormat_TEXT_FORMAT_RICH,
})

var statuses = pairs(map[chat.Status]platformv1.ResponseStatus{
	chat.StatusSuccess: platformv1.ResponseStatus_RESPONSE_STATUS_SUCCESS,
	chat.StatusError:   platformv1.ResponseStatus_RESPONSE_STATUS_ERROR,
	chat.StatusWarning: platformv1.ResponseStatus_RESPONSE_STATUS_WARNING,
	chat.StatusInfo:    platformv1.ResponseStatus_RESPONSE_STATUS_INFO,
})

var actionStyles = pairs(map[chat.ActionStyle]platformv1.ActionStyle{
	chat.ActionPrimary:   platformv1.ActionStyle_ACTION_STYLE_PRIMARY,
	chat.ActionSecondary: platformv1.ActionStyle_ACTION_STYLE_SECONDARY,
	chat.ActionSuccess:   platformv1.ActionStyle_ACTION_STYLE_SUCCESS,
	chat.ActionDanger:    platformv1.ActionStyle_ACTION_STYLE_DANGER,
})

var signals = pairs(map[chat.Signal]platformv1.Signal{
	chat.SignalRead:   platformv1.Signal_SIGNAL_READ,
	chat.SignalTyping: platformv1.Signal_SIGNAL_TYPING,
})

var verdicts = pairs(map[chat.Verdict]platformv1.Verdict{
	chat.VerdictValid:     platformv1.Verdict_VERDICT_VALID,
	chat.VerdictInvalid:   platformv1.Verdict_VERDICT_INVALID,
	chat.VerdictChallenge: platformv1.Verdict_VERDICT_CHALLENGE,
})

var pluginKinds = pairs(map[chat.PluginKind]pluginv1.PluginKind{
	chat.PluginPlatform: pluginv1.PluginKind_PLUGIN_KIND_PLATFORM,
	chat.PluginAgent:    pluginv1.PluginKind_PLUGIN_KIND_AGENT,
})

var severities = pairs(map[chat.Severity]pluginv1.Severity{
	chat.SeverityError:   pluginv1.Severity_SEVERITY_ERROR,
	chat.SeverityWarning: pluginv1.Severity_SEVERITY_WARNING,
})

var healthStates = pairs(map[chat.HealthState]pluginv1.HealthState{
	chat.HealthOK:       pluginv1.HealthState_HEALTH_STATE_OK,
	chat.HealthDegraded: pluginv1.HealthState_HEALTH_STATE_DEGRADED,
	chat.HealthFailed:   pluginv1.HealthState_HEALTH_STATE_FAILED,
})

var roles = pairs(map[chat.Role]agentv1.Role{
	chat.RoleUser:  agentv1.Role_ROLE_USER,
	chat.RoleAgent: agentv1.Role_ROLE_AGENT,
})

var decisions = pairs(map[chat.Decision]agentv1.Decision{
	chat.DecisionApprove:   agentv1.Decision_DECISION_APPROVE,
	chat.DecisionDeny:      agentv1.Decision_DECISION_DENY,
	chat.DecisionAnswer:    agentv1.Decision_DECISION_ANSWER,
	chat.DecisionExpired:   agentv1.Decision_DECISION_EXPIRED,
	chat.DecisionCancelled: agentv1.Decision_DECISION_CANCELLED,
})
