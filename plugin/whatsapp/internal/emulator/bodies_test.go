package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
)

type object = map[string]any

// message is a body with the given members over those that each needs.
func message(kind string, part any, more ...object) string {
	m := object{"messaging_product": "whatsapp", "to": "+4915112345678", "type": kind, kind: part}
	for _, o := range more {
		for k, v := range o {
			m[k] = v
		}
	}
	return text(m)
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func xs(n int) string { return strings.Repeat("x", n) }

func tappable(kind string, action any, more ...object) string {
	i := object{"type": kind, "body": object{"text": "choose"}, "action": action}
	for _, o := range more {
		for k, v := range o {
			i[k] = v
		}
	}
	return message("interactive", i)
}

func replies(n int, id, title string) any {
	var bs []any
	for i := range n {
		bs = append(bs, reply(fmt.Sprint(id, i), fmt.Sprint(title, i)))
	}
	return object{"buttons": bs}
}

func reply(id, title string) any {
	return object{"type": "reply", "reply": object{"id": id, "title": title}}
}

func list(label string, sections ...any) object { return object{"button": label, "sections": sections} }

func section(title string, rows ...any) any {
	if title == "" {
		return object{"rows": rows}
	}
	return object{"title": title, "rows": rows}
}

func rows(id string, n int) (rs []any) {
	for i := range n {
		rs = append(rs, row(fmt.Sprint(id, i), "title", ""))
	}
	return rs
}

func row(id, title, description string) any {
	r := object{"id": id, "title": title}
	if description != "" {
		r["description"] = description
	}
	return r
}

func sections(n int) (ss []any) {
	for i := range n {
		ss = append(ss, section("s", row(fmt.Sprint(i), "t", "")))
	}
	return ss
}

// code 0 is an accepted body.
var bodies = []struct {
	name string
	body string
	code int
}{
	{"text", message("text", object{"body": "hi", "preview_url": false}), 0},
	{"text without type", `{"messaging_product":"whatsapp","to":"4915112345678","text":{"body":"hi"}}`, 0},
	{"text 4096", message("text", object{"body": xs(4096)}), 0},
	{"text 4097", message("text", object{"body": xs(4097)}), 100},
	{"text 2049 emoji", message("text", object{"body": strings.Repeat("😀", 2049)}), 100},
	{"text empty", message("text", object{"body": ""}), 100},
	{"text blank", message("text", object{"body": " \n"}), 100},
	{"text of wrong shape", message("text", "hi"), 100},
	{"text with unknown member", message("text", object{"body": "hi", "colour": "red"}), 100},
	{"no part", `{"messaging_product":"whatsapp","to":"4915112345678","type":"text"}`, 100},
	{"two parts", message("text", object{"body": "hi"}, object{"image": object{"id": "IMAGE"}}), 100},

	{"no product", `{"to":"4915112345678","type":"text","text":{"body":"hi"}}`, 100},
	{"wrong product", message("text", object{"body": "hi"}, object{"messaging_product": "sms"}), 100},
	{"unknown type", message("poll", object{}), 100},
	{"unknown type, known keys", message("text", object{"body": "hi"}, object{"type": "poll"}), 100},
	{"unknown member", message("text", object{"body": "hi"}, object{"priority": 1}), 100},
	{"member in capitals", `{"messaging_product":"whatsapp","To":"4915112345678","text":{"body":"hi"}}`, 100},
	{"inner member in capitals", message("text", object{"Body": "hi"}), 100},
	{"no JSON", `{"messaging_product":`, 100},
	{"something after", message("text", object{"body": "hi"}) + "{}", 100},
	{"no UTF-8", `{"messaging_product":"whatsapp","to":"4915112345678","text":{"body":"` + "\xff" + `"}}`, 100},
	{"over 1 MiB", message("text", object{"body": xs(1 << 20)}), 100},

	{"to as people write it", message("text", object{"body": "hi"}, object{"to": "+49 (151) 123-45678"}), 0},
	{"to a name", message("text", object{"body": "hi"}, object{"to": "bob"}), 100},
	{"to nobody", message("text", object{"body": "hi"}, object{"to": ""}), 100},
	{"to a number", message("text", object{"body": "hi"}, object{"to": 4915112345678}), 100},
	{"to too short", message("text", object{"body": "hi"}, object{"to": "491"}), 100},
	{"to a user id", message("text", object{"body": "hi"}, object{"to": "US.1349"}), 0}, // and never seen again
	{"recipient", message("text", object{"body": "hi"}, object{"to": "", "recipient": "US.1349"}), 0},
	{"recipient wrong", message("text", object{"body": "hi"}, object{"to": "", "recipient": "49151"}), 100},
	{"individual", message("text", object{"body": "hi"}, object{"recipient_type": "individual"}), 0},
	{"group", message("text", object{"body": "hi"}, object{"recipient_type": "group"}), 131041},
	{"recipient type unknown", message("text", object{"body": "hi"}, object{"recipient_type": "crowd"}), 100},

	{"quote", message("text", object{"body": "hi"}, object{"context": object{"message_id": "wamid.1"}}), 0},
	{"quote of nothing", message("text", object{"body": "hi"}, object{"context": object{}}), 131008},
	{"callback 512", message("text", object{"body": "hi"}, object{"biz_opaque_callback_data": xs(512)}), 0},
	{"callback 513", message("text", object{"body": "hi"}, object{"biz_opaque_callback_data": xs(513)}), 100},

	{"one button", tappable("button", replies(1, "b", "B")), 0},
	{"three buttons", tappable("button", replies(3, "b", "B")), 0},
	{"four buttons", tappable("button", replies(4, "b", "B")), 131009},
	{"no button", tappable("button", replies(0, "b", "B")), 131009},
	{"button title 20", tappable("button", object{"buttons": []any{reply("a", xs(20))}}), 0},
	{"button title 21", tappable("button", object{"buttons": []any{reply("a", xs(21))}}), 131009},
	{"button title empty", tappable("button", object{"buttons": []any{reply("a", "")}}), 131009},
	{"button id 256", tappable("button", object{"buttons": []any{reply(xs(256), "t")}}), 0},
	{"button id 257", tappable("button", object{"buttons": []any{reply(xs(257), "t")}}), 131009},
	{"button id empty", tappable("button", object{"buttons": []any{reply("", "t")}}), 131009},
	{"button id padded", tappable("button", object{"buttons": []any{reply(" a", "t")}}), 131009},
	{"same button ids", tappable("button", object{"buttons": []any{reply("a", "t"), reply("a", "u")}}), 131009},
	{"same button titles", tappable("button", object{"buttons": []any{reply("a", "t"), reply("b", "t")}}), 131009},
	{"button of wrong type", tappable("button", object{"buttons": []any{object{"type": "url"}}}), 100},
	{"interactive body 1024", tappable("button", replies(1, "b", "B"), object{"body": object{"text": xs(1024)}}), 0},
	{"interactive body 1025", tappable("button", replies(1, "b", "B"), object{"body": object{"text": xs(1025)}}), 131009},
	{"interactive body empty", tappable("button", replies(1, "b", "B"), object{"body": object{"text": ""}}), 131009},
	{"interactive without body", tappable("button", replies(1, "b", "B"), object{"body": nil}), 131008},
	{"interactive without action", tappable("button", nil), 131008},
	{"interactive of unknown type", tappable("wheel", object{}), 100},
	{"header 60", tappable("button", replies(1, "b", "B"), object{"header": object{"type": "text", "text": xs(60)}}), 0},
	{"header 61", tappable("button", replies(1, "b", "B"), object{"header": object{"type": "text", "text": xs(61)}}), 131009},
	{"header image", tappable("button", replies(1, "b", "B"), object{"header": object{"type": "image", "image": object{"id": "IMAGE"}}}), 0},
	{"header image missing", tappable("button", replies(1, "b", "B"), object{"header": object{"type": "image"}}), 131008},
	{"footer 60", tappable("button", replies(1, "b", "B"), object{"footer": object{"text": xs(60)}}), 0},
	{"footer 61", tappable("button", replies(1, "b", "B"), object{"footer": object{"text": xs(61)}}), 131009},

	{"list", tappable("list", list("open", section("", row("a", "t", "d")))), 0},
	{"list label 20", tappable("list", list(xs(20), section("", row("a", "t", "")))), 0},
	{"list label 21", tappable("list", list(xs(21), section("", row("a", "t", "")))), 131009},
	{"list label empty", tappable("list", list("", section("", row("a", "t", "")))), 131009},
	{"list body 1025", tappable("list", list("open", section("", row("a", "t", ""))), object{"body": object{"text": xs(1025)}}), 131009},
	{"list header image", tappable("list", list("open", section("", row("a", "t", ""))), object{"header": object{"type": "image", "image": object{"id": "IMAGE"}}}), 131009},
	{"ten rows", tappable("list", list("open", section("a", rows("a", 5)...), section("b", rows("b", 5)...))), 0},
	{"eleven rows", tappable("list", list("open", section("a", rows("a", 5)...), section("b", rows("b", 6)...))), 131009},
	{"no rows", tappable("list", list("open", section("a"))), 131009},
	{"ten sections", tappable("list", list("open", sections(10)...)), 0},
	{"eleven sections", tappable("list", list("open", sections(11)...)), 131009},
	{"no sections", tappable("list", list("open")), 131009},
	{"several sections, one without title", tappable("list", list("open", section("a", row("a", "t", "")), section("", row("b", "t", "")))), 131009},
	{"section title 24", tappable("list", list("open", section(xs(24), row("a", "t", "")))), 0},
	{"section title 25", tappable("list", list("open", section(xs(25), row("a", "t", "")))), 131009},
	{"row title 24", tappable("list", list("open", section("", row("a", xs(24), "")))), 0},
	{"row title 25", tappable("list", list("open", section("", row("a", xs(25), "")))), 131009},
	{"row title empty", tappable("list", list("open", section("", row("a", "", "")))), 131009},
	{"row id 200", tappable("list", list("open", section("", row(xs(200), "t", "")))), 0},
	{"row id 201", tappable("list", list("open", section("", row(xs(201), "t", "")))), 131009},
	{"row description 72", tappable("list", list("open", section("", row("a", "t", xs(72))))), 0},
	{"row description 73", tappable("list", list("open", section("", row("a", "t", xs(73))))), 131009},
	{"row description empty", tappable("list", list("open", section("", object{"id": "a", "title": "t", "description": ""}))), 131009},
	{"same row ids", tappable("list", list("open", section("a", row("a", "t", "")), section("b", row("a", "u", "")))), 131009},
	{"same row titles", tappable("list", list("open", section("", row("a", "t", ""), row("b", "t", "")))), 0},

	{"link button", tappable("cta_url", object{"name": "cta_url", "parameters": object{"display_text": "Open", "url": "https://example.org/"}}), 0},
	{"link button to a script", tappable("cta_url", object{"name": "cta_url", "parameters": object{"display_text": "Open", "url": "javascript:alert(1)"}}), 100},

	{"image by link", message("image", object{"link": "https://example.org/a.png", "caption": xs(1024)}), 0},
	{"image caption 1025", message("image", object{"link": "https://example.org/a.png", "caption": xs(1025)}), 131009},
	{"image by a file", message("image", object{"link": "file:///etc/passwd"}), 100},
	{"image by nothing", message("image", object{}), 100},
	{"image twice", message("image", object{"id": "1", "link": "https://example.org/a.png"}), 100},
	{"image with a file name", message("image", object{"id": "1", "filename": "a.png"}), 100},
	{"video", message("video", object{"id": "VIDEO"}), 0},
	{"audio", message("audio", object{"id": "VOICE", "voice": true}), 0},
	{"audio that is no voice note", message("audio", object{"id": "AUDIO", "voice": true}), 131009},
	{"audio by the id of an image", message("audio", object{"id": "IMAGE"}), 131009},
	{"image by the id of a voice note", message("image", object{"id": "VOICE"}), 131009},
	{"image by an unknown id", message("image", object{"id": "1"}), 100},
	{"audio with caption", message("audio", object{"id": "1", "caption": "c"}), 100},
	{"document", message("document", object{"id": "DOCUMENT", "filename": "a.pdf", "caption": "c"}), 0},
	{"sticker", message("sticker", object{"id": "STICKER"}), 0},
	{"location", message("location", object{"latitude": 52.5, "longitude": "13.4", "name": "Berlin"}), 0},
	{"location off the earth", message("location", object{"latitude": 91, "longitude": 0}), 131009},
	{"location half", message("location", object{"latitude": 1}), 100},
	{"contacts", message("contacts", []any{object{"name": object{"formatted_name": "A B", "first_name": "A"}, "phones": []any{object{"phone": "+1"}}}}), 0},
	{"contact with one name", message("contacts", []any{object{"name": object{"formatted_name": "A"}}}), 131008},
	{"no contacts", message("contacts", []any{}), 131009},
	{"reaction", message("reaction", object{"message_id": "wamid.1", "emoji": "👍🏽"}), 0},
	{"reaction taken back", message("reaction", object{"message_id": "wamid.1", "emoji": ""}), 0},
	{"reaction of two", message("reaction", object{"message_id": "wamid.1", "emoji": "👍👍"}), 131009},
	{"reaction to nothing", message("reaction", object{"emoji": "👍"}), 131008},
	{"reaction with quote", message("reaction", object{"message_id": "a", "emoji": "👍"}, object{"context": object{"message_id": "a"}}), 100},
	{"template", message("template", object{"name": "hello_world", "language": object{"code": "en_US"}, "components": []any{object{"type": "body", "parameters": []any{}}}}), 0},
	{"template of no language", message("template", object{"name": "hello_world"}), 131008},
	{"template of bad name", message("template", object{"name": "Hello", "language": object{"code": "en"}}), 132001},

	{"read of an unknown message", `{"messaging_product":"whatsapp","status":"read","message_id":"wamid.1"}`, 131009},
	{"read of nothing", `{"messaging_product":"whatsapp","status":"read"}`, 100},
	{"another status", `{"messaging_product":"whatsapp","status":"seen","message_id":"wamid.1"}`, 100},
	{"read within a message", message("text", object{"body": "hi"}, object{"status": "read", "message_id": "a"}), 100},
}

// files are what the placeholders in the bodies stand for.
var files = map[string]struct{ kind, bytes string }{
	"IMAGE":    {"image/png", "\x89PNG\r\n\x1a\nrest"},
	"VIDEO":    {"video/mp4", "\x00\x00\x00\x18ftypmp42rest"},
	"AUDIO":    {"audio/mpeg", "ID3rest"},
	"VOICE":    {"audio/ogg", "OggS\x00rest OpusHead rest"},
	"DOCUMENT": {"application/pdf", "%PDF-1.7 rest"},
	"STICKER":  {"image/webp", "RIFF\x00\x00\x00\x00WEBPVP8 rest"},
}

// free takes as many messages as a test sends.
func free(s *emulator.Settings) { s.History = 10_000 }

func TestBodies(t *testing.T) {
	t.Parallel()
	r := written(t, free)
	r.control(t, "PATCH", "settings", object{"pair_rate": false, "throughput": 0})
	ids := r.uploaded(t)
	for _, c := range bodies {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, answer, _ := r.call(t, "POST", path, ids.Replace(c.body))
			e := into[metaError](t, answer).Error
			if e.Code != c.code {
				t.Fatalf("code %d, want %d: %s", e.Code, c.code, answer)
			}
			switch {
			case c.code == 0 && status != 200:
				t.Errorf("status %d", status)
			case c.code != 0 && (status < 400 || e.Type == "" || e.Message == "" || e.Data.Product != "whatsapp" ||
				e.Data.Details == "" || e.Trace == ""):
				t.Errorf("status %d, not an error of Meta's shape: %s", status, answer)
			}
		})
	}
}

