package rules

import (
	"encoding/json"
	"math"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// checks of the types of messages.
var checks = map[string]func(*graph.Message) *refusal{
	"text":        checkText,
	"image":       func(m *graph.Message) *refusal { return checkMedia(chat.MediaImage, m.Image) },
	"video":       func(m *graph.Message) *refusal { return checkMedia(chat.MediaVideo, m.Video) },
	"audio":       func(m *graph.Message) *refusal { return checkMedia(chat.MediaAudio, m.Audio) },
	"document":    func(m *graph.Message) *refusal { return checkMedia(chat.MediaDocument, m.Document) },
	"sticker":     func(m *graph.Message) *refusal { return checkMedia(chat.MediaSticker, m.Sticker) },
	"location":    func(m *graph.Message) *refusal { return checkLocation(m.Location) },
	"contacts":    checkContacts,
	"reaction":    checkReaction,
	"interactive": func(m *graph.Message) *refusal { return checkInteractive(m.Interactive) },
	"template":    checkTemplate,
	"pin":         checkPin,
}

// inGroups are the types that groups take. Meta takes no more of them.
var inGroups = map[string]bool{
	"text": true, "image": true, "video": true, "audio": true, "document": true, "sticker": true, "template": true, "pin": true,
}

// Check says why Meta would refuse a message; nil means that nothing is known against it.
func Check(m *graph.Message) *chat.Error {
	if r := check(m); r != nil {
		return r.failure()
	}
	return nil
}

func check(m *graph.Message) *refusal {
	if len(m.Native) > 0 {
		var wrong *refusal
		if m, wrong = modelled(m); wrong != nil || m == nil {
			return wrong
		}
	}
	group := m.RecipientType == "group"
	switch {
	case m.To == "" && m.Recipient == "":
		return shape("the message has no recipient")
	case m.Context != nil && m.Context.MessageID == "":
		return missing("the message to quote has no id")
	case m.Context != nil && m.Type == "reaction":
		return shape("a reaction cannot quote a message").because("a reaction names its message already")
	case Length(m.CallbackData) > CallbackMax:
		return value("the callback data has more than %d characters", CallbackMax)
	case group && checks[m.Type] != nil && !inGroups[m.Type]:
		return &refusal{codeType, "groups take no message of type " + m.Type, "send a text, a file or a template"}
	case m.Type == "pin" && !group:
		return &refusal{codeType, "messages can be pinned in groups only", ""}
	}
	if f := checks[m.Type]; f != nil {
		return f(m)
	}
	return nil
}

// modelled reads a native body as far as it is known here; nil when its type is not.
func modelled(m *graph.Message) (*graph.Message, *refusal) {
	if checks[m.Type] == nil {
		return nil, nil
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, shape("the native body cannot be written as JSON")
	}
	var known graph.Message
	if err := json.Unmarshal(raw, &known); err != nil {
		// Meta writes some numbers as texts and takes both: what does not fit the types here may fit there.
		return nil, nil
	}
	if i := known.Interactive; i != nil && interactives[i.Type].check == nil {
		return nil, nil
	}
	return &known, nil
}

func checkText(m *graph.Message) *refusal {
	switch {
	case m.Text == nil || strings.TrimSpace(m.Text.Body) == "":
		return shape("the text is empty").because("give the answer a text")
	case Length(m.Text.Body) > TextMax:
		return shape("the text has %d characters, the limit is %d", Length(m.Text.Body), TextMax).because("send it in parts")
	case !utf8.ValidString(m.Text.Body):
		return shape("the text is not UTF-8")
	}
	return nil
}

// checkMedia looks at a file by its kind.
func checkMedia(kind chat.MediaType, f *graph.Media) *refusal {
	switch {
	case f == nil:
		return shape("there is no %s", kind)
	case f.ID != "" && f.Link != "" || f.ID == "" && f.Link == "" && f.File == nil:
		return shape("the %s needs either an id or a link", kind).because("give one of them, or the file itself")
	case f.Caption != "" && (kind == chat.MediaAudio || kind == chat.MediaSticker):
		return shape("a file of type %s has no caption", kind).because("send the caption as a text")
	case f.Filename != "" && kind != chat.MediaDocument:
		return shape("a file of type %s has no name", kind)
	case f.Voice && kind != chat.MediaAudio:
		return shape("a file of type %s is no voice message", kind)
	case len(f.Filename) > FilenameMax:
		return value("the name of the file has more than %d bytes", FilenameMax)
	}
	if f.Link != "" {
		if r := checkLink("the link of the "+string(kind), f.Link); r != nil {
			return r.because("Meta fetches the file itself, so it needs a public http or https address")
		}
	}
	if f.File != nil {
		if r := checkFile(kind, f); r != nil {
			return r
		}
	}
	return within("the caption", f.Caption, 0, CaptionMax)
}

// checkLink looks at an address that Meta or the user is to open.
func checkLink(what, link string) *refusal {
	u, err := url.Parse(link)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return shape("%s is no http or https URL", what)
	case len(link) > LinkMax:
		return value("%s has more than %d characters", what, LinkMax)
	}
	return nil
}

// PublicLink reports whether a button can open a page: http or https, and a name rather than an address.
func PublicLink(link string) bool {
	if checkLink("", link) != nil {
		return false
	}
	u, err := url.Parse(link)
	if err != nil {
		return false
	}
	_, err = netip.ParseAddr(u.Hostname())
	return err != nil
}

func checkLocation(l *graph.Location) *refusal {
	if l == nil {
		return shape("there is no location")
	}
	// The comparisons are false for NaN.
	if !(math.Abs(l.Latitude) <= 90) || !(math.Abs(l.Longitude) <= 180) {
		return value("the location has no latitude and longitude in degrees").because("-90 to 90 and -180 to 180")
	}
	return nil
}

func checkContacts(m *graph.Message) *refusal {
	switch n := len(m.Contacts); {
	case n == 0:
		return shape("there is no address card")
	case n > ContactsMax:
		return value("%d address cards, %d are possible", n, ContactsMax)
	}
	for i, c := range m.Contacts {
		n := c.Name
		switch {
		case strings.TrimSpace(n.FormattedName) == "":
			return missing("address card %d has no name", i+1)
		case n.FirstName+n.LastName+n.MiddleName+n.Prefix+n.Suffix == "":
			return missing("address card %d needs another part of its name beside the formatted one", i+1).
				because("give the first name")
		}
	}
	return nil
}

func checkReaction(m *graph.Message) *refusal {
	switch r := m.Reaction; {
	case r == nil || r.MessageID == "":
		return missing("the reaction does not name a message")
	case r.Emoji != "" && (uniseg.GraphemeClusterCount(r.Emoji) != 1 || !onlyEmoji(r.Emoji)):
		return value("the reaction is not one emoji").because("one emoji, or none to take the reaction back")
	}
	return nil
}

func checkPin(m *graph.Message) *refusal {
	switch p := m.Pin; {
	case p == nil || p.MessageID == "":
		return missing("the pin does not name a message")
	case p.Type != "pin" && p.Type != "unpin":
		return shape("the type of a pin is pin or unpin")
	case p.Type == "pin" && (p.ExpirationDays < 1 || p.ExpirationDays > PinDaysMax):
		return value("a pin lasts 1 to %d days", PinDaysMax)
	}
	return nil
}
