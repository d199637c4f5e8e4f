// Package refusal is how Meta says no: in the answer to a call, and later in the status of a message.
package refusal

import (
	"fmt"
	"maps"
	"net/http"
)

// Refusal is one no.
type Refusal struct {
	Status     int // of HTTP; 0 for what only a status can tell
	Kind       string
	Code       int
	Subcode    int
	Title      string // without the code
	Details    string
	Transient  bool
	RetryAfter int // seconds; 0 is none
	// Plain keeps the code out of the message, as Meta does for some.
	Plain bool
	// More are members of the answer beside the error.
	More map[string]any
}

// New returns the refusal of a code, with details for who reads it. A code that is not known is refused
// with 400.
func New(code int, format string, args ...any) *Refusal {
	row, known := codes[code]
	if !known {
		row = entry{http.StatusBadRequest, "Unknown error"}
	}
	return &Refusal{
		Status: row.status, Kind: "OAuthException", Code: code, Title: row.title,
		Details: fmt.Sprintf(format, args...), Transient: code == 2,
	}
}

// Parameter is the refusal of a body that has not the shape of a message.
func Parameter(format string, args ...any) *Refusal { return New(100, format, args...) }

// Missing is the refusal of a message that lacks a part.
func Missing(format string, args ...any) *Refusal { return New(131008, format, args...) }

// Value is the refusal of a part that breaks a limit.
func Value(format string, args ...any) *Refusal { return New(131009, format, args...) }

// Token is the refusal of an access token.
func Token(subcode int, title, details string) *Refusal {
	r := New(190, "%s", details)
	r.Subcode, r.Title, r.Plain = subcode, title, true
	return r
}

// Object is the refusal of an id that is not there, or not for this token.
func Object(method, id, details string) *Refusal {
	verb := map[string]string{http.MethodGet: "get", http.MethodDelete: "delete"}[method]
	if verb == "" {
		verb = "post"
	}
	return &Refusal{
		Status: http.StatusBadRequest, Kind: "GraphMethodException", Code: 100, Subcode: 33, Plain: true,
		Title: fmt.Sprintf("Unsupported %s request. Object with ID '%.40s' does not exist, cannot be loaded due to "+
			"missing permissions, or does not support this operation", verb, id),
		Details: details,
	}
}

// Path is the refusal of an address that names nothing.
func Path(path, details string) *Refusal {
	return &Refusal{
		Status: http.StatusBadRequest, Kind: "OAuthException", Code: 2500, Plain: true,
		Title: fmt.Sprintf("Unknown path components: %.80s", path), Details: details,
	}
}

// Error is the message with the details.
func (r *Refusal) Error() string { return r.Message() + ": " + r.Details }

// Message is Meta's, with the code before it.
func (r *Refusal) Message() string {
	if r.Plain {
		return r.Title
	}
	return fmt.Sprintf("(#%d) %s", r.Code, r.Title)
}

// Known reports whether Meta is known to use a code.
func Known(code int) bool {
	_, known := codes[code]
	return known
}

// data is the part that says more.
type data struct {
	Product string `json:"messaging_product,omitempty"`
	Details string `json:"details"`
}

// Body is the answer to a call.
func (r *Refusal) Body(trace string) any {
	type problem struct {
		Message   string `json:"message"`
		Type      string `json:"type"`
		Code      int    `json:"code"`
		Data      data   `json:"error_data"`
		Subcode   int    `json:"error_subcode,omitempty"`
		Transient bool   `json:"is_transient,omitempty"`
		TraceID   string `json:"fbtrace_id"`
	}
	out := map[string]any{"error": problem{
		r.Message(), r.Kind, r.Code, data{"whatsapp", r.Details}, r.Subcode, r.Transient, trace,
	}}
	maps.Copy(out, r.More)
	return out
}

// InStatus is one element of the errors of a status.
type InStatus struct {
	Code    int    `json:"code"`
	Title   string `json:"title"`
	Message string `json:"message"`
	Data    data   `json:"error_data"`
	Href    string `json:"href"`
}

// Later returns the refusal as a status tells it.
func (r *Refusal) Later() InStatus {
	return InStatus{
		r.Code, r.Title, r.Title,
		data{Details: r.Details},
		"https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
	}
}