// uploaded puts the files up and returns what replaces their placeholders by their ids.
func (r rig) uploaded(t *testing.T) *strings.Replacer {
	t.Helper()
	var pairs []string
	for name, f := range files {
		status, answer := r.upload(t, f.kind, f.kind, []byte(f.bytes))
		if status != 200 {
			t.Fatalf("%s: %s", name, answer)
		}
		pairs = append(pairs, name, into[map[string]string](t, answer)["id"])
	}
	return strings.NewReplacer(pairs...)
}

// upload puts a file up; kind is the type of the form and part that of the file in it.
func (r rig) upload(t *testing.T, kind, part string, data []byte) (status int, answer []byte) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("messaging_product", "whatsapp")
	if kind != "" {
		_ = form.WriteField("type", kind)
	}
	h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="f"`}}
	if part != "" {
		h.Set("Content-Type", part)
	}
	w, err := form.CreatePart(h)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(data)
	_ = form.Close()
	status, answer, _ = r.call(t, "POST", strings.TrimSuffix(path, "messages")+"media", body.String(), "Content-Type", form.FormDataContentType())
	return status, answer
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	r := written(t)
	_, answer, _ := r.call(t, "POST", path, message("text", object{"body": "hi"}))
	got := into[struct {
		Product  string `json:"messaging_product"`
		Contacts []struct {
			Input string `json:"input"`
			WaID  string `json:"wa_id"`
		} `json:"contacts"`
		Messages []struct {
			ID string `json:"id"`
		} `json:"messages"`
	}](t, answer)
	if got.Product != "whatsapp" || len(got.Contacts) != 1 || got.Contacts[0].Input != "+4915112345678" ||
		got.Contacts[0].WaID != "4915112345678" || len(got.Messages) != 1 || !strings.HasPrefix(got.Messages[0].ID, "wamid.") {
		t.Errorf("%s", answer)
	}
}

func TestCallsThatAreNotOurs(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	good := message("text", object{"body": "hi"})
	for _, c := range []struct {
		name, method, path    string
		header                []string
		status, code, subcode int
	}{
		{"wrong token", "POST", path, []string{"Authorization", "Bearer other"}, 401, 190, 0},
		{"no token", "POST", path, []string{"Authorization", ""}, 403, 200, 0},
		{"another scheme", "POST", path, []string{"Authorization", "Basic demo-access-token"}, 401, 190, 0},
		{"wrong number", "POST", "/v25.0/1/messages", nil, 400, 100, 33},
		{"no version", "POST", "/106540352242922/messages", nil, 200, 0, 0}, // the app's
		{"wrong version", "POST", "/latest/106540352242922/messages", nil, 400, 2500, 0},
		{"another path", "POST", "/v25.0/106540352242922/calls", nil, 400, 2500, 0},
		{"GET", "GET", path, nil, 400, 2500, 0},
		{"no JSON", "POST", path, []string{"Content-Type", "text/plain"}, 400, 100, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, answer, _ := r.call(t, c.method, c.path, good, c.header...)
			if e := into[metaError](t, answer).Error; status != c.status || e.Code != c.code || e.Subcode != c.subcode {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
}
