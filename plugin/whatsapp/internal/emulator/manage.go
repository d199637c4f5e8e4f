package emulator

import (
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// manageRoutes adds the calls that manage the number and the account.
func (e *Emulator) manageRoutes() {}

// manageGet is GET /{id} of what is neither media nor a template.
func (e *Emulator) manageGet(c *graphCall) (any, error) {
	if err := e.authorize(c, world.Management); err != nil {
		return nil, err
	}
	if id := c.PathValue("id"); id != e.settings.PhoneNumberID {
		return nil, refusal.Object(c.Method, id, "the emulator has no object with that id")
	}
	number := struct {
		ID           string `json:"id"`
		Number       string `json:"display_phone_number"`
		Name         string `json:"verified_name"`
		Quality      string `json:"quality_rating"`
		Platform     string `json:"platform_type"`
		Verification string `json:"code_verification_status"`
	}{e.settings.PhoneNumberID, "+" + e.settings.DisplayNumber, e.settings.BusinessName, "GREEN", "CLOUD_API", "VERIFIED"}
	return fields(number, c.URL.Query().Get("fields"))
}

// managePost is POST /{id} of what is no template.
func (e *Emulator) managePost(c *graphCall) (any, error) {
	if err := e.authorize(c, world.Management); err != nil {
		return nil, err
	}
	return nil, refusal.Object(c.Method, c.PathValue("id"), "the emulator has no object with that id that can be changed")
}
