package emulator

import (
	"strings"
	"unicode/utf8"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// businessProfile is how the business shows itself. A member that is absent from a call stays as it is.
type businessProfile struct {
	About       *string   `json:"about"`
	Address     *string   `json:"address"`
	Description *string   `json:"description"`
	Email       *string   `json:"email"`
	Websites    *[]string `json:"websites"`
	Vertical    *string   `json:"vertical"`
}

// getProfile is GET /{phone number id}/whatsapp_business_profile. Without fields, Meta tells nothing but the product.
func (e *Emulator) getProfile(c *graphCall) (any, error) {
	if err := e.ofNumber(c, world.Management); err != nil {
		return nil, err
	}
	m := &e.management
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]any{"profile_picture_url": "", "websites": ""}
	for name, text := range map[string]*string{
		"about": m.profile.About, "address": m.profile.Address, "description": m.profile.Description,
		"email": m.profile.Email, "vertical": m.profile.Vertical,
	} {
		all[name] = ""
		if text != nil {
			all[name] = *text
		}
	}
	if m.profile.Vertical == nil {
		all["vertical"] = "UNDEFINED"
	}
	if m.profile.Websites != nil {
		all["websites"] = *m.profile.Websites
	}
	out := map[string]any{"messaging_product": product}
	for name := range strings.SplitSeq(c.URL.Query().Get("fields"), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		value, ok := all[name]
		if !ok {
			return nil, noField(name, "WhatsAppBusinessProfile")
		}
		if text, isText := value.(string); !isText || text != "" { // Meta leaves out what is empty
			out[name] = value
		}
	}
	return map[string]any{"data": []any{out}}, nil
}

// setProfile is POST /{phone number id}/whatsapp_business_profile.
func (e *Emulator) setProfile(c *graphCall) (any, error) {
	if err := e.ofNumber(c, world.Management); err != nil {
		return nil, err
	}
	if err := needsJSON(c.Request); err != nil {
		return nil, err
	}
	var body struct {
		Product string `json:"messaging_product"`
		businessProfile
	}
	if err := strictly(c.raw, &body); err != nil {
		return nil, err
	}
	if body.Product != product {
		return nil, refusal.Parameter("The parameter messaging_product is required.")
	}
	if err := body.check(); err != nil {
		return nil, err
	}
	m := &e.management
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &m.profile
	for _, f := range []struct{ to, from **string }{
		{&p.About, &body.About},
		{&p.Address, &body.Address},
		{&p.Description, &body.Description},
		{&p.Email, &body.Email},
		{&p.Vertical, &body.Vertical},
	} {
		if *f.from != nil {
			*f.to = *f.from
		}
	}
	if body.Websites != nil {
		p.Websites = body.Websites
	}
	return success, nil
}

const (
	maxWebsites = 2
	maxWebsite  = 256
)

// check says what Meta would not take.
func (p businessProfile) check() error {
	for _, f := range []struct {
		name        string
		text        *string
		least, most int
	}{
		{"about", p.About, 1, 139}, {"address", p.Address, 0, 256}, {"description", p.Description, 0, 512}, {"email", p.Email, 0, 128},
	} {
		if f.text == nil {
			continue
		}
		if n := utf8.RuneCountInString(*f.text); n < f.least || n > f.most {
			return refusal.Parameter("Param %s must be between %d and %d characters", f.name, f.least, f.most)
		}
	}
	if p.Email != nil && *p.Email != "" && !strings.Contains(*p.Email, "@") {
		return refusal.Parameter("Param email must be a valid email address")
	}
	if p.Vertical != nil && !isVertical(*p.Vertical) {
		return refusal.Parameter("Param vertical must be one of {%s} - got %.40q.", strings.Join(verticals[1:], ", "), *p.Vertical)
	}
	if p.Websites == nil {
		return nil
	}
	if len(*p.Websites) > maxWebsites {
		return refusal.Parameter("Param websites must have at most %d entries", maxWebsites)
	}
	for _, s := range *p.Websites {
		if len(s) > maxWebsite || !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") {
			return refusal.Parameter("Param websites must have addresses of at most %d characters, with http:// or https://", maxWebsite)
		}
	}
	return nil
}
