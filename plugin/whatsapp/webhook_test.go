package whatsapp_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/chat"
)

var now = time.Date(2026, 11, 22, 0, 0, 5, 0, time.UTC)

const (
	signatureHeader = "x-hub-signature-256"
	textMessage     = `{"from":"4915112345678","id":"wamid.1","timestamp":"1795305600","type":"text","text":{"body":"is the node up?"}}`
)

func sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// signed is the request that Meta would make with a body.
func signed(body string) chat.Request {
	return chat.Request{
		Method: http.MethodPost, URI: "/webhook/whatsapp", Body: []byte(body), ReceivedAt: now,
		Headers: []chat.Header{
			{Name: "content-type", Value: "application/json"}, {Name: signatureHeader, Value: sign([]byte(body))},
		},
	}
}

// change is one change of a webhook, for a field and with members of its value beside the metadata.
func change(field, members string) string {
	return `{"field":"` + field + `","value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"4930555000",` +
		`"phone_number_id":"` + account + `"},"contacts":[{"profile":{"name":"Ada"},"wa_id":"4915112345678"}],` + members + `}}`
}

// entries is a webhook with one entry for each change.
func entries(changes ...string) string {
	all := make([]string, len(changes))
	for i, c := range changes {
		all[i] = `{"id":"100200300","time":1795305601,"changes":[` + c + `]}`
	}
	return `{"object":"whatsapp_business_account","entry":[` + strings.Join(all, ",") + `]}`
}

func live(message string) string { return entries(change("messages", `"messages":[`+message+`]`)) }

func TestVerifyWebhook(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, valid())
	for _, c := range []struct {
		mode, token string
		want        bool
	}{
		{"subscribe", verifyToken, true},
		{"subscribe", "other", false},
		{"subscribe", "", false},
		{"subscribe", verifyToken + "x", false},
		{"subscribe", strings.ToUpper(verifyToken), false},
		{"unsubscribe", verifyToken, false},
		{"", verifyToken, false},
	} {
		got, ok := p.VerifyWebhook(c.mode, c.token, "1158201444")
		if ok != c.want || (got == "1158201444") != c.want {
			t.Errorf("%q, %q: %q, %v", c.mode, c.token, got, ok)
		}
	}
	if _, ok := new(whatsapp.Platform).VerifyWebhook("subscribe", "", "1"); ok {
		t.Error("a platform without a token accepts an empty one")
	}
}

func TestVerifySignature(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, valid())
	body := live(textMessage)
	good := sign([]byte(body))
	for name, c := range map[string]struct {
		values []string
		want   string
	}{
		"right":       {[]string{good}, ""},
		"missing":     {nil, "SIGNATURE_MISSING"},
		"empty":       {[]string{""}, "SIGNATURE_MISSING"},
		"wrong":       {[]string{sign([]byte("x"))}, "SIGNATURE_MISMATCH"},
		"malformed":   {[]string{"sha256=xyz"}, "SIGNATURE_MALFORMED"},
		"no prefix":   {[]string{good[len("sha256="):]}, "SIGNATURE_MALFORMED"},
		"doubled":     {[]string{good, good}, "SIGNATURE_MALFORMED"},
		"right wrong": {[]string{good, sign([]byte("x"))}, "SIGNATURE_MALFORMED"},
		"list":        {[]string{good + ", " + good}, "SIGNATURE_MALFORMED"},
	} {
		r := signed(body)
		r.Headers = nil
		for _, v := range c.values {
			r.Headers = append(r.Headers, chat.Header{Name: signatureHeader, Value: v})
		}
		v, err := p.VerifySignature(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := p.ParseMessage(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v, batch.Verification); d != "" {
			t.Errorf("%s: ParseMessage judges otherwise: %s", name, d)
		}
		if v.Reason != c.want || (v.Verdict == chat.VerdictValid) != (c.want == "") {
			t.Errorf("%s: %s %s", name, v.Verdict, v.Reason)
		}
		if c.want == "" {
			if v.Reply != nil || len(batch.Messages) != 1 {
				t.Errorf("%s: %+v", name, batch)
			}
			continue
		}
		if v.Verdict != chat.VerdictInvalid || v.Reply == nil || v.Reply.Status != http.StatusUnauthorized {
			t.Errorf("%s: %+v", name, v)
		}
		batch.Verification = chat.Verification{}
		if d := cmp.Diff(chat.Batch{}, batch); d != "" {
			t.Errorf("%s: events in spite of the verdict: %s", name, d)
		}
	}
}

