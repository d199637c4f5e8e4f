package outbound

import (
	"encoding/json"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

type interactive struct {
	Type   string          `json:"type"`
	Header *header         `json:"header"`
	Body   *words          `json:"body"`
	Footer *words          `json:"footer"`
	Action json.RawMessage `json:"action"`
}

type words struct {
	Text string `json:"text"`
}

type header struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Image    *file  `json:"image"`
	Video    *file  `json:"video"`
	Document *file  `json:"document"`
}

// form is what a kind of interactive message looks like.
type form struct {
	header headerRule
	body   bodyRule
	footer bool
	action func(*reader, json.RawMessage) error
}

// headerRule is which headers a kind takes.
type headerRule int

const (
	noHeader headerRule = iota
	anyHeader
	textHeader
	mustHaveText
)

type bodyRule int

const (
	required bodyRule = iota
	optional
)

// forms are the kinds, by interactive.type.
var forms = map[string]form{
	"button":                   {anyHeader, required, true, (*reader).buttons},
	"list":                     {textHeader, required, true, (*reader).list},
	"cta_url":                  {anyHeader, required, true, (*reader).linkButton},
	"carousel":                 {noHeader, required, false, (*reader).carousel},
	"location_request_message": {noHeader, required, false, named("send_location")},
	"request_contact_info":     {noHeader, required, true, named("request_contact_info")},
	"flow":                     {anyHeader, required, true, (*reader).flow},
	"product":                  {noHeader, optional, true, (*reader).product},
	"product_list":             {mustHaveText, required, true, (*reader).productList},
	"catalog_message":          {noHeader, required, true, (*reader).catalog},
	"address_message":          {anyHeader, required, true, (*reader).address},
	"call_permission_request":  {noHeader, optional, false, named("call_permission_request")},
	"voice_call":               {noHeader, required, true, (*reader).voiceCall},
	"order_details":            {anyHeader, required, true, (*reader).orderDetails},
	"order_status":             {noHeader, required, true, (*reader).orderStatus},
}

func (r *reader) interactive(raw json.RawMessage) error {
	var i interactive
	if err := r.decode(raw, &i, "interactive"); err != nil {
		return err
	}
	f, known := forms[i.Type]
	switch {
	case !known:
		return refusal.Parameter("Param interactive['type'] must be one of {%s} - got %.40q.", strings.Join(kinds, ", "), i.Type)
	case i.Body == nil && f.body == required:
		return refusal.Missing("interactive has no body")
	case i.Footer != nil && !f.footer:
		return refusal.Parameter("Unexpected key \"footer\" on interactive of type %s", i.Type)
	}
	r.kinds = append(r.kinds, i.Type)
	if i.Body != nil {
		if err := within("Body text", i.Body.Text, 1, maxInteractive); err != nil {
			return err
		}
	}
	if i.Footer != nil {
		if err := within("Footer text", i.Footer.Text, 1, maxFooter); err != nil {
			return err
		}
	}
	if err := r.header(i.Header, i.Type, f.header); err != nil {
		return err
	}
	if absent(i.Action) {
		return refusal.Missing("interactive has no action")
	}
	return f.action(r, i.Action)
}

// kinds are the names of the forms, in the order of Meta's pages.
var kinds = []string{
	"button", "list", "cta_url", "carousel", "location_request_message", "request_contact_info", "flow", "product",
	"product_list", "catalog_message", "address_message", "call_permission_request", "voice_call", "order_details",
	"order_status",
}

func (r *reader) header(h *header, kind string, takes headerRule) error {
	switch {
	case h == nil && takes == mustHaveText:
		return refusal.Missing("interactive of type %s needs a header of type text", kind)
	case h == nil:
		return nil
	case takes == noHeader:
		return refusal.Parameter("Unexpected key \"header\" on interactive of type %s", kind)
	case h.Type == "text":
		return within("Header text", h.Text, 1, maxHeader)
	case takes != anyHeader:
		return refusal.Value("the header of a %s must be of type text", kind)
	}
	return r.headerFile(h, "image", "video", "document")
}

