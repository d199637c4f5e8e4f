package outbound

import (
	"strings"
	"unicode/utf16"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

// What Meta takes. Where its pages disagree or do not say what a character is, the smaller one counts.
const (
	MaxText        = 4096
	maxCaption     = 1024
	maxInteractive = 1024
	maxHeader      = 60
	maxFooter      = 60

	maxButtons     = 3
	maxButtonTitle = 20
	maxButtonID    = 256

	maxListLabel    = 20
	maxSections     = 10
	maxSectionTitle = 24
	maxRows         = 10
	maxRowID        = 200
	maxRowTitle     = 24
	maxDescription  = 72

	maxLinkLabel = 20
	minCards     = 2
	maxCards     = 10
	maxCardBody  = 160
	maxCardLines = 3 // two line breaks
	maxCardID    = 20
	maxFlowLabel = 30
	maxProducts  = 30
	maxCallTTL   = 43200 // minutes

	maxCallbackData = 512
	maxContacts     = 257
	maxTemplateName = 512
	maxPinDays      = 30
)

// length counts UTF-16 units, the count that is never smaller than another that Meta could mean.
func length(s string) int { return len(utf16.Encode([]rune(s))) }

// within checks a length; least is 0 or 1, and blanks alone count as nothing.
func within(what, s string, least, most int) error {
	if n := length(s); n > most || least > 0 && strings.TrimSpace(s) == "" {
		return refusal.Value("%s length invalid. Min length: %d, Max length: %d", what, least, most)
	}
	return nil
}

// unique finds what occurs twice.
type unique struct {
	what string
	seen map[string]bool
}

func (u *unique) add(s string) error {
	if u.seen[s] {
		return refusal.Value("Duplicate %s: %.60q", u.what, s)
	}
	if u.seen == nil {
		u.seen = map[string]bool{}
	}
	u.seen[s] = true
	return nil
}

func unpadded(what, s string) error {
	if s != strings.TrimSpace(s) {
		return refusal.Value("%s must not begin or end with a space", what)
	}
	return nil
}
