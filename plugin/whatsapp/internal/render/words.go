package render

import (
	"regexp"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

// signs stand before an answer with a status.
var signs = map[chat.Status]string{
	chat.StatusSuccess: "✅ ",
	chat.StatusError:   "❌ ",
	chat.StatusWarning: "⚠️ ",
	chat.StatusInfo:    "ℹ️ ",
}

// signed puts the sign of a status before a text, unless one of the signs is there.
func signed(text string, s chat.Status) string {
	start := strings.TrimLeft(text, " \t\r\n")
	for _, sign := range []string{"✅", "❌", "⚠", "ℹ"} { // the last two also come without a variation selector
		if strings.HasPrefix(start, sign) {
			return text
		}
	}
	sign := signs[s]
	if sign != "" && startsBlock.MatchString(text) {
		return strings.TrimSpace(sign) + "\n" + text // lists, quotes and code begin their line
	}
	return sign + text
}

var startsBlock = regexp.MustCompile("^(?:> |[-*] |[0-9]+\\. |```)")

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// paragraphs joins what is not blank with an empty line between.
func paragraphs(texts ...string) string {
	var full []string
	for _, t := range texts {
		if !blank(t) {
			full = append(full, t)
		}
	}
	return strings.Join(full, "\n\n")
}

// oneLine reports whether s fits into a line above or below a message.
func oneLine(s string, most int) bool {
	return rules.Length(s) <= most && !strings.ContainsAny(s, "\r\n")
}
