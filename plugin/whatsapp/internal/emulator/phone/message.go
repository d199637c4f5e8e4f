package phone

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Setting is around an action: who does it, when, and what it refers to.
type Setting struct {
	ID       string
	At       time.Time
	Phone    string // as the business knows it; empty when it does not
	UserID   string // empty when the webhooks carry none
	Group    string
	Author   string // of the message in the context, as a webhook names people
	File     *File
	Original json.RawMessage // the body of the message that is edited
	FullName string
}

// File is what a webhook says of media.
type File struct {
	ID       string
	Type     string
	SHA256   string // base64
	Filename string
	URL      string
	Opus     bool
	Animated bool
}

type context struct {
	From      string `json:"from,omitempty"`
	ID        string `json:"id,omitempty"`
	Forwarded bool   `json:"forwarded,omitempty"`
	Often     bool   `json:"frequently_forwarded,omitempty"`
}

// head is what each message has.
type head struct {
	Context    *context        `json:"context,omitempty"`
	From       string          `json:"from,omitempty"`
	FromUserID string          `json:"from_user_id,omitempty"`
	GroupID    string          `json:"group_id,omitempty"`
	ID         string          `json:"id"`
	Timestamp  string          `json:"timestamp"`
	Type       string          `json:"type"`
	Referral   json.RawMessage `json:"referral,omitempty"`
}

type object = map[string]any

// Build returns the message as a webhook carries it, as plain JSON.
func Build(a *Action, s Setting) (json.RawMessage, error) {
	kind, members, err := part(a, s)
	if err != nil {
		return nil, err
	}
	h := head{
		From: s.Phone, FromUserID: s.UserID, GroupID: s.Group, ID: s.ID, Timestamp: strconv.FormatInt(s.At.Unix(), 10),
		Type: kind, Referral: a.Referral, Context: around(a, s),
	}
	out := Plain(h)
	for _, m := range members {
		out = append(out[:len(out)-1], ',')
		out = append(out, Plain(m.name)...)
		out = append(out, ':')
		out = append(append(out, Plain(m.value)...), '}')
	}
	if a.Type == Raw {
		return overlay(out, a.Message)
	}
	return out, nil
}

func around(a *Action, s Setting) *context {
	c := &context{Forwarded: string(a.Forwarded) == "true", Often: string(a.Forwarded) == `"frequently"`}
	if a.Context != "" && a.Type != Reaction && a.Type != Edit && a.Type != Revoke {
		c.From, c.ID = s.Author, a.Context
	}
	if *c == (context{}) {
		return nil
	}
	return c
}

type member struct {
	name  string
	value any
}

func one(kind string, value any) (string, []member, error) {
	return kind, []member{{kind, value}}, nil
}

func interactive(kind, name string, value any) (string, []member, error) {
	return one("interactive", ordered{{"type", kind}, {name, value}})
}

// part returns the type of the message and what belongs to it.
func part(a *Action, s Setting) (kind string, members []member, err error) {
	switch a.Type {
	case Text:
		return one("text", object{"body": a.Text})
	case Image, Video, Audio, Document, Sticker:
		return one(a.Type, file(a, s.File))
	case Location:
		return one("location", ordered{{"latitude", *a.Latitude}, {"longitude", *a.Longitude}, {"name", a.Place}, {"address", a.Address}})
	case Contacts:
		return contacts(a, s)
	case Reaction:
		return one("reaction", ordered{{"message_id", cmp.Or(a.Reacted, a.Context)}, {"emoji", *a.Emoji}})
	case ButtonReply:
		return interactive("button_reply", "button_reply", ordered{{"id", a.ID}, {"title", a.Title}})
	case ListReply:
		return interactive("list_reply", "list_reply", ordered{{"id", a.ID}, {"title", a.Title}, {"description", a.Description}})
	case Button:
		return one("button", ordered{{"payload", a.Payload}, {"text", a.Text}})
	case FlowReply:
		return interactive("nfm_reply", "nfm_reply", ordered{
			{"response_json", compact(a.Response)}, {"body", cmp.Or(a.Body, "Sent")}, {"name", cmp.Or(a.FlowName, "flow")},
		})
	case Permission:
		return interactive("call_permission_reply", "call_permission_reply", permission(a, s.At))
	case Order:
		return one("order", ordered{{"catalog_id", a.CatalogID}, {"text", a.Text}, {"product_items", a.Products}})
	case Edit:
		return edit(a, s)
	case Revoke:
		return one("revoke", object{"original_message_id": a.Context})
	case Welcome:
		return "request_welcome", nil, nil
	case Unsupported:
		return unsupported(a)
	case Raw:
		return "text", nil, nil
	}
	return "", nil, fmt.Errorf("type %.40q has no message", a.Type)
}

