package whatsapp

import (
	"encoding/json"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
)

// Unchecked is the body of a message without the checks before it, for a comparison with what the emulator says.
func Unchecked(c Content, to string) ([]byte, error) {
	m, failure := c.message()
	if failure != nil {
		return nil, failure
	}
	r, err := address.Parse(to)
	if err != nil {
		return nil, err
	}
	m.MessagingProduct, m.RecipientType, m.To = "whatsapp", "individual", r.ID
	return json.Marshal(m)
}
