// Command aof-platform-echo is the smallest chat platform: a JSON webhook in, a JSON callback out. It shows
// what a platform's author writes; everything else comes with the SDK.
//
//	in:  POST /webhook/echo  {"id": "1", "from": "ada", "text": "hello"}
//	     X-Echo-Signature: <hex HMAC-SHA256 of the body, with the secret>
//	out: POST <callback_url> {"to": "ada", "text": "…"}
package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/platform"
)

// config is the block under spec.platforms.echo. The host fills it from YAML and the environment.
type config struct {
	Secret      string `json:"secret" aof:"secret,minLength=8" jsonschema:"what webhooks are signed with"`
	CallbackURL string `json:"callback_url" aof:"pattern=^https?://" jsonschema:"where answers are posted to"`
}

type echo struct {
	platform.Base // answers what later versions of the contract ask
	config        config
}

func main() {
	platform.Main(platform.Spec{
		Info: platform.Info{ID: "echo", DisplayName: "Echo", Version: "0.1.0", Description: "The smallest platform."},
		New:  platform.Configured(func(c config) (platform.Platform, error) { return &echo{config: c}, nil }),
	})
}

// VerifySignature compares in constant time and fails closed: a header that is missing is wrong.
func (e *echo) VerifySignature(_ context.Context, r chat.Request) (chat.Verification, error) {
	header, _ := r.Get("x-echo-signature")
	given, _ := hex.DecodeString(header)
	mac := hmac.New(sha256.New, []byte(e.config.Secret))
	mac.Write(r.Body)
	if !hmac.Equal(given, mac.Sum(nil)) {
		return chat.Verification{Verdict: chat.VerdictInvalid, Reason: "SIGNATURE_MISMATCH"}, nil
	}
	return chat.Verification{Verdict: chat.VerdictValid}, nil
}

// ParseMessage turns one webhook into messages. The id must be the same when the webhook comes again.
func (e *echo) ParseMessage(ctx context.Context, r chat.Request) (chat.Batch, error) {
	v, err := e.VerifySignature(ctx, r)
	if err != nil || v.Verdict != chat.VerdictValid {
		return chat.Batch{Verification: v}, err
	}
	var in struct{ ID, From, Text string }
	if err := json.Unmarshal(r.Body, &in); err != nil || in.ID == "" || in.From == "" {
		return chat.Batch{Verification: v, Issues: []chat.Issue{{
			Reason: "MALFORMED_MESSAGE", Detail: "want a JSON object with id, from and text",
		}}}, nil
	}
	return chat.Batch{Verification: v, Messages: []chat.Message{{
		ID: in.ID, Account: "echo", ChannelID: in.From, User: chat.User{ID: in.From}, Text: in.Text,
	}}}, nil
}

// SendResponse says with its error whether anything went out, so that the host knows what it may repeat.
func (e *echo) SendResponse(ctx context.Context, d chat.Delivery) (chat.Sent, error) {
	body, err := json.Marshal(map[string]string{"to": d.ChannelID, "text": d.Response.Text, "delivery_id": d.ID})
	if err != nil {
		return chat.Sent{}, &chat.Error{Reason: chat.ReasonContentRejected, Permanent: true, Text: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.config.CallbackURL, bytes.NewReader(body))
	if err != nil {
		return chat.Sent{}, &chat.Error{Reason: chat.ReasonMisconfigured, Permanent: true, Text: "callback_url is no URL"}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil { // the request may have arrived: nobody knows
		return chat.Sent{}, &chat.Error{Reason: chat.ReasonOutcomeUnknown, Sent: chat.SentUnknown, Text: "no answer"}
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return chat.Sent{}, &chat.Error{Reason: chat.ReasonUpstreamError, Text: resp.Status}
	}
	return chat.Sent{MessageIDs: []string{d.ID}}, nil
}
