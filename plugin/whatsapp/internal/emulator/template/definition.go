// Package template knows the messages that a business has approved in advance: what a definition may look
// like, and what it takes to fill one in.
package template

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

// The states of a template.
const (
	Pending  = "PENDING"
	Approved = "APPROVED"
	Rejected = "REJECTED"
	Paused   = "PAUSED"
	Disabled = "DISABLED"
)

// Definition is a template as the business defined it.
type Definition struct {
	ID         string      `json:"id"`
	Name       string      `json:"name"`
	Language   string      `json:"language"`
	Category   string      `json:"category"`
	Status     string      `json:"status"`
	Format     string      `json:"parameter_format"`
	Components []Component `json:"components"`
	Reason     string      `json:"rejected_reason,omitempty"`
	Edited     []time.Time `json:"-"`
}

// Component is a part of a definition.
type Component struct {
	Type    string          `json:"type"`
	Format  string          `json:"format,omitempty"`
	Text    string          `json:"text,omitempty"`
	Buttons []Button        `json:"buttons,omitempty"`
	Cards   []Card          `json:"cards,omitempty"`
	Example json.RawMessage `json:"example,omitempty"`
	Offer   json.RawMessage `json:"limited_time_offer,omitempty"`
	// Of authentication templates.
	SecurityAdvice bool `json:"add_security_recommendation,omitempty"`
	Minutes        int  `json:"code_expiration_minutes,omitempty"`
}

// Button of a definition.
type Button struct {
	Type         string          `json:"type"`
	Text         string          `json:"text,omitempty"`
	URL          string          `json:"url,omitempty"`
	Phone        string          `json:"phone_number,omitempty"`
	Example      json.RawMessage `json:"example,omitempty"`
	FlowID       string          `json:"flow_id,omitempty"`
	FlowName     string          `json:"flow_name,omitempty"`
	FlowJSON     string          `json:"flow_json,omitempty"`
	FlowAction   string          `json:"flow_action,omitempty"`
	Screen       string          `json:"navigate_screen,omitempty"`
	OTPType      string          `json:"otp_type,omitempty"`
	AutofillText string          `json:"autofill_text,omitempty"`
	Apps         json.RawMessage `json:"supported_apps,omitempty"`
	ZeroTap      bool            `json:"zero_tap_terms_accepted,omitempty"`
	TTLMinutes   int             `json:"ttl_minutes,omitempty"`
}

// Card of a carousel.
type Card struct {
	Components []Component `json:"components"`
}

// What Meta takes.
const (
	maxName    = 512
	maxBody    = 1024
	maxLine    = 60 // header and footer
	maxButtons = 10
	maxURLs    = 2
	maxLabel   = 25
	maxURL     = 2000
	maxCode    = 15
	minCards   = 2
	maxCards   = 10
)

var (
	name     = regexp.MustCompile(`^[a-z0-9_]+$`)
	language = regexp.MustCompile(`^[a-z]{2,3}(_[A-Z]{2,4})?$`)
	variable = regexp.MustCompile(`\{\{([^{}]*)\}\}`)
	named    = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	ordinal  = regexp.MustCompile(`^[1-9][0-9]?$`)

	categories  = []string{"AUTHENTICATION", "MARKETING", "UTILITY"}
	mediaFormat = []string{"IMAGE", "VIDEO", "DOCUMENT", "GIF"}
	buttonTypes = []string{
		"QUICK_REPLY", "URL", "PHONE_NUMBER", "COPY_CODE", "FLOW", "CATALOG", "MPM", "SPM", "OTP", "ORDER_DETAILS",
		"VOICE_CALL", "REQUEST_CONTACT_INFO",
	}
)

