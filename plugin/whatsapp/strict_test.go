package whatsapp_test

import (
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/outbound"
)

// The emulator reads bodies as strictly as Meta does: no member that Meta does not name, none missing, no limit broken.
// It takes all that the plugin sends.
func TestStrictDecoderTakesEveryType(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	for _, c := range everyType {
		for _, recipient := range []string{to, "DE.90210", "group:Y2Fw"} {
			before := len(m.sent())
			if _, err := p.Send(t.Context(), recipient, c.content, whatsapp.WithCallbackData("d"), whatsapp.ForIdentity("h")); err != nil {
				continue // other tests say what cannot go there
			}
			raw := m.sent()[before]
			if _, err := outbound.Parse([]byte(raw), false); err != nil {
				t.Errorf("%s: %v\n%s", c.name, err, raw)
			}
		}
	}
}
