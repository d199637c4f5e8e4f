package outbound

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

func (r *reader) text(raw json.RawMessage) error {
	var t struct {
		Body    string `json:"body"`
		Preview bool   `json:"preview_url"`
	}
	if err := r.decode(raw, &t, "text"); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(t.Body) == "":
		return refusal.Parameter("The parameter text['body'] is required.")
	case length(t.Body) > MaxText:
		return refusal.Parameter("Param text['body'] must be at most %d characters long.", MaxText)
	}
	return nil
}

// file is a reference to media, as a message or in one.
type file struct {
	ID       string  `json:"id"`
	Link     string  `json:"link"`
	Caption  *string `json:"caption"`
	Filename *string `json:"filename"`
	Voice    *bool   `json:"voice"`
}

func (r *reader) file(raw json.RawMessage, kind, where string) error {
	var f file
	if err := r.decode(raw, &f, where); err != nil {
		return err
	}
	return r.attach(&f, kind)
}

// attach checks one file and keeps it.
func (r *reader) attach(f *file, kind string) error {
	switch {
	case (f.ID == "") == (f.Link == ""):
		return refusal.Parameter("%s needs either an id or a link", kind)
	case f.Link != "" && !isLink(f.Link):
		return refusal.Parameter("Param %s['link'] is not a valid URI.", kind)
	case f.Caption != nil && (kind == "audio" || kind == "sticker"):
		return refusal.Parameter("Unexpected key \"caption\" on param '%s'", kind)
	case f.Filename != nil && kind != "document":
		return refusal.Parameter("Unexpected key \"filename\" on param '%s'", kind)
	case f.Voice != nil && kind != "audio":
		return refusal.Parameter("Unexpected key \"voice\" on param '%s'", kind)
	case f.Caption != nil:
		if err := within("Caption", *f.Caption, 0, maxCaption); err != nil {
			return err
		}
	}
	r.media = append(r.media, Media{Kind: kind, ID: f.ID, Link: f.Link, Voice: f.Voice != nil && *f.Voice})
	return nil
}

func isLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// isNamed reports whether a link has a name for a host, and no IP address.
func isNamed(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	_, err = netip.ParseAddr(u.Hostname())
	return err != nil
}

func (r *reader) location(raw json.RawMessage) error {
	var l place
	if err := r.decode(raw, &l, "location"); err != nil {
		return err
	}
	return l.check()
}

type place struct {
	Latitude  *json.Number `json:"latitude"` // a number, or a string with one
	Longitude *json.Number `json:"longitude"`
	Name      string       `json:"name"`
	Address   string       `json:"address"`
}

func (l place) check() error {
	for name, c := range map[string]struct {
		is   *json.Number
		most float64
	}{"latitude": {l.Latitude, 90}, "longitude": {l.Longitude, 180}} {
		if c.is == nil {
			return refusal.Parameter("The parameter location['%s'] is required.", name)
		}
		if f, err := c.is.Float64(); err != nil || f < -c.most || f > c.most {
			return refusal.Value("location %s must be a number from -%g to %g", name, c.most, c.most)
		}
	}
	return nil
}

// card is a contact.
type card struct {
	Name   map[string]string `json:"name"`
	Phones []struct {
		Phone string `json:"phone"`
		WaID  string `json:"wa_id"`
		Type  string `json:"type"`
	} `json:"phones"`
	Emails []struct {
		Email string `json:"email"`
		Type  string `json:"type"`
	} `json:"emails"`
	URLs []struct {
		URL  string `json:"url"`
		Type string `json:"type"`
	} `json:"urls"`
	Addresses []struct {
		Street      string `json:"street"`
		City        string `json:"city"`
		State       string `json:"state"`
		Zip         string `json:"zip"`
		Country     string `json:"country"`
		CountryCode string `json:"country_code"`
		Type        string `json:"type"`
	} `json:"addresses"`
	Org struct {
		Company    string `json:"company"`
		Department string `json:"department"`
		Title      string `json:"title"`
	} `json:"org"`
	Birthday string `json:"birthday"`
}