// Parse reads a definition, as it is created or edited. Its error is a *refusal.Refusal.
func Parse(raw []byte) (*Definition, error) {
	var d struct {
		Definition
		AllowCategory bool   `json:"allow_category_change"`
		TTL           int    `json:"message_send_ttl_seconds"`
		Library       string `json:"library_template_name"`
		SubCategory   string `json:"sub_category"`
		CTATracking   bool   `json:"cta_url_link_tracking_opted_out"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return nil, refusal.Parameter("the template cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	t := d.Definition
	t.ID, t.Status, t.Reason = "", "", ""
	t.Category = strings.ToUpper(t.Category)
	t.Format = strings.ToUpper(t.Format)
	if t.Format == "" {
		t.Format = "POSITIONAL"
	}
	return &t, t.check()
}

func (d *Definition) check() error {
	switch {
	case len(d.Name) > maxName || !name.MatchString(d.Name):
		return bad("name must have 1 to %d small letters, digits and underscores", maxName)
	case !language.MatchString(d.Language):
		return bad("language %.20q is no language code such as en_US", d.Language)
	case !slices.Contains(categories, d.Category):
		return bad("category must be one of {%s}", strings.Join(categories, ", "))
	case d.Format != "POSITIONAL" && d.Format != "NAMED":
		return bad("parameter_format must be one of {positional, named}")
	}
	seen := map[string]bool{}
	for i := range d.Components {
		c := &d.Components[i]
		c.Type, c.Format = strings.ToUpper(c.Type), strings.ToUpper(c.Format)
		if seen[c.Type] {
			return bad("there is more than one component of type %s", c.Type)
		}
		seen[c.Type] = true
		if err := d.component(c, maxBody); err != nil {
			return err
		}
	}
	if !seen["BODY"] {
		return bad("a template needs a component of type BODY")
	}
	return nil
}

func bad(format string, args ...any) *refusal.Refusal {
	r := refusal.Parameter(format, args...)
	r.Subcode = 2388001
	return r
}

func (d *Definition) component(c *Component, bodyMost int) error {
	switch c.Type {
	case "HEADER":
		switch {
		case c.Format == "TEXT":
			if len(variables(c.Text)) > 1 {
				return bad("a header of text takes one variable at most")
			}
			return d.words("header", c.Text, maxLine)
		case c.Format != "LOCATION" && c.Format != "PRODUCT" && !slices.Contains(mediaFormat, c.Format):
			return bad("header format must be one of {TEXT, IMAGE, VIDEO, DOCUMENT, LOCATION}")
		}
		return nil
	case "BODY":
		if d.Category == "AUTHENTICATION" && c.Text == "" {
			return nil // Meta has the words of a one-time password
		}
		return d.words("body", c.Text, bodyMost)
	case "FOOTER":
		if d.Category == "AUTHENTICATION" && c.Text == "" {
			return nil
		}
		if len(variables(c.Text)) > 0 {
			return bad("a footer takes no variables")
		}
		return d.words("footer", c.Text, maxLine)
	case "BUTTONS":
		return d.buttons(c.Buttons)
	case "CAROUSEL":
		return d.cards(c.Cards)
	case "LIMITED_TIME_OFFER":
		return nil
	}
	return bad("component type %.40q is none of {HEADER, BODY, FOOTER, BUTTONS, CAROUSEL, LIMITED_TIME_OFFER}", c.Type)
}

func (d *Definition) words(what, s string, most int) error {
	if n := utf8.RuneCountInString(s); n < 1 || n > most {
		return bad("%s text must have 1 to %d characters", what, most)
	}
	for i, v := range variables(s) {
		switch {
		case d.Format == "NAMED" && !named.MatchString(v):
			return bad("%s: variable {{%s}} must have small letters, digits and underscores", what, v)
		case d.Format != "NAMED" && !ordinal.MatchString(v):
			return bad("%s: variable {{%s}} must be a number, as parameter_format is positional", what, v)
		case d.Format != "NAMED" && v != ordinals(i):
			return bad("%s: variables must be {{1}}, {{2}} and so on, in order", what)
		}
	}
	return nil
}

func ordinals(i int) string {
	const digits = "0123456789"
	if i++; i < 10 {
		return digits[i : i+1]
	}
	return digits[i/10:i/10+1] + digits[i%10:i%10+1]
}

// variables returns the names between {{ and }}, each once, in order.
func variables(s string) (names []string) {
	for _, m := range variable.FindAllStringSubmatch(s, -1) {
		if v := strings.TrimSpace(m[1]); !slices.Contains(names, v) {
			names = append(names, v)
		}
	}
	return names
}

func (d *Definition) buttons(bs []Button) error {
	if len(bs) < 1 || len(bs) > maxButtons {
		return bad("a template has 1 to %d buttons", maxButtons)
	}
	counts := map[string]int{}
	var groups []bool // whether a run of buttons is of quick replies
	for i := range bs {
		b := &bs[i]
		b.Type = strings.ToUpper(b.Type)
		if !slices.Contains(buttonTypes, b.Type) {
			return bad("button type %.40q is none of {%s}", b.Type, strings.Join(buttonTypes, ", "))
		}
		counts[b.Type]++
		if quick := b.Type == "QUICK_REPLY"; len(groups) == 0 || groups[len(groups)-1] != quick {
			groups = append(groups, quick)
		}
		if err := b.check(); err != nil {
			return err
		}
	}
	switch {
	case counts["URL"] > maxURLs:
		return bad("a template has %d buttons of type URL at most", maxURLs)
	case counts["PHONE_NUMBER"] > 1 || counts["COPY_CODE"] > 1:
		return bad("a template has one button of type PHONE_NUMBER and one of type COPY_CODE at most")
	case len(groups) > 2:
		return bad("quick replies must stand together")
	}
	return nil
}

func (b *Button) check() error {
	labelled := b.Type != "COPY_CODE" && b.Type != "OTP" && b.Type != "CATALOG" && b.Type != "MPM"
	switch n := utf8.RuneCountInString(b.Text); {
	case n > maxLabel || labelled && n == 0:
		return bad("a button's text must have 1 to %d characters", maxLabel)
	case b.Type == "URL" && (b.URL == "" || len(b.URL) > maxURL):
		return bad("a button of type URL needs a url of at most %d characters", maxURL)
	case b.Type == "URL" && len(variables(b.URL)) > 1:
		return bad("a url takes one variable at most, at its end")
	case b.Type == "URL" && strings.Contains(b.URL, "{{") && !strings.HasSuffix(b.URL, "}}"):
		return bad("the variable of a url must stand at its end")
	case b.Type == "PHONE_NUMBER" && b.Phone == "":
		return bad("a button of type PHONE_NUMBER needs a phone_number")
	case b.Type == "FLOW" && b.FlowID == "" && b.FlowName == "" && b.FlowJSON == "":
		return bad("a button of type FLOW needs a flow")
	}
	return nil
}

func (d *Definition) cards(cards []Card) error {
	if len(cards) < minCards || len(cards) > maxCards {
		return bad("a carousel has %d to %d cards", minCards, maxCards)
	}
	for _, card := range cards {
		for i := range card.Components {
			c := &card.Components[i]
			c.Type, c.Format = strings.ToUpper(c.Type), strings.ToUpper(c.Format)
			if err := d.component(c, 160); err != nil {
				return err
			}
		}
	}
	return nil
}

func find(cs []Component, kind string) *Component {
	if i := slices.IndexFunc(cs, func(c Component) bool { return c.Type == kind }); i >= 0 {
		return &cs[i]
	}
	return nil
}
