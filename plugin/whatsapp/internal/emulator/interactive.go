package emulator

import (
	"encoding/json"
	"strings"
)

func checkInteractive(raw json.RawMessage) error {
	var i interactive
	if err := decode(raw, &i, "interactive"); err != nil {
		return err
	}
	if i.Body == nil {
		return missing("interactive has no body")
	}
	if err := within("Body text", i.Body.Text, 1, maxInteractive); err != nil {
		return err
	}
	if i.Footer != nil {
		if err := within("Footer text", i.Footer.Text, 1, maxFooter); err != nil {
			return err
		}
	}
	if err := i.Header.check(i.Type); err != nil {
		return err
	}
	if absent(i.Action) {
		return missing("interactive has no action")
	}
	switch i.Type {
	case "button":
		return checkButtons(i.Action)
	case "list":
		return checkList(i.Action)
	case "cta_url":
		return checkLinkButton(i.Action)
	}
	return badParameter("Param interactive['type'] must be one of {button, list, cta_url} - got %.40q; the emulator "+
		"knows no more", i.Type)
}

func (h *header) check(kind string) error {
	switch {
	case h == nil:
		return nil
	case h.Type == "text":
		return within("Header text", h.Text, 1, maxHeader)
	case kind == "list":
		return badValue("the header of a list must be of type text")
	}
	m, known := map[string]*media{"image": h.Image, "video": h.Video, "document": h.Document}[h.Type]
	switch {
	case !known:
		return badParameter("Param interactive['header']['type'] must be one of {text, image, video, document} - got %.40q.",
			h.Type)
	case m == nil:
		return missing("the header has no %s", h.Type)
	case m.Caption != nil:
		return badParameter("Unexpected key \"caption\" on the header")
	}
	return m.check(h.Type)
}

func checkButtons(raw json.RawMessage) error {
	var a struct {
		Buttons []button `json:"buttons"`
	}
	if err := decode(raw, &a, "action"); err != nil {
		return err
	}
	if n := len(a.Buttons); n < 1 || n > maxButtons {
		return badValue("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: %d", maxButtons)
	}
	ids, titles := unique{what: "button ids"}, unique{what: "button titles"}
	for _, b := range a.Buttons {
		if b.Type != "reply" {
			return badParameter("Param action['buttons']['type'] must be reply - got %.40q.", b.Type)
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

func checkList(raw json.RawMessage) error {
	var a struct {
		Button   string    `json:"button"`
		Sections []section `json:"sections"`
	}
	if err := decode(raw, &a, "action"); err != nil {
		return err
	}
	if err := within("List button", a.Button, 1, maxListLabel); err != nil {
		return err
	}
	if n := len(a.Sections); n < 1 || n > maxSections {
		return badValue("Invalid sections count. Min allowed sections: 1, Max allowed sections: %d", maxSections)
	}
	rows, ids := 0, unique{what: "row ids"}
	for _, s := range a.Sections {
		least := 0
		if len(a.Sections) > 1 {
			least = 1
		}
		if err := within("Section title", s.Title, least, maxSectionTitle); err != nil {
			return err
		}
		if len(s.Rows) == 0 {
			return badValue("a section needs at least one row")
		}
		for _, r := range s.Rows {
			if err := r.check(&ids); err != nil {
				return err
			}
		}
		rows += len(s.Rows)
	}
	if rows > maxRows {
		return badValue("Total row count exceed max allowed count: %d", maxRows)
	}
	return nil
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

func checkLinkButton(raw json.RawMessage) error {
	var a struct {
		Name       string `json:"name"`
		Parameters struct {
			Label string `json:"display_text"`
			URL   string `json:"url"`
		} `json:"parameters"`
	}
	if err := decode(raw, &a, "action"); err != nil {
		return err
	}
	if a.Name != "cta_url" {
		return badParameter("Param action['name'] must be cta_url - got %.40q.", a.Name)
	}
	if !isLink(a.Parameters.URL) {
		return badParameter("Param action['parameters']['url'] is not a valid URI.")
	}
	return within("Button label", a.Parameters.Label, 1, maxLinkLabel)
}

// unique finds what occurs twice.
type unique struct {
	what string
	seen map[string]bool
}

func (u *unique) add(s string) error {
	if u.seen[s] {
		return badValue("Duplicate %s: %.60q", u.what, s)
	}
	if u.seen == nil {
		u.seen = map[string]bool{}
	}
	u.seen[s] = true
	return nil
}

func unpadded(what, s string) error {
	if s != strings.TrimSpace(s) {
		return badValue("%s must not begin or end with a space", what)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
