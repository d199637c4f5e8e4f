package chat

import (
	"errors"
	"time"
)

// Reason is a word of the contract's error tables.
type Reason string

// The reasons that cross the plugin boundary.
const (
	ReasonPluginPanic          Reason = "PLUGIN_PANIC"
	ReasonDraining             Reason = "DRAINING"
	ReasonNotConfigured        Reason = "NOT_CONFIGURED"
	ReasonConfigInvalid        Reason = "CONFIG_INVALID"
	ReasonStaleGeneration      Reason = "STALE_GENERATION"
	ReasonHostUnsupported      Reason = "HOST_UNSUPPORTED"
	ReasonDrainTimeout         Reason = "DRAIN_TIMEOUT"
	ReasonBadRequest           Reason = "BAD_REQUEST"
	ReasonBusy                 Reason = "BUSY"      // the agent has too many runs
	ReasonNotReady             Reason = "NOT_READY" // the agent cannot take runs yet, or any more
	ReasonParseFailed          Reason = "PARSE_FAILED"
	ReasonRateLimited          Reason = "RATE_LIMITED"
	ReasonCredentialsRejected  Reason = "CREDENTIALS_REJECTED"
	ReasonPermissionDenied     Reason = "PERMISSION_DENIED"
	ReasonMisconfigured        Reason = "MISCONFIGURED"
	ReasonRecipientUnavailable Reason = "RECIPIENT_UNAVAILABLE"
	ReasonWindowClosed         Reason = "WINDOW_CLOSED"
	ReasonContentRejected      Reason = "CONTENT_REJECTED"
	ReasonUnsupportedContent   Reason = "UNSUPPORTED_CONTENT"
	ReasonUpstreamError        Reason = "UPSTREAM_ERROR"
	ReasonOutcomeUnknown       Reason = "OUTCOME_UNKNOWN"
	ReasonUnavailable          Reason = "UNAVAILABLE" // the plugin process is not there
	ReasonTimeout              Reason = "TIMEOUT"     // the call's deadline was over
	ReasonInternal             Reason = "INTERNAL"    // anything else
)

// Certainty is what is known of whether a message went out. The zero value is SentNo.
type Certainty int

// The certainties.
const (
	SentNo      Certainty = iota // nothing went out: repeating is safe
	SentYes                      // it went out in spite of the error
	SentUnknown                  // nobody knows: never repeat blindly
)

// String returns "no", "yes" or "unknown".
func (c Certainty) String() string {
	switch c {
	case SentYes:
		return "yes"
	case SentUnknown:
		return "unknown"
	}
	return "no"
}

// Error is an error with the facts that the host acts on. Text and Hint never hold a secret.
type Error struct {
	Reason Reason
	// Text is one sentence: what went wrong.
	Text string
	// Permanent is true when the same call always fails.
	Permanent bool
	// Sent says whether a message went out; it is about SendResponse only.
	Sent Certainty
	// RetryAfter is how long to wait; 0 means not known.
	RetryAfter time.Duration
	// Hint is what the operator can do about it.
	Hint string
	// PlatformCode is the platform's own code, such as "131047".
	PlatformCode string
	// PlatformSubcode refines PlatformCode.
	PlatformSubcode string
	// TraceID is the platform's id of the call, for its support.
	TraceID string
	// MessageIDs are the parts that went out before the failure.
	MessageIDs []string
	// Err is the cause inside this process; it does not cross the wire.
	Err error
}

// Error returns "REASON: text (code)".
func (e *Error) Error() string {
	s := string(e.Reason)
	if e.Text != "" {
		s += ": " + e.Text
	}
	if e.PlatformCode != "" {
		s += " (code " + e.PlatformCode + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, &Error{Reason: r}) true for every error with that reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason && t.Text == ""
}

// AsError returns err's *Error, or one with ReasonInternal around it. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Reason: ReasonInternal, Text: err.Error(), Err: err}
}
