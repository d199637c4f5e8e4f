package rules

import (
	"time"
	"unicode/utf16"

	"github.com/aof-dev/aofd/sdk/chat"
)

// What WhatsApp takes, in characters where nothing else is said.
const (
	TextMax           = 4096
	InteractiveMax    = 1024 // the body of all that can be tapped
	CaptionMax        = 1024
	HeaderMax         = 60
	FooterMax         = 60
	ButtonsMax        = 3
	ButtonTitleMax    = 20
	ButtonIDMax       = 256 // bytes
	LinkLabelMax      = 20
	LinkMax           = 2000 // of an address
	ListLabelMax      = 20
	SectionsMax       = 10
	RowsMax           = 10 // over all sections
	SectionTitleMax   = 24
	RowTitleMax       = 24
	RowDescriptionMax = 72
	RowIDMax          = 200 // bytes
	ProductsMax       = 30  // over all sections
	CardsMin          = 2
	CardsMax          = 10
	CardBodyMax       = 160
	CardBreaksMax     = 2
	CardReplyMax      = 20 // id and title of a quick reply on a card
	FlowLabelMax      = 30
	TemplateNameMax   = 512
	TemplateTextMax   = 1024
	CallbackMax       = 512
	ContactsMax       = 257
	PinDaysMax        = 30
	FilenameMax       = 240       // our own bound
	NativeMax         = 256 << 10 // bytes; our own bound
	ReplyWindow       = 24 * time.Hour
)

// Files that WhatsApp takes, the most common first.
var Files = []chat.MediaLimit{
	{Type: chat.MediaImage, MimeType: "image/jpeg", MaxBytes: 5 << 20},
	{Type: chat.MediaImage, MimeType: "image/png", MaxBytes: 5 << 20},
	{Type: chat.MediaVideo, MimeType: "video/mp4", MaxBytes: 16 << 20},
	{Type: chat.MediaVideo, MimeType: "video/3gpp", MaxBytes: 16 << 20},
	{Type: chat.MediaAudio, MimeType: "audio/ogg", MaxBytes: 16 << 20},
	{Type: chat.MediaAudio, MimeType: "audio/mpeg", MaxBytes: 16 << 20},
	{Type: chat.MediaAudio, MimeType: "audio/mp4", MaxBytes: 16 << 20},
	{Type: chat.MediaAudio, MimeType: "audio/aac", MaxBytes: 16 << 20},
	{Type: chat.MediaAudio, MimeType: "audio/amr", MaxBytes: 16 << 20},
	{Type: chat.MediaDocument, MimeType: "application/pdf", MaxBytes: 100 << 20},
	{Type: chat.MediaDocument, MimeType: "text/plain", MaxBytes: 100 << 20},
	{Type: chat.MediaDocument, MimeType: "*/*", MaxBytes: 100 << 20},
	{Type: chat.MediaSticker, MimeType: "image/webp", MaxBytes: 500 << 10},
}

// StillStickerMax is the size of a sticker that does not move; Files has that of one that does.
const StillStickerMax = 100 << 10

// Length counts UTF-16 units. Meta does not say what a character is; this count is never less than that of
// code points, so whichever Meta counts, a text that is short enough here is short enough there.
func Length(s string) int {
	n := 0
	for _, r := range s {
		n += Units(r)
	}
	return n
}

// Longer reports whether s has more than most characters; it looks no further than it must.
func Longer(s string, most int) bool {
	if len(s) <= most {
		return false // no character has fewer bytes than it counts
	}
	for _, r := range s {
		if most -= Units(r); most < 0 {
			return true
		}
	}
	return false
}

// Units is what one code point counts.
func Units(r rune) int { return max(utf16.RuneLen(r), 1) }