func TestOtherMethods(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, valid())
	for _, method := range []string{"PUT", "DELETE", "HEAD", "post", "OPTIONS"} {
		r := signed(live(textMessage))
		r.Method = method
		v, err := p.VerifySignature(t.Context(), r)
		if err != nil || v.Verdict != chat.VerdictInvalid || v.Reply.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %+v, %v", method, v, err)
		}
	}
	for _, r := range []chat.Request{{}, {Method: "POST"}, {URI: "/"}} {
		if _, err := p.ParseMessage(t.Context(), r); !errors.Is(err, &chat.Error{Reason: chat.ReasonBadRequest}) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, valid())
	query := func(mode, token string) string {
		return url.Values{"hub.mode": {mode}, "hub.verify_token": {token}, "hub.challenge": {"1158201444"}}.Encode()
	}
	for uri, want := range map[string]bool{
		"/webhook/whatsapp?" + query("subscribe", verifyToken):                                    true,
		"/any/path?a=b&" + query("subscribe", verifyToken):                                        true,
		"/webhook/whatsapp?" + query("subscribe", "other"):                                        false,
		"/webhook/whatsapp?" + query("unsubscribe", verifyToken):                                  false,
		"/webhook/whatsapp?" + query("subscribe", verifyToken) + "&hub.verify_token=other":        false,
		"/webhook/whatsapp?hub_mode=subscribe&hub_verify_token=" + verifyToken + "&hub.challenge": false,
		"/webhook/whatsapp":     false,
		"/webhook/whatsapp?%zz": false,
		"no uri":                false,
	} {
		v, err := p.VerifySignature(t.Context(), chat.Request{Method: http.MethodGet, URI: uri})
		if err != nil || v.Reply == nil {
			t.Fatalf("%s: %+v, %v", uri, v, err)
		}
		if !strings.HasPrefix(v.Reply.ContentType, "text/plain") {
			t.Errorf("%s: %s", uri, v.Reply.ContentType)
		}
		if want {
			if v.Verdict != chat.VerdictChallenge || v.Reply.Status != http.StatusOK || string(v.Reply.Body) != "1158201444" {
				t.Errorf("%s: %+v", uri, v)
			}
		} else if v.Verdict != chat.VerdictInvalid || v.Reply.Status != http.StatusForbidden ||
			v.Reason != "VERIFY_TOKEN_MISMATCH" || bytes.Contains(v.Reply.Body, []byte("1158201444")) {
			t.Errorf("%s: %+v", uri, v)
		}
	}
}

func parse(t *testing.T, p *whatsapp.Platform, body string) chat.Batch {
	t.Helper()
	b, err := p.ParseMessage(t.Context(), signed(body))
	if err != nil || b.Verdict != chat.VerdictValid {
		t.Fatalf("%+v, %v", b.Verification, err)
	}
	return b
}

