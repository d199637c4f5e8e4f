package emulator

import (
	"fmt"
	"net/http"
)

// refusal is an answer that says no, in Meta's words.
type refusal struct {
	status  int
	kind    string
	code    int
	subcode int
	message string
	details string
}

func (r *refusal) Error() string { return fmt.Sprintf("%s: %s", r.message, r.details) }

// badParameter is the code for a body that has not the shape of a message.
func badParameter(format string, args ...any) *refusal {
	return &refusal{
		status: http.StatusBadRequest, kind: "OAuthException", code: 100,
		message: "(#100) Invalid parameter", details: fmt.Sprintf(format, args...),
	}
}

// missing is the code for a message that lacks a part.
func missing(format string, args ...any) *refusal {
	return &refusal{
		status: http.StatusBadRequest, kind: "OAuthException", code: 131008,
		message: "(#131008) Required parameter is missing", details: fmt.Sprintf(format, args...),
	}
}

// badValue is the code for a part that breaks a limit.
func badValue(format string, args ...any) *refusal {
	return &refusal{
		status: http.StatusBadRequest, kind: "OAuthException", code: 131009,
		message: "(#131009) Parameter value is not valid", details: fmt.Sprintf(format, args...),
	}
}

func badToken(details string) *refusal {
	return &refusal{
		status: http.StatusUnauthorized, kind: "OAuthException", code: 190,
		message: "Invalid OAuth access token - Cannot parse access token", details: details,
	}
}

func unknownObject(id string) *refusal {
	return &refusal{
		status: http.StatusBadRequest, kind: "GraphMethodException", code: 100, subcode: 33,
		message: fmt.Sprintf("Unsupported post request. Object with ID '%.40s' does not exist, cannot be loaded due "+
			"to missing permissions, or does not support this operation", id),
		details: "the emulator knows one phone number id: see --phone-number-id",
	}
}

func unknownPath(path string) *refusal {
	return &refusal{
		status: http.StatusBadRequest, kind: "OAuthException", code: 2500,
		message: fmt.Sprintf("Unknown path components: %.80s", path), details: "the emulator has no such path",
	}
}

func tooMuch() *refusal {
	return &refusal{
		status: http.StatusTooManyRequests, kind: "OAuthException", code: 130429,
		message: "(#130429) Rate limit hit", details: "too many webhooks of the emulator wait for the daemon",
	}
}

// write answers with the refusal.
func (r *refusal) write(w http.ResponseWriter) {
	type data struct {
		Product string `json:"messaging_product"`
		Details string `json:"details"`
	}
	type body struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Code    int    `json:"code"`
		Data    data   `json:"error_data"`
		Subcode int    `json:"error_subcode,omitempty"`
		TraceID string `json:"fbtrace_id"`
	}
	answer(w, r.status, map[string]body{"error": {
		Message: r.message, Type: r.kind, Code: r.code, Data: data{product, r.details}, Subcode: r.subcode,
		TraceID: "A" + random(9),
	}})
}
