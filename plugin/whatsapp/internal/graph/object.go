package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Ask makes a call that sends nothing to anybody: it reads, changes or deletes an object of Meta's. path follows
// the version, such as "<id>/subscribed_apps"; its parts must be escaped. body is written as JSON unless it is nil,
// and into, unless nil, gets the answer. The header is nil when there was no answer. The error is a *chat.Error.
func (c *Client) Ask(ctx context.Context, method, path string, query url.Values, body, into any) (http.Header, error) {
	var content io.Reader
	size := 0
	if body != nil {
		raw, err := encode(body)
		if err != nil {
			return nil, unwritable(err)
		}
		content, size = bytes.NewReader(raw), len(raw)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	address := c.root() + "/" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	a, err := c.call(ctx, method, address, jsonType, content, int64(size))
	if err != nil {
		return nil, harmless(chat.AsError(err))
	}
	got, failure := conclude(a, 1, func(raw json.RawMessage) bool { return len(raw) > 0 })
	if failure != nil {
		return a.header, harmless(failure)
	}
	if into != nil && json.Unmarshal(got, into) != nil {
		return a.header, &chat.Error{
			Reason: chat.ReasonUpstreamError, Text: "the Graph API's answer has not the form that it should have",
			Hint: "look at api_base_url and api_version",
		}
	}
	return a.header, nil
}

// harmless is the failure of a call that may be repeated whatever became of it.
func harmless(failure *chat.Error) *chat.Error {
	if failure.Sent != chat.SentNo || failure.Reason == chat.ReasonOutcomeUnknown {
		failure.Reason, failure.Sent, failure.Hint = chat.ReasonUpstreamError, chat.SentNo, "try it again"
	}
	return failure
}

// root is the address of the API with its version.
func (c *Client) root() string { return c.endpoint[:strings.LastIndexByte(c.endpoint, '/')] }

// Stored is what Meta says of a file that it keeps.
type Stored struct {
	URL      string // for some minutes only, and with the token
	MimeType string
	SHA256   string // as Meta writes it: hex or base64
	Size     uint64 // 0 when it is not said
}

// Stored asks for the address of a file that this phone number received or uploaded.
func (c *Client) Stored(ctx context.Context, id string) (Stored, error) {
	var out struct {
		URL      Scalar `json:"url"`
		MimeType Scalar `json:"mime_type"`
		SHA256   Scalar `json:"sha256"`
		Size     Scalar `json:"file_size"`
	}
	number := c.endpoint[strings.LastIndexByte(c.endpoint, '/')+1:]
	if _, err := c.Ask(ctx, http.MethodGet, url.PathEscape(id), url.Values{"phone_number_id": {number}}, nil, &out); err != nil {
		return Stored{}, err
	}
	var size uint64
	_ = json.Unmarshal([]byte(out.Size), &size) // it stays 0: not known
	return Stored{URL: string(out.URL), MimeType: string(out.MimeType), SHA256: string(out.SHA256), Size: size}, nil
}