func TestParseMessage(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, valid())
	for name, c := range map[string]struct {
		message string
		text    string
		content chat.Content
		replyTo string
	}{
		"text": {message: textMessage, text: "is the node up?"},
		"button": {
			message: `{"from":"4915112345678","id":"wamid.1","timestamp":"1795305600","type":"interactive",` +
				`"context":{"from":"4930555000","id":"wamid.0"},` +
				`"interactive":{"type":"button_reply","button_reply":{"id":"restart","title":"Restart"}}}`,
			text: "button:restart", replyTo: "wamid.0",
			content: chat.Content{Interaction: &chat.Interaction{
				Kind: chat.InteractionButton, ID: "restart", Title: "Restart", SourceMessageID: "wamid.0",
			}},
		},
		"list": {
			message: `{"from":"4915112345678","id":"wamid.1","timestamp":"1795305600","type":"interactive",` +
				`"interactive":{"type":"list_reply","list_reply":{"id":"api","title":"API","description":"3 pods"}}}`,
			text: "list:api",
			content: chat.Content{Interaction: &chat.Interaction{
				Kind: chat.InteractionList, ID: "api", Title: "API", Description: "3 pods",
			}},
		},
		"image": {
			message: `{"from":"4915112345678","id":"wamid.1","timestamp":"1795305600","type":"image",` +
				`"image":{"id":"77","mime_type":"image/jpeg","caption":"what is this?"}}`,
			text: "what is this?",
			content: chat.Content{Media: &chat.Media{
				Type: chat.MediaImage, ID: "77", MimeType: "image/jpeg", Caption: "what is this?",
			}},
		},
		"a type of the future": {
			message: `{"from":"4915112345678","id":"wamid.1","timestamp":"1795305600","type":"hologram","hologram":{"id":"1"}}`,
			content: chat.Content{Unsupported: &chat.Unsupported{Type: "hologram"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := chat.Batch{Verification: chat.Verification{Verdict: chat.VerdictValid}, Messages: []chat.Message{{
				ID: "wamid.1", Platform: "whatsapp", Account: account, ChannelID: "4915112345678",
				User: chat.User{ID: "4915112345678", DisplayName: "Ada"}, Text: c.text, Content: c.content, ReplyTo: c.replyTo,
				SentAt: time.Unix(1795305600, 0).UTC(), ReceivedAt: now, Raw: []byte(c.message),
			}}}
			if c.replyTo != "" {
				want.Messages[0].Metadata = map[string]string{"context_from": "4930555000"}
			}
			if d := cmp.Diff(want, parse(t, p, live(c.message))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseStatus(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, valid())
	b := parse(t, p, entries(change("messages", `"statuses":[
		{"id":"wamid.7","status":"delivered","timestamp":"1795305600","recipient_id":"4915112345678","biz_opaque_callback_data":"d1"},
		{"id":"wamid.8","status":"failed","timestamp":"1795305600","recipient_id":"4915112345678",
			"errors":[{"code":131047,"title":"Re-engagement message","error_data":{"details":"24 hours"}}]}]`)))
	if len(b.Receipts) != 2 || len(b.Messages) != 0 || len(b.Issues) != 0 {
		t.Fatalf("%+v", b)
	}
	want := chat.Receipt{
		ID: "wamid.7:delivered:4915112345678", Platform: "whatsapp", Account: account, MessageID: "wamid.7", DeliveryID: "d1",
		Status: chat.ReceiptDelivered, PlatformStatus: "delivered", RecipientID: "4915112345678", At: time.Unix(1795305600, 0).UTC(),
	}
	if d := cmp.Diff(want, b.Receipts[0]); d != "" {
		t.Error(d)
	}
	if e := b.Receipts[1].Error; e == nil || e.Reason != chat.ReasonWindowClosed || e.PlatformCode != "131047" || !e.Permanent {
		t.Errorf("%+v", e)
	}
}

// A field that is not "messages" becomes a notice, whatever it holds.
func TestUnknownField(t *testing.T) {
	t.Parallel()
	b := parse(t, newPlatform(t, valid()), entries(change("brand_new_field", `"messages":[`+textMessage+`]`)))
	if len(b.Messages) != 0 || len(b.Notices) != 1 || len(b.Issues) != 0 {
		t.Fatalf("%+v", b)
	}
	if n := b.Notices[0]; n.Kind != "brand_new_field" || n.ID == "" || n.Account != account || len(n.Raw) == 0 {
		t.Errorf("%+v", n)
	}
}

// One webhook may tell many things. What is broken costs nothing of the rest.
func TestSeveralEntries(t *testing.T) {
	t.Parallel()
	second := strings.NewReplacer("wamid.1", "wamid.2", "is the node up?", "and now?").Replace(textMessage)
	b := parse(t, newPlatform(t, valid()), entries(
		change("messages", `"messages":[`+textMessage+`,{"type":"text"}]`),
		change("messages", `"statuses":[{"id":"wamid.7","status":"read","recipient_id":"4915112345678"}]`)+","+
			change("messages", `"messages":[`+second+`]`),
		change("account_update", `"event":"VERIFIED_ACCOUNT"`),
		`{"field":"messages","value":"odd"}`,
	))
	var texts, issues []string
	for _, m := range b.Messages {
		texts = append(texts, m.ID+" "+m.Text)
	}
	for _, i := range b.Issues {
		issues = append(issues, i.Path+" "+i.Reason)
	}
	if d := cmp.Diff([]string{"wamid.1 is the node up?", "wamid.2 and now?"}, texts); d != "" {
		t.Error(d)
	}
	if len(b.Receipts) != 1 || len(b.Notices) != 1 {
		t.Errorf("%d receipts, %d notices", len(b.Receipts), len(b.Notices))
	}
	if d := cmp.Diff([]string{
		"/entry/0/changes/0/value/messages/1 MALFORMED_MESSAGE", "/entry/3/changes/0/value MALFORMED_VALUE",
	}, issues); d != "" {
		t.Error(d)
	}
}

func TestOtherNumber(t *testing.T) {
	t.Parallel()
	b := parse(t, newPlatform(t, valid()), strings.ReplaceAll(live(textMessage), account, "999"))
	if len(b.Messages) != 0 || len(b.Issues) != 1 || b.Issues[0].Reason != "UNKNOWN_ACCOUNT" || b.Issues[0].Raw != nil {
		t.Errorf("%+v", b)
	}
}

func TestAllowedNumbers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		list    whatsapp.Numbers
		refused bool
	}{
		"everybody":        {nil, false},
		"in any spelling":  {whatsapp.Numbers{"0049 (151) 123-45678"}, false},
		"somebody else":    {whatsapp.Numbers{"+49 151 12345679"}, true},
		"a prefix of it":   {whatsapp.Numbers{"+49 151 1234567"}, true},
		"somebody by name": {whatsapp.Numbers{"DE.4915112345678"}, true},
	} {
		config := valid()
		config.AllowedNumbers = c.list
		m := parse(t, newPlatform(t, config), live(textMessage)).Messages[0]
		if (m.Refusal != nil) != c.refused {
			t.Errorf("%s: %+v", name, m.Refusal)
		}
		if m.Refusal == nil {
			continue
		}
		if m.Refusal.Reason != "SENDER_NOT_ALLOWED" || strings.Contains(m.Refusal.Detail, "4915112345678") {
			t.Errorf("%s: %+v", name, m.Refusal)
		}
	}
}

func post(body string, signatures ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhook/whatsapp", strings.NewReader(body))
	for _, s := range signatures {
		r.Header.Add("X-Hub-Signature-256", s)
	}
	return r
}

func TestReadWebhook(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, valid())
	body := live(textMessage)
	b, err := p.ReadWebhook(post(body, sign([]byte(body))))
	if err != nil || len(b.Messages) != 1 || b.Messages[0].ReceivedAt.IsZero() {
		t.Errorf("%+v, %v", b, err)
	}

	b, err = p.ReadWebhook(httptest.NewRequest(http.MethodGet,
		"/webhook/whatsapp?hub.mode=subscribe&hub.challenge=42&hub.verify_token="+verifyToken, nil))
	if err != nil || b.Verdict != chat.VerdictChallenge || string(b.Reply.Body) != "42" {
		t.Errorf("%+v, %v", b, err)
	}

	for name, c := range map[string]struct {
		r      *http.Request
		reason string
	}{
		"unsigned":       {post(body), "SIGNATURE_MISSING"},
		"signed wrongly": {post(body, sign([]byte("x"))), "SIGNATURE_MISMATCH"},
		"signed twice":   {post(body, sign([]byte(body)), sign([]byte(body))), "SIGNATURE_MALFORMED"},
		"a GET":          {httptest.NewRequest(http.MethodGet, "/webhook/whatsapp", nil), "VERIFY_TOKEN_MISMATCH"},
		"a PUT":          {httptest.NewRequest(http.MethodPut, "/webhook/whatsapp", nil), "METHOD_NOT_ALLOWED"},
	} {
		b, err := p.ReadWebhook(c.r)
		bad, ok := errors.AsType[*whatsapp.InvalidSignature](err)
		if !ok || bad.Reason != c.reason || len(b.Messages) > 0 || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, %d messages", name, err, len(b.Messages))
		}
	}

	for body, path := range map[string]string{
		"": "", "{": "", "[]": "", "null": "/object", `{"object":"page","entry":[]}`: "/object", "\xff": "",
	} {
		_, err := p.ReadWebhook(post(body, sign([]byte(body))))
		bad, ok := errors.AsType[*whatsapp.ParseError](err)
		if !ok || bad.Path != path || bad.Detail == "" || !strings.Contains(err.Error(), bad.Detail) {
			t.Errorf("%q: %#v", body, err)
		}
	}

	// What cannot be read is neither.
	broken := post("", sign(nil))
	broken.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := p.ReadWebhook(broken); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	large := strings.Repeat(" ", 4<<20)
	if _, err := p.ReadWebhook(post(large, sign([]byte(large)))); err == nil || strings.Contains(err.Error(), "more than") {
		t.Errorf("4 MiB: %v", err)
	}
	large += " "
	if _, err := p.ReadWebhook(post(large, sign([]byte(large)))); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("more than 4 MiB: %v", err)
	}
}

// BenchmarkParseMessage verifies and parses a webhook with one text message.
func BenchmarkParseMessage(b *testing.B) {
	p := newPlatform(b, valid())
	r := signed(live(textMessage))
	ctx := context.Background()
	b.SetBytes(int64(len(r.Body)))
	b.ReportAllocs()
	for b.Loop() {
		batch, err := p.ParseMessage(ctx, r)
		if err != nil || len(batch.Messages) != 1 {
			b.Fatal(err)
		}
	}
}
