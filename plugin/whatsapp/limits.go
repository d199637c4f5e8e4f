package whatsapp

import (
	"slices"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

// limits are what WhatsApp lets through, for whoever asks before something is sent. What the checks refuse
// comes from the same figures.
func limits() chat.Limits {
	return chat.Limits{
		TextMax:            rules.TextMax,
		InteractiveTextMax: rules.InteractiveMax,
		CaptionMax:         rules.CaptionMax,
		HeaderMax:          rules.HeaderMax,
		FooterMax:          rules.FooterMax,
		ButtonsMax:         rules.ButtonsMax,
		ButtonLabelMax:     rules.ButtonTitleMax,
		ListLabelMax:       rules.ListLabelMax,
		ListSectionsMax:    rules.SectionsMax,
		ListRowsMax:        rules.RowsMax,
		SectionTitleMax:    rules.SectionTitleMax,
		RowTitleMax:        rules.RowTitleMax,
		RowDescriptionMax:  rules.RowDescriptionMax,
		ActionIDMax:        rules.ButtonIDMax,
		ContactsMax:        rules.ContactsMax,
		NativeBytesMax:     rules.NativeMax,
		ReplyWindow:        rules.ReplyWindow,
		Media:              slices.Clone(rules.Files),
		PerAccount:         rate(defaultRate),
		PerRecipient:       chat.Rate{Period: 6 * time.Second, Burst: 45},
	}
}
