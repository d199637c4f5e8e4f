package render

// What WhatsApp takes, in characters where nothing else is said.
const (
	TextMax           = 4096
	InteractiveMax    = 1024 // the body of buttons and lists
	CaptionMax        = 1024
	HeaderMax         = 60
	FooterMax         = 60
	ButtonsMax        = 3
	ButtonTitleMax    = 20
	ListLabelMax      = 20
	SectionsMax       = 10
	RowsMax           = 10 // over all sections
	SectionTitleMax   = 24
	RowTitleMax       = 24
	RowDescriptionMax = 72
	ButtonIDMax       = 256 // bytes
	RowIDMax          = 200 // bytes
	CallbackMax       = 512
	ContactsMax       = 257
	NativeMax         = 256 << 10 // bytes; our own bound
)

// length counts UTF-16 units. Meta does not say what a character is; this count is never less than that of
// code points.
func length(s string) int {
	n := 0
	for _, r := range s {
		n += units(r)
	}
	return n
}

func units(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}
