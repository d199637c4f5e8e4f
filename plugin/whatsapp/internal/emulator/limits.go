package emulator

// What Meta takes.
const (
	maxRequest = 1 << 20 // bytes

	maxText        = 4096
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

	maxLinkLabel    = 20
	maxCallbackData = 512
	maxContacts     = 257
	maxTemplateName = 512
)

// length counts UTF-16 units, the count that is never smaller than another that Meta could mean.
func length(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}
