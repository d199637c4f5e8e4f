package webhook

import (
	"encoding/json"
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
	m, ok := object(p.member)
	if !ok {
		return errNoObject
	}
	if body := m["body"]; len(body) > 0 && (body[0] == '{' || body[0] == '[') {
		return errors.New("its body is not a text")
	}
	out.Text = word(m["body"])
	return nil
}

func media(t chat.MediaType) func(part, *chat.Message) error {
	return func(p part, out *chat.Message) error {
		var f struct {
			ID       graph.Scalar `json:"id"`
			MimeType graph.Scalar `json:"mime_type"`
			SHA256   graph.Scalar `json:"sha256"`
			Filename graph.Scalar `json:"filename"`
			Caption  graph.Scalar `json:"caption"`
			Voice    graph.Scalar `json:"voice"`
			Animated graph.Scalar `json:"animated"`
			Size     graph.Scalar `json:"file_size"`
		}
		if json.Unmarshal(p.member, &f) != nil {
			return errNoObject
		}
		if f.ID == "" {
			return errNoID
		}
		size, _ := strconv.ParseUint(string(f.Size), 10, 64)
		out.Text = string(f.Caption)
		out.Content.Media = &chat.Media{
			Type: t, ID: string(f.ID), MimeType: string(f.MimeType), SHA256: graph.Digest(string(f.SHA256)),
			Filename: Filename(string(f.Filename)), Caption: string(f.Caption),
			Voice: f.Voice == "true", Animated: f.Animated == "true", Size: size,
		}
		return nil
	}
}

func location(p part, out *chat.Message) error {
	var l struct {
		Latitude  graph.Scalar `json:"latitude"`
		Longitude graph.Scalar `json:"longitude"`
		Name      graph.Scalar `json:"name"`
		Address   graph.Scalar `json:"address"`
		URL       graph.Scalar `json:"url"`
	}
	if json.Unmarshal(p.member, &l) != nil {
		return errNoObject
	}
	lat, err1 := strconv.ParseFloat(string(l.Latitude), 64)
	lon, err2 := strconv.ParseFloat(string(l.Longitude), 64)
	// The comparisons are false for NaN.
	if err1 != nil || err2 != nil || !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180) {
		return errors.New("it has no latitude and longitude in degrees")
	}
	out.Content.Location = &chat.Location{
		Latitude: lat, Longitude: lon, Name: string(l.Name), Address: string(l.Address), URL: string(l.URL),
	}
	out.Text = "Location: " + join(", ", string(l.Name), string(l.Address), fmt.Sprintf("%.6f, %.6f", lat, lon))
	return nil
}

func reaction(p part, out *chat.Message) error {
	m, ok := object(p.member)
	if !ok {
		return errNoObject
	}
	out.Content.Reaction = &chat.Reaction{MessageID: word(m["message_id"]), Emoji: word(m["emoji"])}
	if out.Content.Reaction.MessageID == "" {
		return errors.New("it does not name the message reacted to")
	}
	return nil
}

func order(p part, out *chat.Message) error {
	m, ok := object(p.member)
	if !ok {
		return errNoObject
	}
	items, ok := list(m["product_items"])
	if !ok {
		return errors.New("its items are not a list")
	}
	o := &chat.Order{CatalogID: word(m["catalog_id"]), Note: word(m["text"])}
	lines := make([]string, 0, len(items))
	for _, raw := range items {
		i, _ := object(raw)
		n, _ := strconv.ParseFloat(word(i["quantity"]), 64)
		item := chat.OrderItem{
			ProductID: word(i["product_retailer_id"]), Quantity: uint32(min(max(n, 0), math.MaxUint32)),
			Price: word(i["item_price"]), Currency: word(i["currency"]),
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
		m, _ := object(p.message["unsupported"])
		if u.Type = word(m["type"]); u.Type == "" {
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
