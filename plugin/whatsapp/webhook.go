package whatsapp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/webhook"
	"github.com/aof-dev/aofd/sdk/chat"
)

// The reasons why a request is not taken for Meta's, beside those of the signature: SIGNATURE_MISSING,
// SIGNATURE_MALFORMED and SIGNATURE_MISMATCH.
const (
	reasonVerifyToken = "VERIFY_TOKEN_MISMATCH"
	reasonMethod      = "METHOD_NOT_ALLOWED"
)

const maxWebhook = 4 << 20 // Meta sends up to 3 MB

// VerifyWebhook answers Meta's question whether a webhook's address is ours. With mode "subscribe" and one of
// the configured tokens it returns the challenge and true. Tokens are compared in constant time, and with all of
// them.
func (p *Platform) VerifyWebhook(mode, token, challenge string) (string, bool) {
	// Hashes have one length, so that not even the length of a token shows in the time.
	given, same := sha256.Sum256([]byte(token)), 0
	for _, t := range p.verifyTokens {
		ours := sha256.Sum256([]byte(t))
		same |= subtle.ConstantTimeCompare(given[:], ours[:])
	}
	if mode != "subscribe" || same != 1 || token == "" {
		return "", false
	}
	return challenge, true
}

// VerifySignature judges a request by the HMAC over its raw body, or by the verify token when Meta checks
// the webhook's address by GET.
func (p *Platform) VerifySignature(_ context.Context, r chat.Request) (chat.Verification, error) {
	if r.Method == "" || r.URI == "" {
		return chat.Verification{}, &chat.Error{
			Reason: chat.ReasonBadRequest, Permanent: true, Text: "the request has no method or no URI",
		}
	}
	switch r.Method {
	case http.MethodGet:
		return p.challenge(r.URI), nil
	case http.MethodPost:
	default:
		return refused(reasonMethod, http.StatusMethodNotAllowed), nil
	}
	if reason := webhook.Signature(p.appSecrets, r.Headers, r.Body); reason != "" {
		return refused(reason, http.StatusUnauthorized), nil
	}
	return chat.Verification{Verdict: chat.VerdictValid}, nil
}

// challenge judges the GET with which Meta checks the address.
func (p *Platform) challenge(uri string) chat.Verification {
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return refused(reasonVerifyToken, http.StatusForbidden)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return refused(reasonVerifyToken, http.StatusForbidden)
	}
	only := func(name string) string {
		if v := query[name]; len(v) == 1 {
			return v[0]
		}
		return ""
	}
	answer, ok := p.VerifyWebhook(only("hub.mode"), only("hub.verify_token"), only("hub.challenge"))
	if !ok {
		return refused(reasonVerifyToken, http.StatusForbidden)
	}
	return chat.Verification{Verdict: chat.VerdictChallenge, Reply: &chat.HTTPReply{
		Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte(answer),
	}}
}

func refused(reason string, status int) chat.Verification {
	return chat.Verification{Verdict: chat.VerdictInvalid, Reason: reason, Reply: &chat.HTTPReply{
		Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(http.StatusText(status) + "\n"),
	}}
}

// ParseMessage judges a request as VerifySignature does, and turns a webhook of Meta's into events. What
// cannot be understood, the whole body too, becomes an issue: Meta would only send the same bytes again.
func (p *Platform) ParseMessage(ctx context.Context, r chat.Request) (chat.Batch, error) {
	v, err := p.VerifySignature(ctx, r)
	if err != nil || v.Verdict != chat.VerdictValid {
		return chat.Batch{Verification: v}, err
	}
	b := p.parser.Parse(r.Body, r.ReceivedAt)
	b.Verification = v
	return b, nil
}

// ReadWebhook is ParseMessage for programs that serve the webhook themselves. It reads the body, at most
// 4 MiB. The error is *InvalidSignature for what Meta did not send: answer 401; *ParseError for what Meta
// sent and nobody understands: answer 200; or that of reading the body. When the verdict is
// chat.VerdictChallenge the batch's Reply is the answer.
func (p *Platform) ReadWebhook(r *http.Request) (chat.Batch, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxWebhook+1))
	if err != nil {
		return chat.Batch{}, fmt.Errorf("read the webhook: %w", err)
	}
	if len(body) > maxWebhook {
		return chat.Batch{}, fmt.Errorf("read the webhook: more than %d bytes", maxWebhook)
	}
	req := chat.Request{Method: r.Method, URI: r.URL.RequestURI(), Body: body, ReceivedAt: time.Now()}
	for name, values := range r.Header {
		for _, v := range values {
			req.Headers = append(req.Headers, chat.Header{Name: strings.ToLower(name), Value: v})
		}
	}
	b, err := p.ParseMessage(r.Context(), req)
	if err != nil {
		return chat.Batch{}, err
	}
	if b.Verdict == chat.VerdictInvalid {
		return b, &InvalidSignature{Reason: b.Reason}
	}
	for _, i := range b.Issues {
		if i.Reason == webhook.ParseFailed {
			return b, &ParseError{Path: i.Path, Detail: i.Detail}
		}
	}
	return b, nil
}
