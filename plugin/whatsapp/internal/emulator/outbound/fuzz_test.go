package outbound_test

import (
	"errors"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/outbound"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

// FuzzParse looks for a body that breaks the reader, or that it refuses in words of its own.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"messaging_product":"whatsapp","to":"+4915112345678","type":"text","text":{"body":"hi"}}`,
		`{"messaging_product":"whatsapp","recipient":"US.1","type":"interactive","interactive":{"type":"list","body":{"text":"b"},"action":{"button":"o","sections":[{"rows":[{"id":"a","title":"A"}]}]}}}`,
		`{"messaging_product":"whatsapp","to":"+4915112345678","type":"template","template":{"name":"a","language":{"code":"en"},"components":[{"type":"body","parameters":[{"type":"text","text":"x"}]}]}}`,
		`{"messaging_product":"whatsapp","to":"+4915112345678","type":"interactive","interactive":{"type":"carousel","body":{"text":"b"},"action":{"cards":[{"card_index":0,"type":"cta_url"}]}}}`,
		`{"messaging_product":"whatsapp","status":"read","message_id":"a","typing_indicator":{"type":"text"}}`,
		`null`, `[]`, `{"text":null}`,
	} {
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, lenient bool) {
		m, err := outbound.Parse(raw, lenient)
		if _, meta := errors.AsType[*refusal.Refusal](err); err != nil && !meta {
			t.Errorf("%T: %v", err, err)
		}
		if err == nil && m.Read == nil && m.To+m.UserID+m.Group == "" {
			t.Errorf("a message for nobody: %s", raw)
		}
	})
}
