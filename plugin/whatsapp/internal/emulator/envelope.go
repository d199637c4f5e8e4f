package emulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
)

type envelope struct {
	Object string  `json:"object"`
	Entry  []entry `json:"entry"`
}

type entry struct {
	ID      string   `json:"id"`
	Changes []change `json:"changes"`
}

type change struct {
	Value value  `json:"value"`
	Field string `json:"field"`
}

type value struct {
	Product  string            `json:"messaging_product"`
	Metadata metadata          `json:"metadata"`
	Contacts []contact         `json:"contacts,omitempty"`
	Messages []json.RawMessage `json:"messages,omitempty"`
	Statuses []status          `json:"statuses,omitempty"`
}

type metadata struct {
	DisplayNumber string `json:"display_phone_number"`
	PhoneNumberID string `json:"phone_number_id"`
}

type contact struct {
	Profile profile `json:"profile"`
	WaID    string  `json:"wa_id,omitempty"`
	UserID  string  `json:"user_id,omitempty"`
}

type profile struct {
	Name string `json:"name"`
}

// contactOf says who a message is from.
func contactOf(user, name string) contact {
	if address.IsUserID(user) {
		return contact{Profile: profile{name}, UserID: user}
	}
	return contact{Profile: profile{name}, WaID: user}
}

// envelope returns the body of a webhook.
func (e *Emulator) envelope(v value) []byte {
	v.Product = product
	v.Metadata = metadata{DisplayNumber: e.settings.DisplayNumber, PhoneNumberID: e.settings.PhoneNumberID}
	return metaJSON(envelope{
		Object: "whatsapp_business_account",
		Entry:  []entry{{ID: e.settings.AccountID, Changes: []change{{Value: v, Field: "messages"}}}},
	})
}

// metaJSON writes JSON as Meta does: all but ASCII as \uXXXX, and a slash with a backslash before it. A
// daemon that checks the signature over anything but the raw bytes fails on it, as it would in production.
// Raw parts of v must be plain JSON, without an escaped slash.
func metaJSON(v any) []byte {
	in := plainJSON(v)
	out := make([]byte, 0, len(in)+len(in)/4)
	for len(in) > 0 {
		r, size := utf8.DecodeRune(in)
		in = in[size:]
		switch {
		case r == '/':
			out = append(out, `\/`...) // outside of strings there is none
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// plainJSON writes the emulator's own types without escapes that JSON does not need.
func plainJSON(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("the emulator's own types are not JSON: %v", err)) // raw parts were decoded before
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// sign returns the header that proves a body to be Meta's.
func (e *Emulator) sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(e.settings.AppSecret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
