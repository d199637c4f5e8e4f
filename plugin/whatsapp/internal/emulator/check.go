package emulator

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
)

// checks say what is wrong with the part that a type names.
var checks = map[string]func(json.RawMessage) error{
	"text":        checkText,
	"image":       mediaCheck("image"),
	"video":       mediaCheck("video"),
	"audio":       mediaCheck("audio"),
	"document":    mediaCheck("document"),
	"sticker":     mediaCheck("sticker"),
	"location":    checkLocation,
	"contacts":    checkContacts,
	"reaction":    checkReaction,
	"interactive": checkInteractive,
	"template":    checkTemplate,
}

// check says what is wrong with a message, and else whom it is for.
func (o *outbound) check() (user, input string, err error) {
	if user, input, err = o.recipient(); err != nil {
		return "", "", err
	}
	if o.Type == "" {
		o.Type = "text" // the one type that may be left out
	}
	check, known := checks[o.Type]
	if !known {
		return "", "", badParameter("Param type must be one of {%s} - got %.40q.",
			strings.Join(slices.Sorted(maps.Keys(checks)), ", "), o.Type)
	}
	for name, part := range o.parts() {
		if name != o.Type && !absent(part) {
			return "", "", badParameter("Unexpected key %q on a message of type %s", name, o.Type)
		}
	}
	switch part := o.parts()[o.Type]; {
	case o.Status != "" || o.MessageID != "" || o.Typing != nil:
		return "", "", badParameter("status, message_id and typing_indicator do not belong to a message")
	case absent(part):
		return "", "", badParameter("The parameter %s is required.", o.Type)
	case o.Context != nil && o.Type == "reaction":
		return "", "", badParameter("Unexpected key \"context\" on a message of type reaction")
	case o.Context != nil && o.Context.MessageID == "":
		return "", "", missing("context has no message_id")
	case length(o.CallbackData) > maxCallbackData:
		return "", "", badParameter("Param biz_opaque_callback_data must be at most %d characters long.", maxCallbackData)
	default:
		return user, input, check(part)
	}
}

func (o *outbound) recipient() (user, input string, err error) {
	switch {
	case o.RecipientType == "group":
		return "", "", &refusal{
			status: 400, kind: "OAuthException", code: 131041, message: "(#131041) Group unknown",
			details: "the emulator has no groups",
		}
	case o.RecipientType != "" && o.RecipientType != "individual":
		return "", "", badParameter("Param recipient_type must be one of {individual, group} - got %.40q.", o.RecipientType)
	case o.To == "" && o.Recipient == "":
		return "", "", badParameter("The parameter to is required.")
	case o.To == "" && !address.IsUserID(o.Recipient):
		return "", "", badParameter("Param recipient %.40q is not a user id", o.Recipient)
	case o.To == "":
		return o.Recipient, o.Recipient, nil
	}
	digits, ok := dialled(o.To)
	if !ok {
		return "", "", badParameter("Param to %.40q is not a phone number", o.To)
	}
	return digits, o.To, nil
}

// dialled returns the digits of a phone number as people write it.
func dialled(to string) (digits string, ok bool) {
	digits = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(strings.TrimPrefix(to, "+"))
	return digits, address.IsDigits(digits) && len(digits) >= 7 && len(digits) <= 15
}

// within checks a length; least is 0 or 1, and blanks alone count as nothing.
func within(what, s string, least, most int) error {
	if n := length(s); n > most || least > 0 && strings.TrimSpace(s) == "" {
		return badValue("%s length invalid. Min length: %d, Max length: %d", what, least, most)
	}
	return nil
}

func checkText(raw json.RawMessage) error {
	var t struct {
		Body    string `json:"body"`
		Preview bool   `json:"preview_url"`
	}
	if err := decode(raw, &t, "text"); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(t.Body) == "":
		return badParameter("The parameter text['body'] is required.")
	case length(t.Body) > maxText:
		return badParameter("Param text['body'] must be at most %d characters long.", maxText)
	}
	return nil
}

func mediaCheck(kind string) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var m media
		if err := decode(raw, &m, kind); err != nil {
			return err
		}
		return m.check(kind)
	}
}

