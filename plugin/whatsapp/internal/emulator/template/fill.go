package template

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/outbound"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

// Filled is a template as a phone shows it.
type Filled struct {
	Header  *FilledHeader  `json:"header,omitempty"`
	Body    string         `json:"body"`
	Footer  string         `json:"footer,omitempty"`
	Buttons []FilledButton `json:"buttons,omitempty"`
	Cards   []Filled       `json:"cards,omitempty"`
}

// FilledHeader is text or the reference to something else, as in the message.
type FilledHeader struct {
	Type  string          `json:"type"` // text, image, video, document, location
	Text  string          `json:"text,omitempty"`
	Media json.RawMessage `json:"media,omitempty"`
}

// FilledButton is a button as it can be tapped.
type FilledButton struct {
	Type    string `json:"type"` // quick_reply, url, …
	Text    string `json:"text"`
	URL     string `json:"url,omitempty"`
	Payload string `json:"payload,omitempty"`
}

// Usable says why a template cannot be sent now.
func (d *Definition) Usable() error {
	switch d.Status {
	case Approved:
		return nil
	case Paused:
		return refusal.New(132015, "template %s (%s) is paused for its quality", d.Name, d.Language)
	case Disabled:
		return refusal.New(132016, "template %s (%s) was paused too often", d.Name, d.Language)
	}
	return refusal.New(132001, "template name (%s) does not exist in %s: it is %s", d.Name, d.Language, d.Status)
}

// Fill puts the values of a message into the template. Its error is a *refusal.Refusal.
func (d *Definition) Fill(use *outbound.Template) (*Filled, error) {
	return d.fill(d.Components, use.Components)
}

func (d *Definition) fill(defined []Component, used []outbound.Component) (*Filled, error) {
	f := &Filled{}
	values := map[string]outbound.Component{}
	for _, u := range used {
		if u.Type != "button" {
			values[u.Type] = u
		}
	}
	for _, c := range defined {
		var err error
		switch c.Type {
		case "HEADER":
			f.Header, err = d.header(c, values["header"])
		case "BODY":
			f.Body, err = d.hydrate("body", c.Text, values["body"], maxBody)
		case "FOOTER":
			f.Footer = c.Text
		case "BUTTONS":
			f.Buttons, err = fillButtons(c.Buttons, used)
		case "CAROUSEL":
			f.Cards, err = d.fillCards(c.Cards, values["carousel"])
		}
		if err != nil {
			return nil, err
		}
	}
	return f, unasked(defined, used)
}

// unasked finds components that the definition does not have.
func unasked(defined []Component, used []outbound.Component) error {
	for _, u := range used {
		kind := strings.ToUpper(u.Type)
		if u.Type == "button" {
			kind = "BUTTONS"
		}
		if find(defined, kind) == nil && len(u.Parameters)+len(u.Cards) > 0 {
			return refusal.New(132018, "the template has no component %s", u.Type)
		}
	}
	return nil
}

func (d *Definition) header(c Component, u outbound.Component) (*FilledHeader, error) {
	if c.Format == "TEXT" {
		text, err := d.hydrate("header", c.Text, u, maxLine)
		return &FilledHeader{Type: "text", Text: text}, err
	}
	want := strings.ToLower(c.Format)
	if len(u.Parameters) != 1 {
		return nil, refusal.New(132012, "header: Format mismatch, expected %s, received UNKNOWN", c.Format)
	}
	p := u.Parameters[0]
	if p.Type != want && (want != "gif" || p.Type != "video") {
		return nil, refusal.New(132012, "header: Format mismatch, expected %s, received %s", c.Format, strings.ToUpper(p.Type))
	}
	media := map[string]json.RawMessage{
		"image": p.Image, "video": p.Video, "document": p.Document, "location": p.Location, "product": p.Product,
	}[p.Type]
	return &FilledHeader{Type: p.Type, Media: media}, nil
}

// hydrate puts values in the places of variables.
func (d *Definition) hydrate(what, text string, u outbound.Component, most int) (string, error) {
	want := variables(text)
	if len(u.Parameters) != len(want) {
		return "", refusal.New(132000, "%s: number of localizable_params (%d) does not match the expected number of params (%d)",
			what, len(u.Parameters), len(want))
	}
	values := map[string]string{}
	for i, p := range u.Parameters {
		value, err := words(what, p)
		if err != nil {
			return "", err
		}
		key := strconv.Itoa(i + 1)
		switch {
		case d.Format == "NAMED" && p.Name == "":
			return "", refusal.Parameter("%s: Parameter name is missing or empty", what)
		case d.Format != "NAMED" && p.Name != "":
			return "", refusal.New(132012, "%s: parameter_name is for templates with named parameters", what)
		case d.Format == "NAMED":
			key = p.Name
		}
		if !slices.Contains(want, key) {
			return "", refusal.Parameter("%s: the template has no variable {{%s}}", what, key)
		}
		values[key] = value
	}
	out := variable.ReplaceAllStringFunc(text, func(v string) string {
		return values[strings.TrimSpace(v[2:len(v)-2])]
	})
	if n := utf8.RuneCountInString(out); n > most {
		return "", refusal.New(132005, "%s: the text with its values has %d characters, at most %d are allowed", what, n, most)
	}
	return out, nil
}

