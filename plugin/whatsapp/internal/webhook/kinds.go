package webhook

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// kinds has a reader for each type of message that Meta documents.
var kinds = map[string]func(part, *chat.Message) error{
	"text":            text,
	"image":           media(chat.MediaImage),
	"video":           media(chat.MediaVideo),
	"audio":           media(chat.MediaAudio),
	"document":        media(chat.MediaDocument),
	"sticker":         media(chat.MediaSticker),
	"location":        location,
	"contacts":        contacts,
	"reaction":        reaction,
	"button":          quickReply,
	"interactive":     interactive,
	"order":           order,
	"system":          system,
	"edit":            edit,
	"revoke":          revoke,
	"request_welcome": requestWelcome,
	"unsupported":     unsupported,
	"unknown":         unsupported,
}

// bare are the kinds that need no member of their own.
var bare = map[string]bool{"request_welcome": true, "unsupported": true, "unknown": true}

var (
	errNoObject = errors.New("the member that its type names is not an object")
	errNoID     = errors.New("it has no id")
)

func text(p part, out *chat.Message) error {
	m, ok := p.member.object()
	if !ok {
		return errNoObject
	}
	if body := m.get("body"); body != "" && (body[0] == '{' || body[0] == '[') {
		return errors.New("its body is not a text")
	}
	out.Text = m.word("body")
	return nil
}

func media(t chat.MediaType) func(part, *chat.Message) error {
	return func(p part, out *chat.Message) error {
		f, ok := p.member.object()
		if !ok {
			return errNoObject
		}
		id := f.word("id")
		if id == "" {
			return errNoID
		}
		size, _ := strconv.ParseUint(f.word("file_size"), 10, 64)
		out.Text = f.word("caption")
		out.Content.Media = &chat.Media{
			Type: t, ID: id, MimeType: f.word("mime_type"), SHA256: graph.Digest(f.word("sha256")),
			Filename: Filename(f.word("filename")), Caption: out.Text,
			Voice: f.word("voice") == "true", Animated: f.word("animated") == "true", Size: size,
		}
		return nil
	}
}

func location(p part, out *chat.Message) error {
	m, ok := p.member.object()
	if !ok {
		return errNoObject
	}
	lat, err1 := strconv.ParseFloat(m.word("latitude"), 64)
	lon, err2 := strconv.ParseFloat(m.word("longitude"), 64)
	// The comparisons are false for NaN.
	if err1 != nil || err2 != nil || !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180) {
		return errors.New("it has no latitude and longitude in degrees")
	}
	l := &chat.Location{
		Latitude: lat, Longitude: lon, Name: m.word("name"), Address: m.word("address"), URL: m.word("url"),
	}
	out.Content.Location = l
	out.Text = "Location: " + join(", ", l.Name, l.Address, fmt.Sprintf("%.6f, %.6f", lat, lon))
	return nil
}

func reaction(p part, out *chat.Message) error {
	m, ok := p.member.object()
	if !ok {
		return errNoObject
	}
	out.Content.Reaction = &chat.Reaction{MessageID: m.word("message_id"), Emoji: m.word("emoji")}
	if out.Content.Reaction.MessageID == "" {
		return errors.New("it does not name the message reacted to")
	}
	return nil
}

func order(p part, out *chat.Message) error {
	m, ok := p.member.object()
	if !ok {
		return errNoObject
	}
	items, ok := m.get("product_items").list()
	if !ok {
		return errors.New("its items are not a list")
	}
	o := &chat.Order{CatalogID: m.word("catalog_id"), Note: m.word("text")}
	lines := make([]string, 0, len(items))
	for _, part := range items {
		i, _ := part.object()
		n, _ := strconv.ParseFloat(i.word("quantity"), 64)
		item := chat.OrderItem{
			ProductID: i.word("product_retailer_id"), Quantity: uint32(min(max(n, 0), math.MaxUint32)),
			Price: i.word("item_price"), Currency: i.word("currency"),
		}
		o.Items = append(o.Items, item)
		lines = append(lines, fmt.Sprintf("%d × %s", item.Quantity, item.ProductID))
	}
	out.Content.Order = o
	out.Text = "Order: " + join("; ", strings.Join(lines, ", "), o.Note)
	return nil
}

// unsupported is for what Meta cannot pass on and for kinds that came after this program.
func unsupported(p part, out *chat.Message) error {
	u := &chat.Unsupported{Type: p.kind}
	switch p.kind {
	case "", "unsupported", "unknown":
		m := p.message.in("unsupported")
		if u.Type = m.word("type"); u.Type == "" {
			u.Type = "unknown"
		}
	}
	if e := errorOf(p.message); e != nil {
		u.Code, u.Detail = strconv.Itoa(e.Code), e.Message
		if e.Details != "" && e.Details != e.Message {
			u.Detail = join(": ", e.Message, e.Details)
		}
	} else if p.missing {
		u.Detail = "the webhook has no " + p.kind + " in this message"
	}
	out.Text, out.Content = "", chat.Content{Unsupported: u}
	return nil
}

// join is strings.Join without the empty ones.
func join(sep string, parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(sep)
		}
		b.WriteString(p)
	}
	return b.String()
}
