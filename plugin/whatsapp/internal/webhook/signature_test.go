package webhook_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/webhook"
	"github.com/aof-dev/aofd/sdk/chat"
)

var secret = []byte("f00dfeedf00dfeedf00dfeedf00dfeed")

func sign(key, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func TestSignature(t *testing.T) {
	t.Parallel()
	body := []byte(`{"t":"\u00e4 \/ <"}`)
	good := sign(secret, body)
	plain := sha256.Sum256(append(append([]byte{}, secret...), body...))
	old := hmac.New(sha1.New, secret)
	old.Write(body)
	const header = webhook.SignatureHeader
	for name, c := range map[string]struct {
		headers []chat.Header
		want    string
	}{
		"right":               {[]chat.Header{{Name: header, Value: "sha256=" + good}}, ""},
		"upper-case digits":   {[]chat.Header{{Name: header, Value: "sha256=" + strings.ToUpper(good)}}, ""},
		"name as Meta has it": {[]chat.Header{{Name: "X-Hub-Signature-256", Value: "sha256=" + good}}, ""},
		"other headers too": {[]chat.Header{
			{Name: "x-hub-signature", Value: "sha1=" + hex.EncodeToString(old.Sum(nil))}, {Name: header, Value: "sha256=" + good},
		}, ""},
		"none":                 {nil, webhook.SignatureMissing},
		"empty":                {[]chat.Header{{Name: header}}, webhook.SignatureMissing},
		"sha1 only":            {[]chat.Header{{Name: "x-hub-signature", Value: "sha1=" + good[:40]}}, webhook.SignatureMissing},
		"no prefix":            {[]chat.Header{{Name: header, Value: good}}, webhook.SignatureMalformed},
		"prefix only":          {[]chat.Header{{Name: header, Value: "sha256="}}, webhook.SignatureMalformed},
		"upper-case prefix":    {[]chat.Header{{Name: header, Value: "SHA256=" + good}}, webhook.SignatureMalformed},
		"other prefix":         {[]chat.Header{{Name: header, Value: "sha1=" + good}}, webhook.SignatureMalformed},
		"prefix twice":         {[]chat.Header{{Name: header, Value: "sha256=sha256=" + good}}, webhook.SignatureMalformed},
		"short":                {[]chat.Header{{Name: header, Value: "sha256=" + good[:62]}}, webhook.SignatureMalformed},
		"long":                 {[]chat.Header{{Name: header, Value: "sha256=" + good + "00"}}, webhook.SignatureMalformed},
		"no hex":               {[]chat.Header{{Name: header, Value: "sha256=" + strings.Repeat("g", 64)}}, webhook.SignatureMalformed},
		"space before":         {[]chat.Header{{Name: header, Value: " sha256=" + good}}, webhook.SignatureMalformed},
		"space behind":         {[]chat.Header{{Name: header, Value: "sha256=" + good + " "}}, webhook.SignatureMalformed},
		"list":                 {[]chat.Header{{Name: header, Value: "sha256=" + good + ",sha256=" + good}}, webhook.SignatureMalformed},
		"twice":                {[]chat.Header{{Name: header, Value: "sha256=" + good}, {Name: header, Value: "sha256=" + good}}, webhook.SignatureMalformed},
		"twice, one empty":     {[]chat.Header{{Name: header}, {Name: header, Value: "sha256=" + good}}, webhook.SignatureMalformed},
		"zeros":                {[]chat.Header{{Name: header, Value: "sha256=" + strings.Repeat("0", 64)}}, webhook.SignatureMismatch},
		"of another body":      {[]chat.Header{{Name: header, Value: "sha256=" + sign(secret, []byte(`{"t":"ä / <"}`))}}, webhook.SignatureMismatch},
		"with another secret":  {[]chat.Header{{Name: header, Value: "sha256=" + sign([]byte("x"), body)}}, webhook.SignatureMismatch},
		"hash without HMAC":    {[]chat.Header{{Name: header, Value: "sha256=" + hex.EncodeToString(plain[:])}}, webhook.SignatureMismatch},
		"one digit is another": {[]chat.Header{{Name: header, Value: "sha256=" + flip(good)}}, webhook.SignatureMismatch},
	} {
		if got := webhook.Signature([]string{string(secret)}, c.headers, body); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func flip(digits string) string {
	last := "0"
	if digits[63] == '0' {
		last = "1"
	}
	return digits[:63] + last
}

// Without a secret nothing is right, not even what was signed with nothing.
func TestSignatureWithoutSecret(t *testing.T) {
	t.Parallel()
	headers := []chat.Header{{Name: webhook.SignatureHeader, Value: "sha256=" + sign(nil, []byte("{}"))}}
	if got := webhook.Signature([]string{""}, headers, []byte("{}")); got == "" {
		t.Error("accepted")
	}
}