func (r *reader) headerFile(h *header, takes ...string) error {
	files := map[string]*file{"image": h.Image, "video": h.Video, "document": h.Document}
	f, known := files[h.Type]
	known = known && strings.Contains(strings.Join(takes, " "), h.Type)
	switch {
	case !known:
		return refusal.Parameter("Param interactive['header']['type'] must be one of {text, image, video, document} - got %.40q.",
			h.Type)
	case f == nil:
		return refusal.Missing("the header has no %s", h.Type)
	case f.Caption != nil:
		return refusal.Parameter("Unexpected key \"caption\" on the header")
	}
	return r.attach(f, h.Type)
}

type button struct {
	Type  string `json:"type"`
	Reply struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	} `json:"reply"`
}

func (r *reader) buttons(raw json.RawMessage) error {
	var a struct {
		Buttons []button `json:"buttons"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	if n := len(a.Buttons); n < 1 || n > maxButtons {
		return refusal.Value("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: %d", maxButtons)
	}
	ids, titles := unique{what: "button ids"}, unique{what: "button titles"}
	for _, b := range a.Buttons {
		if b.Type != "reply" {
			return refusal.Parameter("Param action['buttons']['type'] must be reply - got %.40q.", b.Type)
		}
		if err := first(
			within("Button title", b.Reply.Title, 1, maxButtonTitle),
			within("Button id", b.Reply.ID, 1, maxButtonID),
			unpadded("Button id", b.Reply.ID),
			ids.add(b.Reply.ID), titles.add(b.Reply.Title),
		); err != nil {
			return err
		}
	}
	return nil
}

type section struct {
	Title string `json:"title"`
	Rows  []row  `json:"rows"`
}

type row struct {
	ID          string  `json:"id"`
	Title       string  `json:"title"`
	Description *string `json:"description"`
}

func (r *reader) list(raw json.RawMessage) error {
	var a struct {
		Button   string    `json:"button"`
		Sections []section `json:"sections"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	if err := first(within("List button", a.Button, 1, maxListLabel), countSections(len(a.Sections))); err != nil {
		return err
	}
	rows, ids := 0, unique{what: "row ids"}
	for _, s := range a.Sections {
		if err := sectionTitle(s.Title, len(a.Sections)); err != nil {
			return err
		}
		if len(s.Rows) == 0 {
			return refusal.Value("a section needs at least one row")
		}
		for _, r := range s.Rows {
			if err := r.check(&ids); err != nil {
				return err
			}
		}
		rows += len(s.Rows)
	}
	if rows > maxRows {
		return refusal.Value("Total row count exceed max allowed count: %d", maxRows)
	}
	return nil
}

func countSections(n int) error {
	if n < 1 || n > maxSections {
		return refusal.Value("Invalid sections count. Min allowed sections: 1, Max allowed sections: %d", maxSections)
	}
	return nil
}

// sectionTitle checks the title of one of so many sections: only the title of a single one may be missing.
func sectionTitle(title string, of int) error {
	return within("Section title", title, min(of-1, 1), maxSectionTitle)
}

func (r row) check(ids *unique) error {
	description := "-"
	if r.Description != nil {
		description = *r.Description
	}
	return first(
		within("Row title", r.Title, 1, maxRowTitle),
		within("Row id", r.ID, 1, maxRowID),
		within("Row description", description, 1, maxDescription),
		ids.add(r.ID),
	)
}

func (r *reader) linkButton(raw json.RawMessage) error {
	var a struct {
		Name       string `json:"name"`
		Parameters link   `json:"parameters"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	if err := actionName(a.Name, "cta_url"); err != nil {
		return err
	}
	return a.Parameters.check()
}

// link is a button that opens a page.
type link struct {
	Label string `json:"display_text"`
	URL   string `json:"url"`
}

func (l link) check() error {
	switch {
	case !isLink(l.URL):
		return refusal.Parameter("Param action['parameters']['url'] is not a valid URI.")
	case !isNamed(l.URL):
		return refusal.Parameter("Param action['parameters']['url'] must not be an IP address.")
	}
	return within("Button label", l.Label, 1, maxLinkLabel)
}

func actionName(is, want string) error {
	if is != want {
		return refusal.Parameter("Param action['name'] must be %s - got %.40q.", want, is)
	}
	return nil
}

// named checks an action that is nothing but its name.
func named(name string) func(*reader, json.RawMessage) error {
	return func(r *reader, raw json.RawMessage) error {
		var a struct {
			Name string `json:"name"`
		}
		if err := r.decode(raw, &a, "action"); err != nil {
			return err
		}
		return actionName(a.Name, name)
	}
}