func file(a *Action, f *File) any {
	o := ordered{{"id", f.ID}, {"mime_type", f.Type}, {"sha256", f.SHA256}, {"url", f.URL}}
	switch a.Type {
	case Audio:
		voice := f.Opus
		if a.Voice != nil {
			voice = *a.Voice
		}
		return append(o, member{"voice", voice})
	case Sticker:
		return append(o, member{"animated", f.Animated})
	case Document:
		o = append(o, member{"filename", cmp.Or(a.Filename, f.Filename)})
	}
	return append(o, member{"caption", a.Caption})
}

func contacts(a *Action, s Setting) (string, []member, error) {
	if !a.SharedNumber {
		return one("contacts", a.Contacts)
	}
	card := "BEGIN:VCARD\nVERSION:3.0\nFN:" + s.FullName + "\nTEL;type=CELL;waid=" + s.Phone + ":+" + s.Phone + "\nEND:VCARD"
	return one("contacts", []any{ordered{
		{"name", object{"formatted_name": s.FullName, "first_name": s.FullName}},
		{"phones", []any{ordered{{"phone", "+" + s.Phone}, {"wa_id", s.Phone}, {"type", "CELL"}}}},
		{"vcard", card},
		{"origin", "contact_request"},
	}})
}

// permissionFor is how long a permission holds that is not for ever.
const permissionFor = 7 * 24 * time.Hour

func permission(a *Action, at time.Time) any {
	response := "reject"
	if a.Accept {
		response = "accept"
	}
	o := ordered{{"response", response}, {"is_permanent", a.Permanent}}
	if a.Accept && !a.Permanent {
		o = append(o, member{"expiration_timestamp", at.Add(permissionFor).Unix()})
	}
	return append(o, member{"response_source", "user_action"})
}

func edit(a *Action, s Setting) (string, []member, error) {
	kind, text, caption := "", a.Text, cmp.Or(a.Caption, a.Text)
	var original map[string]json.RawMessage
	if err := json.Unmarshal(s.Original, &original); err != nil {
		return "", nil, errors.New("the message of the context has no body")
	}
	_ = json.Unmarshal(original["type"], &kind)
	var inner any
	switch kind {
	case Text:
		inner = object{"body": text}
	case Image, Video, Document:
		var m map[string]any
		if err := json.Unmarshal(original[kind], &m); err != nil {
			return "", nil, errors.New("the message of the context has no file")
		}
		m["caption"] = caption
		inner = m
	default:
		return "", nil, fmt.Errorf("a message of type %.40s cannot be edited", kind)
	}
	return one("edit", ordered{{"original_message_id", a.Context}, {"message", ordered{{"type", kind}, {kind, inner}}}})
}

func unsupported(a *Action) (string, []member, error) {
	code := cmp.Or(a.Code, 131051)
	titles := map[int]string{
		131051: "Message type unknown", 130501: "Message type is not currently supported", 131052: "Media download error",
		131060: "This message is currently unavailable.",
	}
	title := cmp.Or(titles[code], "Message type unknown")
	return "unsupported", []member{
		{"errors", []any{ordered{
			{"code", code},
			{"title", title},
			{"message", title},
			{"error_data", object{"details": "Message type is currently not supported."}},
		}}},
		{"unsupported", object{"type": cmp.Or(a.Unsupported, "poll_creation")}},
	}, nil
}

// overlay puts the members of b over those of a.
func overlay(a, b json.RawMessage) (json.RawMessage, error) {
	var under, over map[string]json.RawMessage
	if err := json.Unmarshal(a, &under); err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	if err := json.Unmarshal(b, &over); err != nil {
		return nil, errors.New("message must be an object")
	}
	for k, v := range over {
		if string(v) == "null" {
			delete(under, k)
			continue
		}
		under[k] = v
	}
	return Plain(under), nil
}

func compact(raw json.RawMessage) string {
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil {
		return string(raw)
	}
	return out.String()
}

// ordered is an object whose members keep their order; empty strings are left out.
type ordered []member

// MarshalJSON writes the members in their order.
func (o ordered) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for _, m := range o {
		if s, isText := m.value.(string); isText && s == "" && m.name != "emoji" {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, Plain(m.name)...), ':')
		out = append(out, Plain(m.value)...)
	}
	return append(out, '}'), nil
}

// Plain writes the emulator's own types as JSON without escapes that JSON does not need.
func Plain(v any) json.RawMessage {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("the emulator's own types are not JSON: %v", err)) // raw parts were decoded before
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
