package whatsapp

import (
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/render"
)

// ApiError is an error that Meta reports: its code, subcode, details and trace id, and whether the same
// request makes sense again.
type ApiError = graph.Error

// UnsupportedMessageType is the cause of an error with chat.ReasonUnsupportedContent: the answer has
// something that cannot be sent.
type UnsupportedMessageType = render.Unsupported

// InvalidSignature says that a request is not from Meta.
type InvalidSignature struct {
	Reason string // such as SIGNATURE_MISSING
}

// Error returns the reason.
func (e *InvalidSignature) Error() string { return "invalid signature: " + e.Reason }

// ParseError says that a request is from Meta and is no webhook that anybody understands.
type ParseError struct {
	Path   string // JSON pointer into the body; empty for the whole body
	Detail string
}

// Error returns where and what.
func (e *ParseError) Error() string {
	if e.Path == "" {
		return "webhook: " + e.Detail
	}
	return "webhook at " + e.Path + ": " + e.Detail
}