func (r *reader) contacts(raw json.RawMessage) error {
	var cards []card
	if err := r.decode(raw, &cards, "contacts"); err != nil {
		return err
	}
	if len(cards) == 0 || len(cards) > maxContacts {
		return refusal.Value("contacts must have 1 to %d elements", maxContacts)
	}
	for _, c := range cards {
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}

var nameParts = map[string]bool{
	"first_name": true, "last_name": true, "middle_name": true, "prefix": true, "suffix": true,
}

func (c card) check() error {
	if c.Name["formatted_name"] == "" {
		return refusal.Missing("a contact needs name['formatted_name']")
	}
	others := 0
	for part, s := range c.Name {
		switch {
		case part != "formatted_name" && !nameParts[part]:
			return refusal.Parameter("Unexpected key %q on param 'contacts['name']'", part)
		case nameParts[part] && s != "":
			others++
		}
	}
	if others == 0 {
		return refusal.Missing("a contact needs one more part of its name beside the formatted one")
	}
	if c.Birthday != "" {
		if _, err := time.Parse(time.DateOnly, c.Birthday); err != nil {
			return refusal.Value("contact birthday %.20q is not YYYY-MM-DD", c.Birthday)
		}
	}
	return nil
}

func (r *reader) reaction(raw json.RawMessage, m *Message) error {
	var re struct {
		MessageID string  `json:"message_id"`
		Emoji     *string `json:"emoji"`
	}
	if err := r.decode(raw, &re, "reaction"); err != nil {
		return err
	}
	switch {
	case re.MessageID == "":
		return refusal.Missing("reaction has no message_id")
	case re.Emoji == nil:
		return refusal.Missing("reaction has no emoji")
	case *re.Emoji != "" && (uniseg.GraphemeClusterCount(*re.Emoji) != 1 || len(*re.Emoji) == 1):
		return refusal.Value("reaction emoji is not one emoji")
	}
	m.Reaction = &Reaction{re.MessageID, *re.Emoji} // an empty one takes the reaction back
	return nil
}

func (r *reader) pin(raw json.RawMessage, m *Message) error {
	var p struct {
		Type      string `json:"type"`
		MessageID string `json:"message_id"`
		Days      int    `json:"expiration_days"`
	}
	if err := r.decode(raw, &p, "pin"); err != nil {
		return err
	}
	switch {
	case p.Type != "pin" && p.Type != "unpin":
		return refusal.Parameter("Param pin['type'] must be one of {pin, unpin} - got %.40q.", p.Type)
	case p.MessageID == "":
		return refusal.Missing("pin has no message_id")
	case p.Type == "pin" && (p.Days < 1 || p.Days > maxPinDays):
		return refusal.Value("pin expiration_days must be 1 to %d", maxPinDays)
	}
	m.Pin = &Pin{p.MessageID, p.Type == "unpin", p.Days}
	return nil
}

var templateName = regexp.MustCompile(`^[a-z0-9_]+$`)

// Template is the use of one.
type Template struct {
	Name       string
	Language   string
	Components []Component
}

// Component fills a part of a template.
type Component struct {
	Type       string      `json:"type"`
	SubType    string      `json:"sub_type"`
	Index      Index       `json:"index"`
	Parameters []Parameter `json:"parameters"`
	Cards      []Card      `json:"cards"`
}

// Card fills one card of a carousel.
type Card struct {
	Index      Index       `json:"card_index"`
	Components []Component `json:"components"`
}

// Parameter is one value.
type Parameter struct {
	Type       string          `json:"type"`
	Name       string          `json:"parameter_name"`
	Text       *string         `json:"text"`
	Payload    *string         `json:"payload"`
	CouponCode *string         `json:"coupon_code"`
	Currency   *Currency       `json:"currency"`
	DateTime   *DateTime       `json:"date_time"`
	Image      json.RawMessage `json:"image"`
	Video      json.RawMessage `json:"video"`
	Document   json.RawMessage `json:"document"`
	Location   json.RawMessage `json:"location"`
	Product    json.RawMessage `json:"product"`
	Action     json.RawMessage `json:"action"`
	Offer      json.RawMessage `json:"limited_time_offer"`
	TTL        *int            `json:"ttl_minutes"`
}

// Currency is an amount of money.
type Currency struct {
	Fallback string `json:"fallback_value"`
	Code     string `json:"code"`
	Amount   *int64 `json:"amount_1000"`
}

// DateTime is a date in words.
type DateTime struct {
	Fallback string `json:"fallback_value"`
}

// Index is a number, or a string with one, as Meta takes both.
type Index string

// UnmarshalJSON takes both.
func (i *Index) UnmarshalJSON(raw []byte) error {
	*i = Index(strings.Trim(string(raw), `"`))
	return nil
}

var componentTypes = map[string]bool{
	"header": true, "body": true, "button": true, "carousel": true, "limited_time_offer": true, "order_status": true,
}

func (r *reader) template(raw json.RawMessage, m *Message) error {
	var t struct {
		Name     string `json:"name"`
		Language struct {
			Code   string `json:"code"`
			Policy string `json:"policy"`
		} `json:"language"`
		Components []Component `json:"components"`
	}
	if err := r.decode(raw, &t, "template"); err != nil {
		return err
	}
	switch {
	case t.Name == "" || t.Language.Code == "":
		return refusal.Missing("template needs a name and language['code']")
	case t.Language.Policy != "" && t.Language.Policy != "deterministic":
		return refusal.Parameter("Param template['language']['policy'] must be deterministic")
	case len(t.Name) > maxTemplateName || !templateName.MatchString(t.Name):
		return refusal.New(132001, "a template's name has small letters, digits and underscores")
	}
	m.Template = &Template{t.Name, t.Language.Code, t.Components}
	return r.components(t.Components)
}

func (r *reader) components(cs []Component) error {
	for i := range cs {
		cs[i].Type, cs[i].SubType = strings.ToLower(cs[i].Type), strings.ToLower(cs[i].SubType)
		if !componentTypes[cs[i].Type] {
			return refusal.Parameter("Param template['components'] has an unknown type %.40q", cs[i].Type)
		}
		for _, p := range cs[i].Parameters {
			if err := r.parameter(p); err != nil {
				return err
			}
		}
		for _, c := range cs[i].Cards {
			if err := r.components(c.Components); err != nil {
				return err
			}
		}
	}
	return nil
}

// parameter checks that a parameter has the member that its type names.
func (r *reader) parameter(p Parameter) error {
	switch p.Type {
	case "image":
		return r.parameterFile(p.Image, p.Type)
	case "video":
		return r.parameterFile(p.Video, p.Type)
	case "document":
		return r.parameterFile(p.Document, p.Type)
	case "location":
		if absent(p.Location) {
			return refusal.Missing("a parameter of type location has no location")
		}
		return r.location(p.Location)
	}
	has, known := map[string]bool{
		"text": p.Text != nil, "payload": p.Payload != nil, "coupon_code": p.CouponCode != nil,
		"currency":  p.Currency != nil && p.Currency.Code != "" && p.Currency.Amount != nil && p.Currency.Fallback != "",
		"date_time": p.DateTime != nil && p.DateTime.Fallback != "", "product": !absent(p.Product),
		"action": !absent(p.Action), "limited_time_offer": !absent(p.Offer), "ttl_minutes": p.TTL != nil,
	}[p.Type]
	switch {
	case !known:
		return refusal.Parameter("Param template['components']['parameters'] has an unknown type %.40q", p.Type)
	case !has:
		return refusal.Missing("a parameter of type %s has no complete %s", p.Type, p.Type)
	}
	return nil
}

func (r *reader) parameterFile(raw json.RawMessage, kind string) error {
	if absent(raw) {
		return refusal.Missing("a parameter of type %s has no %s", kind, kind)
	}
	return r.file(raw, kind, "template['components']['parameters']['"+kind+"']")
}
