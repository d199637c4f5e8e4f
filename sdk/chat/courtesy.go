package chat

// Signal is a courtesy that a platform can show to a person.
type Signal string

// The signals; the zero value shows nothing.
const (
	SignalRead   Signal = "read"   // the message was read
	SignalTyping Signal = "typing" // somebody is writing an answer; on some platforms that marks it as read, too
)

// Courtesy is a signal about a message.
type Courtesy struct {
	Account   string
	ChannelID string
	MessageID string // the platform's
	Signal    Signal
}

// MediaRef names a file of a message.
type MediaRef struct {
	Account  string // identity of ours that received it
	MediaID  string // Media.ID
	MaxBytes uint64 // the most that the caller takes; 0 leaves it to the plugin
}

// MediaInfo is what a file is, as the platform says.
type MediaInfo struct {
	MimeType string `json:"mime_type,omitempty"`
	Size     uint64 `json:"size,omitempty"`   // bytes; 0 when unknown
	SHA256   string `json:"sha256,omitempty"` // lower-case hex; empty when unknown
}
