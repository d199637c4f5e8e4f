package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Error is an error that Meta reports, in an answer or in a webhook.
type Error struct {
	Code    int
	Subcode int
	Type    string
	// Message is Meta's sentence; Details says more about this one case.
	Message string
	Details string
	// UserTitle and UserMessage are meant for a user interface.
	UserTitle   string
	UserMessage string
	// Transient is Meta's own word on whether the cause passes.
	Transient bool
	// TraceID is what Meta's support asks for.
	TraceID string
	// HTTPStatus is the status of the answer; 0 when the error came by a webhook.
	HTTPStatus int
	// Retryable says whether the same request makes sense again, by the table of this package.
	Retryable bool
}

// Error returns Meta's message with its codes.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	if e.Details != "" && e.Details != e.Message {
		b.WriteString(": " + e.Details)
	}
	fmt.Fprintf(&b, " (code %d", e.Code)
	if e.Subcode != 0 {
		fmt.Fprintf(&b, ", subcode %d", e.Subcode)
	}
	if e.TraceID != "" {
		b.WriteString(", trace " + e.TraceID)
	}
	b.WriteString(")")
	return b.String()
}

// wireError has the members of both shapes: that of answers and that of webhooks.
type wireError struct {
	Code        Scalar          `json:"code"`
	Subcode     Scalar          `json:"error_subcode"`
	Type        Scalar          `json:"type"`
	Title       Scalar          `json:"title"`
	Message     Scalar          `json:"message"`
	Details     Scalar          `json:"details"`
	Data        json.RawMessage `json:"error_data"`
	UserTitle   Scalar          `json:"error_user_title"`
	UserMessage Scalar          `json:"error_user_msg"`
	Transient   Scalar          `json:"is_transient"`
	TraceID     Scalar          `json:"fbtrace_id"`
}

// DecodeError reads one error object. It takes every shape that Meta has used; ok is false when data is
// no object or has neither a code nor a message.
func DecodeError(data json.RawMessage) (e *Error, ok bool) {
	var w wireError
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, false
	}
	code, err := strconv.Atoi(string(w.Code))
	if err != nil && w.Message == "" && w.Title == "" {
		return nil, false
	}
	subcode, _ := strconv.Atoi(string(w.Subcode))
	e = &Error{
		Code: code, Subcode: subcode, Type: string(w.Type),
		Message: clip(string(w.Message)), Details: clip(details(w)),
		UserTitle: clip(string(w.UserTitle)), UserMessage: clip(string(w.UserMessage)),
		Transient: w.Transient == "true", TraceID: clip(string(w.TraceID)),
	}
	if e.Message == "" {
		e.Message = clip(string(w.Title))
	}
	e.Retryable = !e.Meaning().Permanent()
	return e, true
}

// details finds the sentence on this one case: error_data is an object, a string, a string with an object
// in it, or not there; old errors have details beside the code.
func details(w wireError) string {
	data := bytes.TrimSpace(w.Data)
	if len(data) > 0 && data[0] == '"' {
		inner := text(data)
		if !strings.HasPrefix(strings.TrimSpace(inner), "{") {
			return inner
		}
		data = []byte(inner)
	}
	var object struct {
		Details Scalar `json:"details"`
	}
	if json.Unmarshal(data, &object) == nil && object.Details != "" {
		return string(object.Details)
	}
	return string(w.Details)
}

// clip bounds what a stranger's sentence may take in logs.
func clip(s string) string {
	const most = 500
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + "…"
}