// words returns what a parameter stands for in a text.
func words(what string, p outbound.Parameter) (string, error) {
	switch p.Type {
	case "text":
		return *p.Text, wellFormed(what, *p.Text)
	case "currency":
		return p.Currency.Fallback, nil
	case "date_time":
		return p.DateTime.Fallback, nil
	}
	return "", refusal.New(132012, "%s: a parameter of type %s does not fit into a text", what, p.Type)
}

func wellFormed(what, s string) error {
	switch {
	case s == "":
		return refusal.Missing("%s: a parameter of type text has no text", what)
	case strings.ContainsAny(s, "\n\r\t"), strings.Contains(s, "     "):
		return refusal.New(132018, "%s: Param text cannot have new-line/tab characters or more than 4 consecutive spaces", what)
	}
	return nil
}

// subTypes say how a message names the buttons that take a value.
var subTypes = map[string]string{
	"QUICK_REPLY": "quick_reply", "URL": "url", "COPY_CODE": "copy_code", "FLOW": "flow", "CATALOG": "catalog", "MPM": "mpm",
	"OTP": "url", "ORDER_DETAILS": "order_details", "VOICE_CALL": "voice_call",
}

func fillButtons(defined []Button, used []outbound.Component) ([]FilledButton, error) {
	values := map[int]outbound.Component{}
	for _, u := range used {
		if u.Type != "button" {
			continue
		}
		i, err := strconv.Atoi(string(u.Index))
		if err != nil || i < 0 || i >= len(defined) {
			return nil, refusal.Parameter("button index %.10q is none of 0 to %d", u.Index, len(defined)-1)
		}
		if want := subTypes[defined[i].Type]; u.SubType != want && !(defined[i].Type == "OTP" && u.SubType == "copy_code") {
			return nil, refusal.New(132012, "button at index %d is of type %s, not %s", i, cmp.Or(want, defined[i].Type), u.SubType)
		}
		values[i] = u
	}
	var out []FilledButton
	for i, b := range defined {
		f, err := b.fill(i, values[i].Parameters)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (b *Button) fill(i int, ps []outbound.Parameter) (FilledButton, error) {
	f := FilledButton{Type: strings.ToLower(b.Type), Text: b.Text, URL: b.URL, Payload: b.Text}
	value := func(kinds ...string) (string, error) {
		if len(ps) != 1 || !slices.Contains(kinds, ps[0].Type) {
			return "", refusal.New(131008, "Button at index %d of type %s requires a parameter", i, b.Type)
		}
		p := ps[0]
		text := *cmp.Or(p.Text, p.Payload, p.CouponCode)
		return text, wellFormed("button", text)
	}
	var err error
	switch {
	case b.Type == "URL" && strings.Contains(b.URL, "{{"):
		var suffix string
		if suffix, err = value("text"); err == nil {
			f.URL = variable.ReplaceAllLiteralString(b.URL, suffix)
			if len(f.URL) > maxURL {
				err = refusal.New(132005, "button: the url with its value has more than %d characters", maxURL)
			}
		}
	case b.Type == "OTP":
		f.Payload, err = value("text", "coupon_code")
	case b.Type == "COPY_CODE":
		f.Payload, err = value("coupon_code")
		if err == nil && utf8.RuneCountInString(f.Payload) > maxCode {
			err = refusal.New(132005, "button: a code has at most %d characters", maxCode)
		}
	case b.Type == "QUICK_REPLY" && len(ps) > 0:
		f.Payload, err = value("payload", "text")
	case b.Type == "URL" && len(ps) > 0:
		err = refusal.New(132000, "button at index %d takes no parameter", i)
	}
	return f, err
}

func (d *Definition) fillCards(defined []Card, u outbound.Component) ([]Filled, error) {
	if len(u.Cards) != len(defined) {
		return nil, refusal.New(132000, "carousel: number of cards (%d) does not match the expected number (%d)", len(u.Cards), len(defined))
	}
	out := make([]Filled, len(defined))
	for _, c := range u.Cards {
		i, err := strconv.Atoi(string(c.Index))
		if err != nil || i < 0 || i >= len(defined) {
			return nil, refusal.Parameter("card_index %.10q is none of 0 to %d", c.Index, len(defined)-1)
		}
		f, err := d.fill(defined[i].Components, c.Components)
		if err != nil {
			return nil, err
		}
		out[i] = *f
	}
	return out, nil
}

// NeedsPhone reports whether the template cannot go to a user id alone: those with a one-time password.
func (d *Definition) NeedsPhone() bool {
	c := find(d.Components, "BUTTONS")
	return c != nil && slices.ContainsFunc(c.Buttons, func(b Button) bool { return b.Type == "OTP" })
}
