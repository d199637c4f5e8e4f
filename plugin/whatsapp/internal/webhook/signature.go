package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"github.com/aof-dev/aofd/sdk/chat"
)

// SignatureHeader carries Meta's signature, in lower case.
const SignatureHeader = "x-hub-signature-256"

// The reasons why a request is not from Meta.
const (
	SignatureMissing   = "SIGNATURE_MISSING"
	SignatureMalformed = "SIGNATURE_MALFORMED"
	SignatureMismatch  = "SIGNATURE_MISMATCH"
)

// Signature checks the HMAC of the raw body with the app secrets that are valid now: more than one while a secret
// is being changed. It returns "" when the request is from Meta, else the reason. Nothing of the header is
// repaired: one header, "sha256=", 64 hex digits. All secrets are tried, so that the time does not tell which one
// fits.
func Signature(secrets []string, headers []chat.Header, body []byte) (refused string) {
	var values []string
	for _, h := range headers {
		if strings.EqualFold(h.Name, SignatureHeader) {
			values = append(values, h.Value)
		}
	}
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return SignatureMissing
	}
	if len(values) > 1 {
		return SignatureMalformed
	}
	digits, prefixed := strings.CutPrefix(values[0], "sha256=")
	if !prefixed || len(digits) != 2*sha256.Size {
		return SignatureMalformed
	}
	claimed, err := hex.DecodeString(digits)
	if err != nil {
		return SignatureMalformed
	}
	same := 0
	for _, secret := range secrets {
		if secret == "" {
			continue // anybody could sign with it
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		same |= subtle.ConstantTimeCompare(mac.Sum(nil), claimed)
	}
	if same != 1 {
		return SignatureMismatch
	}
	return ""
}