func (m media) check(kind string) error {
	switch {
	case (m.ID == "") == (m.Link == ""):
		return badParameter("%s needs either an id or a link", kind)
	case m.Link != "" && !isLink(m.Link):
		return badParameter("Param %s['link'] is not a valid URI.", kind)
	case m.Caption != nil && (kind == "audio" || kind == "sticker"):
		return badParameter("Unexpected key \"caption\" on param '%s'", kind)
	case m.Filename != nil && kind != "document":
		return badParameter("Unexpected key \"filename\" on param '%s'", kind)
	case m.Voice != nil && kind != "audio":
		return badParameter("Unexpected key \"voice\" on param '%s'", kind)
	case m.Caption != nil:
		return within("Caption", *m.Caption, 0, maxCaption)
	}
	return nil
}

func isLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

func checkLocation(raw json.RawMessage) error {
	var l struct {
		Latitude  *json.Number `json:"latitude"` // a number, or a string with one
		Longitude *json.Number `json:"longitude"`
		Name      string       `json:"name"`
		Address   string       `json:"address"`
	}
	if err := decode(raw, &l, "location"); err != nil {
		return err
	}
	for name, c := range map[string]struct {
		is   *json.Number
		most float64
	}{"latitude": {l.Latitude, 90}, "longitude": {l.Longitude, 180}} {
		if c.is == nil {
			return badParameter("The parameter location['%s'] is required.", name)
		}
		if f, err := c.is.Float64(); err != nil || f < -c.most || f > c.most {
			return badValue("location %s must be a number from -%g to %g", name, c.most, c.most)
		}
	}
	return nil
}

func checkContacts(raw json.RawMessage) error {
	var cards []struct {
		Name map[string]string `json:"name"`
		// Their members are not looked into.
		Phones    []json.RawMessage `json:"phones"`
		Emails    []json.RawMessage `json:"emails"`
		URLs      []json.RawMessage `json:"urls"`
		Addresses []json.RawMessage `json:"addresses"`
		Org       json.RawMessage   `json:"org"`
		Birthday  string            `json:"birthday"`
	}
	if err := decode(raw, &cards, "contacts"); err != nil {
		return err
	}
	if len(cards) == 0 || len(cards) > maxContacts {
		return badValue("contacts must have 1 to %d elements", maxContacts)
	}
	for _, c := range cards {
		if c.Name["formatted_name"] == "" {
			return missing("a contact needs name['formatted_name']")
		}
		others := 0
		for _, part := range []string{"first_name", "last_name", "middle_name", "prefix", "suffix"} {
			if c.Name[part] != "" {
				others++
			}
		}
		if others == 0 {
			return missing("a contact needs one more part of its name beside the formatted one")
		}
	}
	return nil
}

func checkReaction(raw json.RawMessage) error {
	var r struct {
		MessageID string  `json:"message_id"`
		Emoji     *string `json:"emoji"`
	}
	if err := decode(raw, &r, "reaction"); err != nil {
		return err
	}
	switch {
	case r.MessageID == "":
		return missing("reaction has no message_id")
	case r.Emoji == nil:
		return missing("reaction has no emoji")
	case *r.Emoji == "":
		return nil // it takes the reaction back
	case uniseg.GraphemeClusterCount(*r.Emoji) != 1 || len(*r.Emoji) == 1:
		return badValue("reaction emoji is not one emoji")
	}
	return nil
}

var templateName = regexp.MustCompile(`^[a-z0-9_]+$`)

func checkTemplate(raw json.RawMessage) error {
	var t struct {
		Name     string `json:"name"`
		Language struct {
			Code   string `json:"code"`
			Policy string `json:"policy"`
		} `json:"language"`
		Components []struct {
			Type       string            `json:"type"`
			SubType    string            `json:"sub_type"`
			Index      json.RawMessage   `json:"index"`
			Parameters []json.RawMessage `json:"parameters"`
			Cards      []json.RawMessage `json:"cards"`
		} `json:"components"`
	}
	if err := decode(raw, &t, "template"); err != nil {
		return err
	}
	switch {
	case t.Name == "" || t.Language.Code == "":
		return missing("template needs a name and language['code']")
	case len(t.Name) > maxTemplateName || !templateName.MatchString(t.Name):
		return &refusal{
			status: 404, kind: "OAuthException", code: 132001, message: "(#132001) Template name does not exist",
			details: "a template's name has small letters, digits and underscores",
		}
	}
	for _, c := range t.Components {
		if !slices.Contains([]string{"header", "body", "button", "carousel", "limited_time_offer"}, strings.ToLower(c.Type)) {
			return badParameter("Param template['components'] has an unknown type %.40q", c.Type)
		}
	}
	return nil
}
