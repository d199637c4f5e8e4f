package chat

import (
	"encoding/json"
	"time"
)

// Request is an HTTP request as it came in; nothing is decoded, since signatures cover bytes.
type Request struct {
	Method     string
	URI        string   // path and query
	Headers    []Header // in the order received, names in lower case
	Body       []byte
	ReceivedAt time.Time
}

// Header is one header line.
type Header struct{ Name, Value string }

// Get returns the value of the only header with that lower-case name. ok is false when there is none or
// more than one, so that a doubled signature header is never half-checked.
func (r Request) Get(name string) (value string, ok bool) {
	n := 0
	for _, h := range r.Headers {
		if h.Name == name {
			value, n = h.Value, n+1
		}
	}
	if n != 1 {
		return "", false
	}
	return value, true
}

// HTTPReply is what a plugin wants answered to its platform.
type HTTPReply struct {
	Status      int
	ContentType string // text/plain when empty
	Body        []byte
}

// Verdict is whether a request is from the platform. The zero value is not valid.
type Verdict string

// The verdicts.
const (
	VerdictValid     Verdict = "valid"
	VerdictInvalid   Verdict = "invalid"
	VerdictChallenge Verdict = "challenge" // the platform asks whether we are here
)

// Verification is the judgement on a request.
type Verification struct {
	Verdict Verdict
	Reason  string     // UPPER_SNAKE, such as SIGNATURE_MISSING
	Reply   *HTTPReply // set for a challenge
}

// Batch is all that one webhook said. Without VerdictValid it has no events.
type Batch struct {
	Verification
	Messages []Message
	Receipts []Receipt
	Notices  []Notice
	Issues   []Issue
}

// Notice is anything else that a webhook tells, such as account news.
type Notice struct {
	ID       string          `json:"id"` // stable over redelivery, unique per account
	Platform string          `json:"platform"`
	Account  string          `json:"account,omitempty"`
	Kind     string          `json:"kind"`    // snake_case
	Summary  string          `json:"summary"` // one sentence for people
	Raw      json.RawMessage `json:"raw,omitempty"`
	At       time.Time       `json:"at,omitzero"`
}

// Issue is a part of a webhook that could not be understood.
type Issue struct {
	Path   string `json:"path"`   // JSON Pointer into the body
	Reason string `json:"reason"` // UPPER_SNAKE
	Detail string `json:"detail"` // one sentence for the operator
	Raw    []byte `json:"raw,omitempty"`
}

// ReceiptStatus is what became of a message of ours.
type ReceiptStatus string

// The statuses. Sent, delivered, read and played rise in this order; failed and deleted stand apart; the
// zero value is a word that the plugin does not know.
const (
	ReceiptSent      ReceiptStatus = "sent"
	ReceiptDelivered ReceiptStatus = "delivered"
	ReceiptRead      ReceiptStatus = "read"
	ReceiptPlayed    ReceiptStatus = "played"
	ReceiptFailed    ReceiptStatus = "failed"
	ReceiptDeleted   ReceiptStatus = "deleted"
)

// Receipt is what a platform reports on a message of ours.
type Receipt struct {
	ID             string            `json:"id"` // stable over redelivery, unique per account
	Platform       string            `json:"platform"`
	Account        string            `json:"account"`
	MessageID      string            `json:"message_id"`            // the platform's id of our message
	DeliveryID     string            `json:"delivery_id,omitempty"` // ours, where the platform returns it
	Status         ReceiptStatus     `json:"status,omitempty"`
	PlatformStatus string            `json:"platform_status,omitempty"` // the platform's own word
	RecipientID    string            `json:"recipient_id,omitempty"`
	At             time.Time         `json:"at,omitzero"`
	Error          *DeliveryError    `json:"error,omitempty"` // set when failed
	Metadata       map[string]string `json:"metadata,omitempty"`
}

// DeliveryError is why a message of ours did not arrive.
type DeliveryError struct {
	Reason       Reason `json:"reason"`
	PlatformCode string `json:"platform_code,omitempty"`
	Message      string `json:"message"`
	Hint         string `json:"hint,omitempty"`
	Permanent    bool   `json:"permanent,omitempty"`
	// RetryAfter is how long to wait before it is tried again; 0 means not known.
	RetryAfter time.Duration `json:"retry_after_ns,omitempty"`
}
