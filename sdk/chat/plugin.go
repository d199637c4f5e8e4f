package chat

import (
	"encoding/json"
	"time"
)

// PluginKind is the contract that a plugin serves.
type PluginKind string

// The kinds of plugins.
const (
	PluginPlatform PluginKind = "platform"
	PluginAgent    PluginKind = "agent"
)

// The capabilities that have a meaning for the host.
const (
	CapThreading      = "threading"       // conversations have threads
	CapInteractive    = "interactive"     // actions can be tapped
	CapFiles          = "files"           // files can be received and sent
	CapIdempotentSend = "idempotent_send" // a repeated delivery id is sent once
	CapSignals        = "signals"         // messages can be marked as read, and typing shown
	CapMedia          = "media"           // files of messages can be fetched
	CapParseStream    = "parse_stream"    // webhooks can be parsed over one stream; package platform does it for all
	CapEmulator       = "emulator"        // the binary has a command "emulate" that stands in for the platform
)

// PluginInfo describes a plugin; as JSON it is the plugin's manifest.
type PluginInfo struct {
	ID                 string          `json:"id"` // [a-z][a-z0-9-]{0,62}
	Kind               PluginKind      `json:"kind"`
	Version            string          `json:"version"` // SemVer without "v"
	SDK                string          `json:"sdk,omitempty"`
	HostConstraint     string          `json:"host_constraint,omitempty"` // SemVer range; empty means any
	Description        string          `json:"description,omitempty"`
	Capabilities       []string        `json:"capabilities,omitempty"`
	MaxConcurrentCalls uint32          `json:"max_concurrent_calls,omitempty"` // 0: no limit of its own
	ConfigSchema       json.RawMessage `json:"config_schema"`                  // JSON Schema 2020-12
	Platform           *PlatformInfo   `json:"platform,omitempty"`
}

// PlatformInfo is what the host needs to know of a platform before any message.
type PlatformInfo struct {
	DisplayName         string   `json:"display_name"`
	WebhookContentTypes []string `json:"webhook_content_types,omitempty"` // empty means any
	WebhookHeaders      []string `json:"webhook_headers,omitempty"`       // that the plugin reads, in lower case; empty means all
	Limits              Limits   `json:"limits,omitzero"`
}

// Limits is what a platform lets through; 0 means not known. Lengths are in characters.
type Limits struct {
	TextMax            uint32 `json:"text_max,omitempty"`
	InteractiveTextMax uint32 `json:"interactive_text_max,omitempty"`
	ButtonsMax         uint32 `json:"buttons_max,omitempty"`
	ButtonLabelMax     uint32 `json:"button_label_max,omitempty"`
	ListRowsMax        uint32 `json:"list_rows_max,omitempty"` // over all sections
	ListSectionsMax    uint32 `json:"list_sections_max,omitempty"`
	RowTitleMax        uint32 `json:"row_title_max,omitempty"`
	RowDescriptionMax  uint32 `json:"row_description_max,omitempty"`
	ActionIDMax        uint32 `json:"action_id_max,omitempty"` // bytes
	PerAccount         Rate   `json:"per_account,omitzero"`
	PerRecipient       Rate   `json:"per_recipient,omitzero"`

	CaptionMax      uint32 `json:"caption_max,omitempty"`
	HeaderMax       uint32 `json:"header_max,omitempty"`
	FooterMax       uint32 `json:"footer_max,omitempty"`
	ListLabelMax    uint32 `json:"list_label_max,omitempty"`
	SectionTitleMax uint32 `json:"section_title_max,omitempty"`
	ContactsMax     uint32 `json:"contacts_max,omitempty"`
	NativeBytesMax  uint32 `json:"native_bytes_max,omitempty"`
	// ReplyWindow is how long after a person's last message a free answer may go out; 0: always. It is whole
	// seconds on the wire.
	ReplyWindow time.Duration `json:"reply_window_ns,omitempty"`
	Media       []MediaLimit  `json:"media,omitempty"` // files that the platform takes
}

// MediaLimit is a kind of file that a platform takes.
type MediaLimit struct {
	Type     MediaType `json:"type"`
	MimeType string    `json:"mime_type"` // without parameters; */* means any
	MaxBytes uint64    `json:"max_bytes"`
}

// Rate is a token bucket: Burst at once, one more every Period. The zero value is unlimited.
type Rate struct {
	Period time.Duration `json:"period_ns,omitempty"`
	Burst  uint32        `json:"burst,omitempty"`
}

// Account is one configured identity on a platform.
type Account struct {
	ID          string `json:"id"` // as in Message.Account
	DisplayName string `json:"display_name,omitempty"`
	Rate        Rate   `json:"rate,omitzero"` // when it differs from Limits.PerAccount
}

// Severity of a Diagnostic.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Diagnostic is one finding in a configuration; it never quotes a secret.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Pointer  string   `json:"pointer,omitempty"` // JSON Pointer; empty means the whole configuration
	Summary  string   `json:"summary"`
	Hint     string   `json:"hint,omitempty"`
}

// HealthState is how a plugin is.
type HealthState string

// The states.
const (
	HealthOK       HealthState = "ok"
	HealthDegraded HealthState = "degraded"
	HealthFailed   HealthState = "failed"
)

// Health is a state and why.
type Health struct {
	State   HealthState `json:"state"`
	Message string      `json:"message,omitempty"`
}
