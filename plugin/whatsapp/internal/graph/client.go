package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Settings of a Client.
type Settings struct {
	BaseURL       string // without the version, such as https://graph.facebook.com
	Version       string
	PhoneNumberID string
	Token         string
	// Timeout bounds each call from the first byte out to the last byte in; 0 takes 20 s.
	Timeout time.Duration
}

const (
	defaultTimeout = 20 * time.Second
	maxAnswer      = 1 << 20
	userAgent      = "aofd (+https://github.com/aof-dev/aofd)"
)

// Client calls the API for one phone number. It may be used by many goroutines. The token goes out in the
// Authorization header, to BaseURL only, and into no error.
type Client struct {
	endpoint string // of the phone number
	token    string
	timeout  time.Duration
	http     *http.Client
	warning  atomic.Pointer[string]
}

// New returns a client.
func New(s Settings) *Client {
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	return &Client{
		endpoint: strings.TrimRight(s.BaseURL, "/") + "/" + s.Version + "/" + url.PathEscape(s.PhoneNumberID),
		token:    s.Token,
		timeout:  s.Timeout,
		http: &http.Client{
			Transport: transport(),
			// A redirect would carry the token elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func transport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 15 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   32,
		// Shorter than Meta's own: a connection that closes while a request leaves makes an unknown outcome.
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// Close closes idle connections. The client may still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte // nil when it broke off or is too long
	token  string // that the request had
}

// Accepted is what Meta says of a message that it took.
type Accepted struct {
	ID string
	// Status is set for templates: "accepted", or "held_for_quality_assessment" and "paused", which mean that
	// the message is not on its way yet.
	Status string
}

// Send sends one message. attempt counts from 1 and decides how long to wait before the next one. The error is a
// *chat.Error, made from an *Error where Meta gave one.
func (c *Client) Send(ctx context.Context, m Message, attempt int) (Accepted, error) {
	a, err := c.postJSON(ctx, "messages", m)
	if err != nil {
		return Accepted{}, err
	}
	type accepted struct {
		Messages []struct {
			ID     Scalar `json:"id"`
			Status Scalar `json:"message_status"`
		} `json:"messages"`
	}
	got, failure := conclude(a, attempt, func(r accepted) bool { return len(r.Messages) > 0 && r.Messages[0].ID != "" })
	if failure != nil {
		return Accepted{}, failure
	}
	return Accepted{ID: string(got.Messages[0].ID), Status: string(got.Messages[0].Status)}, nil
}

// Mark marks a user's message as read and, if typing is set, shows that an answer is being written, for
// TypingLasts. Repeating it does no harm. Errors are those of Send.
func (c *Client) Mark(ctx context.Context, messageID string, typing bool) error {
	m := mark{Product: product, Status: "read", MessageID: messageID}
	if typing {
		m.Typing = &typingIndicator{Type: "text"}
	}
	a, err := c.postJSON(ctx, "messages", m)
	if err != nil {
		return harmless(chat.AsError(err))
	}
	type done struct {
		Success bool `json:"success"`
	}
	if _, failure := conclude(a, 1, func(d done) bool { return d.Success }); failure != nil {
		return harmless(failure)
	}
	return nil
}

func (c *Client) postJSON(ctx context.Context, path string, v any) (answer, error) {
	body, err := encode(v)
	if err != nil {
		return answer{}, unwritable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.call(ctx, http.MethodPost, c.endpoint+"/"+path, jsonType, bytes.NewReader(body), int64(len(body)))
}

const jsonType = "application/json"

func unwritable(err error) *chat.Error {
	return &chat.Error{
		Reason: chat.ReasonContentRejected, Permanent: true, Text: "the body cannot be written as JSON", Err: err,
	}
}

// call makes one request. A nil body is none; size is -1 when nobody knows it. The error is that of a request
// without an answer.
func (c *Client) call(
	ctx context.Context, method, address, contentType string, body io.Reader, size int64,
) (answer, error) {
	var f flight
	traced := httptrace.WithClientTrace(ctx, f.trace())
	req, err := http.NewRequestWithContext(traced, method, address, body)
	if err != nil {
		return answer{}, f.lost(ctx, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", jsonType)
	req.Header.Set("User-Agent", userAgent)
	if body != nil {
		req.GetBody = nil // there is no key that makes a repetition harmless, so the transport must not repeat
		req.ContentLength = size
		req.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, f.lost(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil || len(data) > maxAnswer {
		data = nil
	}
	a := answer{status: res.StatusCode, header: res.Header, body: data, token: c.token}
	c.warning.Store(new(a.usage().warning()))
	return a, nil
}

// Warning says when most of Meta's limits of calls was used up at the last answer; else it is empty.
func (c *Client) Warning() string {
	if w := c.warning.Load(); w != nil {
		return *w
	}
	return ""
}

// lost says what a request without an answer means.
func (f *flight) lost(ctx context.Context, err error) *chat.Error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the address
	}
	what := err.Error()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		what = "no answer in time"
	}
	if f.never() {
		return &chat.Error{
			Reason: chat.ReasonUpstreamError, Text: "the Graph API could not be reached: " + what, Err: err,
			Hint: "look at the network, the proxy and api_base_url",
		}
	}
	return &chat.Error{
		Reason: chat.ReasonOutcomeUnknown, Sent: chat.SentUnknown, Err: err,
		Text: fmt.Sprintf("the answer was lost after the request had left: %s", what),
		Hint: "a receipt will tell whether it arrived",
	}
}
