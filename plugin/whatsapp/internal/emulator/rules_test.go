package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

var hi = message("text", object{"body": "hi"})

// code sends a body and returns the code of the refusal, 0 when it was accepted.
func (r rig) code(t *testing.T, body string) int {
	t.Helper()
	_, answer, _ := r.call(t, "POST", path, body)
	return into[metaError](t, answer).Error.Code
}

// last returns the newest message of the user's chat, once nothing is under way.
func (r rig) last(t *testing.T) world.Message {
	t.Helper()
	r.settled(t)
	ms := r.Chat(user).Messages
	return ms[len(ms)-1]
}

func (r rig) advance(t *testing.T, d string) {
	t.Helper()
	r.control(t, "POST", "clock", object{"advance": d})
}

func TestWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	if r.code(t, hi); r.last(t).Error == nil || r.last(t).Error.Code != 131047 {
		t.Errorf("nobody has written: %+v", r.last(t))
	}
	r.write(t, "hello")
	if r.code(t, hi); r.last(t).State != world.Read {
		t.Errorf("the window is open: %+v", r.last(t))
	}
	r.advance(t, "23h59m")
	if r.code(t, hi); r.last(t).State != world.Read {
		t.Errorf("the window is open still: %+v", r.last(t))
	}
	r.advance(t, "2m")
	if v := r.Chat(user); v.Window.Open {
		t.Error("the window is open after 24 hours")
	}
	if r.code(t, hi); r.last(t).State != world.Failed {
		t.Errorf("the window is closed: %+v", r.last(t))
	}
	r.control(t, "PATCH", "settings", object{"window": "sync"})
	if c := r.code(t, hi); c != 131047 {
		t.Errorf("code %d", c)
	}
	hello := message("template", object{"name": "hello_world", "language": object{"code": "en_US"}})
	if r.code(t, hello); r.last(t).State != world.Read || r.last(t).Template == nil {
		t.Errorf("a template needs no window: %+v", r.last(t))
	}
	r.control(t, "PATCH", "settings", object{"window": "off"})
	if r.code(t, hi); r.last(t).State != world.Read {
		t.Errorf("no window: %+v", r.last(t))
	}
}

func TestPairRate(t *testing.T) {
	t.Parallel()
	r := written(t)
	for i := range 45 {
		if c := r.code(t, hi); c != 0 {
			t.Fatalf("message %d: %d", i, c)
		}
	}
	if c := r.code(t, hi); c != 131056 {
		t.Errorf("message 46: %d", c)
	}
	if p := r.Chat(user).Pair; p.Left != 0 || p.NextAt == nil {
		t.Errorf("%+v", p)
	}
	other := message("template", object{"name": "hello_world", "language": object{"code": "en_US"}}, object{"to": "+4915100000000"})
	if c := r.code(t, other); c != 0 {
		t.Errorf("another person: %d", c)
	}
	r.advance(t, "6s")
	if c := r.code(t, hi); c != 0 {
		t.Errorf("six seconds later: %d", c)
	}
	if c := r.code(t, hi); c != 131056 {
		t.Errorf("and one more: %d", c)
	}
}

func TestThroughput(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	r.control(t, "PATCH", "settings", object{"throughput": 3, "window": "off"})
	refused := 0
	for i := range 30 {
		if r.code(t, message("text", object{"body": "hi"}, object{"to": fmt.Sprintf("+49151000000%02d", i)})) == 130429 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nothing is too fast")
	}
	r.advance(t, "1s")
	if c := r.code(t, hi); c != 0 {
		t.Errorf("a second later: %d", c)
	}
}

func TestTier(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	r.control(t, "PATCH", "settings", object{"tier": "TIER_50", "throughput": 0})
	hello := func(i int) string {
		return message("template", object{"name": "hello_world", "language": object{"code": "en_US"}}, object{"to": fmt.Sprintf("+49151000000%02d", i)})
	}
	for i := range 52 {
		r.code(t, hello(i))
	}
	r.settled(t)
	if m := r.Chat("4915100000051").Messages[0]; m.Error == nil || m.Error.Code != 131048 {
		t.Errorf("the 52nd person: %+v", m)
	}
	if m := r.Chat("4915100000049").Messages[0]; m.State != world.Read {
		t.Errorf("the 50th person: %+v", m)
	}
	r.advance(t, "25h")
	r.code(t, hello(51))
	r.settled(t)
	if ms := r.Chat("4915100000051").Messages; ms[1].State != world.Read {
		t.Errorf("a day later: %+v", ms[1])
	}
}

func TestPeopleWhoGetNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change object
		body   string
		code   int
	}{
		"blocked":             {object{"blocked": true}, hi, 130403},
		"not on WhatsApp":     {object{"on_whatsapp": false}, hi, 131026},
		"another identity":    {object{"identity": "A"}, message("text", object{"body": "hi"}, object{"recipient_identity_key_hash": "B"}), 137000},
		"reaction to nothing": {object{}, message("reaction", object{"message_id": "wamid.1", "emoji": "👍"}), 131009},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := written(t)
			r.control(t, "PATCH", "people/"+user, c.change)
			if code := r.code(t, c.body); code != 0 {
				t.Fatalf("code %d", code)
			}
			if m := r.last(t); m.State != world.Failed || m.Error.Code != c.code {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	r := written(t)
	r.control(t, "PATCH", "settings", object{"allowed_recipients": []string{"4915100000000"}})
	_, answer, _ := r.call(t, "POST", path, hi)
	if e := into[metaError](t, answer).Error; e.Code != 131030 || e.Subcode != 2655007 {
		t.Errorf("%s", answer)
	}
	r.control(t, "PATCH", "settings", object{"allowed_recipients": nil, "strangers": "refuse"})
	r.code(t, message("text", object{"body": "hi"}, object{"to": "+4915100000000"}))
	r.settled(t)
	if m := r.Chat("4915100000000").Messages[0]; m.Error == nil || m.Error.Code != 131026 {
		t.Errorf("a stranger: %+v", m)
	}
	id := into[world.Person](t, r.control(t, "GET", "people/"+user, nil)).UserID
	r.code(t, message("text", object{"body": "by id"}, object{"to": "", "recipient": id}))
	if m := r.last(t); m.State != world.Read {
		t.Errorf("by user id: %+v", m)
	}
	r.code(t, message("text", object{"body": "in to"}, object{"to": id}))
	if m := r.last(t); m.State != world.Dropped {
		t.Errorf("a user id in to: %+v", m)
	}
}

func TestNumberChange(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL)
	r.write(t, "hello")
	old := into[world.Person](t, r.control(t, "GET", "people/"+user, nil))
	now := into[world.Person](t, r.control(t, "POST", "people/"+user+"/number", object{"phone": "4917000000000"}))
	if now.ID != old.ID || now.UserID == old.UserID {
		t.Errorf("%+v, was %+v", now, old)
	}
	got := string(bytes.Join(d.taken(t, 4)[1:], nil))
	for _, want := range []string{
		`"type":"user_changed_number","wa_id":"4917000000000"`, `"from":"4915112345678"`, `"type":"user_changed_user_id"`,
		`"field":"user_id_update"`, `"previous":"` + old.UserID + `"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	r.code(t, hi) // to the old number
	r.settled(t)
	if m := r.Chat(user).Messages; len(m) == 0 || m[len(m)-1].Error == nil || m[len(m)-1].Error.Code != 131026 {
		t.Errorf("the old number: %+v", m)
	}
	if n := len(r.Chat("4917000000000").Messages); n != 1 {
		t.Errorf("the chat has %d messages", n)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL)
	for _, n := range []string{user, "4915100000000"} {
		r.control(t, "POST", "people", object{"phone": n})
	}
	g := into[world.Group](t, r.control(t, "POST", "groups", object{"subject": "Ops", "people": []string{user, "u2"}}))
	_, empty, _ := r.call(t, "GET", "/_emulator/chat?group="+g.ID, "")
	if c := into[world.View](t, empty); c.ID != g.ID || c.Kind != "group" || c.User != g.ID || c.Messages == nil {
		t.Errorf("the chat of a group in which nobody has written: %s", empty)
	}
	id := into[map[string]string](t, r.control(t, "POST", "send", object{"from": "u2", "group": g.ID, "type": "text", "text": "all"}))["id"]
	to := object{"recipient_type": "group", "to": g.ID}
	if c := r.code(t, message("text", object{"body": "hi"}, to)); c != 0 {
		t.Errorf("text: %d", c)
	}
	if c := r.code(t, tappable("button", replies(1, "b", "B"))); c != 0 {
		t.Errorf("control: %d", c)
	}
	body := strings.Replace(tappable("button", replies(1, "b", "B")), `"to":"+4915112345678"`, `"recipient_type":"group","to":"`+g.ID+`"`, 1)
	if c := r.code(t, body); c != 131051 {
		t.Errorf("buttons: %d", c)
	}
	pin := object{"type": "pin", "message_id": id, "expiration_days": 1}
	if c := r.code(t, message("pin", pin, to)); c != 0 {
		t.Errorf("pin: %d", c)
	}
	r.settled(t)
	all := string(bytes.Join(d.taken(t, 0), nil))
	for _, want := range []string{
		`"group_id":"` + g.ID + `"`, `"recipient_type":"group"`, `"recipient_participant_id":"4915100000000"`, `"type":"group_create"`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no webhook has %s", want)
		}
	}
	r.control(t, "PATCH", "groups/"+g.ID, object{"people": []string{}})
	if c := r.code(t, message("text", object{"body": "hi"}, to)); c != 131020 {
		t.Errorf("alone: %d", c)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	r := written(t)
	for _, token := range []object{
		{"token": "short-lived", "expires_in": "1h"},
		{"token": "reader", "scopes": []string{world.Management}},
		{"token": "gone", "invalid": true},
	} {
		r.control(t, "POST", "tokens", token)
	}
	call := func(token string) (int, int) {
		_, answer, _ := r.call(t, "POST", path, hi, "Authorization", "Bearer "+token)
		e := into[metaError](t, answer).Error
		return e.Code, e.Subcode
	}
	if c, _ := call("short-lived"); c != 0 {
		t.Errorf("within the hour: %d", c)
	}
	r.advance(t, "2h")
	for token, want := range map[string][2]int{"short-lived": {190, 463}, "reader": {10, 0}, "gone": {190, 467}, "none": {190, 0}} {
		if c, sub := call(token); c != want[0] || sub != want[1] {
			t.Errorf("%s: %d/%d", token, c, sub)
		}
	}
}

func TestWhatPhonesCannotDo(t *testing.T) {
	t.Parallel()
	r := written(t)
	r.code(t, tappable("button", replies(2, "b", "B")))
	menu := r.last(t).ID
	for name, c := range map[string]struct {
		action object
		status int
	}{
		"no such button": {object{"type": "tap", "title": "C"}, 409},
		"wrong id":       {object{"type": "button_reply", "id": "x", "title": "B0", "context": menu}, 409},
		"unknown media":  {object{"type": "image", "media": "1"}, 404},
		"edit another's": {object{"type": "edit", "context": menu, "text": "x"}, 404},
		"no emoji":       {object{"type": "reaction", "context": menu}, 400},
		"too long":       {object{"type": "text", "text": xs(4097)}, 400},
		"not in a group": {object{"type": "text", "text": "x", "group": "none"}, 404},
	} {
		t.Run(name, func(t *testing.T) {
			c.action["from"] = user
			if status, answer, _ := r.call(t, "POST", "/_emulator/send", text(c.action)); status != c.status {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	r.control(t, "POST", "send", object{"from": user, "type": "tap", "title": "B1"})
	if status, _, _ := r.call(t, "POST", "/_emulator/send", text(object{"from": user, "type": "tap", "title": "B0"})); status != 409 {
		t.Errorf("a second tap: %d", status)
	}
}

func TestInboundKinds(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL)
	own := r.write(t, "hello")
	r.code(t, hi)
	r.settled(t)
	photo := into[world.Media](t, r.upMedia(t, "image/png", "\x89PNG\r\n\x1a\nrest"))
	voice := into[world.Media](t, r.upMedia(t, "audio/ogg", "OggS OpusHead"))
	for _, c := range []struct {
		action object
		want   []string
	}{
		{object{"type": "image", "media": photo.ID, "caption": "look"}, []string{`"type":"image"`, `"mime_type":"image\/png"`, `"caption":"look"`, `"sha256":"`}},
		{object{"type": "audio", "media": voice.ID}, []string{`"mime_type":"audio\/ogg; codecs=opus"`, `"voice":true`}},
		{object{"type": "document", "media": photo.ID, "filename": "a/b.png"}, []string{`"filename":"a\/b.png"`}},
		{object{"type": "location", "latitude": 1.5, "longitude": 2, "place": "P"}, []string{`"location":{"latitude":1.5,"longitude":2,"name":"P"}`}},
		{object{"type": "contacts", "shared_number": true}, []string{`"origin":"contact_request"`, `waid=4915112345678`}},
		{object{"type": "reaction", "context": own, "emoji": ""}, []string{`"reaction":{"message_id":"`, `"emoji":""`}},
		{object{"type": "flow_reply", "response": object{"a": "b"}}, []string{`"response_json":"{\"a\":\"b\"}"`, `"name":"flow"`}},
		{object{"type": "order", "catalog_id": "c", "products": []any{object{"product_retailer_id": "p"}}}, []string{`"catalog_id":"c","product_items":[{`}},
		{object{"type": "call_permission", "accept": true}, []string{`"call_permission_reply":{"response":"accept"`}},
		{object{"type": "request_welcome"}, []string{`"type":"request_welcome"`}},
		{object{"type": "unsupported", "unsupported": "poll_creation"}, []string{`"code":131051`, `"unsupported":{"type":"poll_creation"}`}},
		{object{"type": "raw", "message": object{"type": "hologram", "hologram": object{"a/b": "ä"}}}, []string{`"hologram":{"a\/b":"\u00e4"}`, `"type":"hologram"`}},
		{object{"type": "text", "text": "x", "forwarded": "frequently"}, []string{`"context":{"frequently_forwarded":true}`}},
		{object{"type": "edit", "context": own, "text": "hullo"}, []string{`"edit":{"original_message_id":"`, `"message":{"type":"text","text":{"body":"hullo"}}`}},
		{object{"type": "revoke", "context": own}, []string{`"revoke":{"original_message_id":"`}},
	} {
		before := len(d.taken(t, 0))
		c.action["from"] = user
		r.control(t, "POST", "send", c.action)
		got := string(d.taken(t, before+1)[before])
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%v: no %s in %s", c.action["type"], want, got)
			}
		}
	}
	if m := r.Chat(user).Messages[0]; !m.Edited || !m.Revoked || !bytes.Contains(m.Body, []byte("hullo")) {
		t.Errorf("%+v", m)
	}
}

func (r rig) upMedia(t *testing.T, kind, data string) []byte {
	t.Helper()
	status, answer, _ := r.call(t, "POST", "/_emulator/media?filename=f", data, "Content-Type", kind)
	if status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	return answer
}

func TestReads(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL)
	r.control(t, "PATCH", "settings", object{"reads": "manual"})
	r.write(t, "hello")
	r.code(t, hi)
	if m := r.last(t); m.State != world.Delivered {
		t.Errorf("%+v", m)
	}
	if v := r.Chat(user); v.Unread != 1 {
		t.Errorf("%d unread", v.Unread)
	}
	r.control(t, "POST", "read", object{"from": user})
	if m := r.last(t); m.State != world.Read {
		t.Errorf("%+v", m)
	}
	r.control(t, "PATCH", "people/"+user, object{"online": false})
	r.code(t, hi)
	if m := r.last(t); m.State != world.Sent {
		t.Errorf("offline: %+v", m)
	}
	r.control(t, "PATCH", "people/"+user, object{"online": true})
	if m := r.last(t); m.State != world.Delivered {
		t.Errorf("online again: %+v", m)
	}
}

func TestExportAndImport(t *testing.T) {
	t.Parallel()
	r := written(t)
	r.code(t, hi)
	r.settled(t)
	r.advance(t, "1h")
	r.control(t, "POST", "faults", object{"on": "call", "do": "error", "code": 4, "next": 1})
	state := r.control(t, "GET", "export", nil)
	other := newRig(t, nowhere(t))
	status, answer, _ := other.call(t, "POST", "/_emulator/import", string(state))
	if status != 200 {
		t.Fatalf("%s", answer)
	}
	a, b := r.Chat(user), other.Chat(user)
	if len(b.Messages) != 2 || text(a.Messages) != text(b.Messages) || !b.Window.Open {
		t.Errorf("%+v\n%+v", a, b)
	}
	if c := other.code(t, hi); c != 4 {
		t.Errorf("the fault: %d", c)
	}
	other.control(t, "POST", "reset", object{})
	if n := len(other.Chat(user).Messages); n != 0 {
		t.Errorf("%d messages after the reset", n)
	}
	other.write(t, "still here")
	other.settled(t)
	other.advance(t, "2h")
	before := text(other.Chat(user).Messages)
	for _, bad := range []string{
		`{"version":2}`, `{"version":1,"ahead":"99999h"}`, `{"version":1,"ahead":"0s","faults":[{"on":"call","do":"nothing known"}]}`,
		`{"version":1,"ahead":"0s","world":{"messages":[{"id":"a","chat":"b"}]}}`, `{"version":1,"ahead":"0s","world":{"people":[null]}}`,
	} {
		if status, answer, _ := other.call(t, "POST", "/_emulator/import", bad); status != 400 {
			t.Errorf("%s: %d %s", bad, status, answer)
		}
		var clock struct{ Ahead string }
		err := json.Unmarshal(other.control(t, "GET", "clock", nil), &clock)
		if ahead, _ := time.ParseDuration(clock.Ahead); err != nil || ahead < 119*time.Minute {
			t.Errorf("after %s the clock is %v ahead, %v", bad, clock, err)
		}
	}
	if after := text(other.Chat(user).Messages); after != before {
		t.Errorf("what cannot be imported changed the chat: %s, before %s", after, before)
	}
}

func TestTruncate(t *testing.T) {
	t.Parallel()
	r := written(t)
	second := r.write(t, "second")
	r.code(t, hi)
	r.settled(t)
	r.control(t, "POST", "truncate", object{"user": user, "from": second})
	if v := r.Chat(user); len(v.Messages) != 1 || !v.Window.Open {
		t.Errorf("%+v", v)
	}
}

func TestControlToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t), func(s *emulator.Settings) { s.ControlToken = "0123456789abcdef" })
	for _, c := range []struct {
		path   string
		header []string
		status int
	}{
		{"/_emulator/state", nil, 401},
		{"/_emulator/state", []string{"Authorization", "Bearer wrong"}, 401},
		{"/_emulator/state", []string{"Authorization", "Bearer 0123456789abcdef", "Host", "example.org"}, 200},
		{"/_emulator/state", []string{"Cookie", "aof-emulator=0123456789abcdef"}, 200},
		{"/_emulator/healthz", nil, 200},
		{"/", nil, 401},
	} {
		if status, _, _ := r.call(t, "GET", c.path, "", c.header...); status != c.status {
			t.Errorf("%s %v: %d", c.path, c.header, status)
		}
	}
	if status, answer, _ := r.call(t, "POST", path, hi); status != 200 {
		t.Errorf("the Graph API has a token of its own: %s", answer)
	}
}

func TestRetriesByTheClock(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 1_000_000)
	r := newRig(t, d.URL, func(s *emulator.Settings) { s.Tries = 0 })
	r.control(t, "PATCH", "settings", object{"retry": object{"schedule": "meta"}})
	id := r.write(t, "hello")
	eventually(t, func() bool { return r.Chat(user).Messages[0].Posts == 1 })
	r.advance(t, "6d")
	if m := r.Chat(user).Messages[0]; m.ID != id || m.State != world.Sending || m.Posts < 10 {
		t.Errorf("after six days: %+v", m)
	}
	r.advance(t, "2d")
	if m := r.Chat(user).Messages[0]; m.State != world.NotDelivered || m.Posts > 60 {
		t.Errorf("after eight days: %+v", m)
	}
}

func TestMediaLives(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	data := []byte(files["IMAGE"].bytes)
	_, answer := r.upload(t, "image/png", "image/png", data)
	id := into[map[string]string](t, answer)["id"]
	info := func() (url string, status int) {
		status, answer, _ := r.call(t, "GET", "/v25.0/"+id+"?phone_number_id=106540352242922", "")
		m := into[struct {
			URL  string `json:"url"`
			Size int    `json:"file_size"`
		}](t, answer)
		if status == 200 && m.Size != len(data) {
			t.Errorf("%s", answer)
		}
		return strings.TrimPrefix(m.URL, r.address), status
	}
	url, _ := info()
	status, got, h := r.call(t, "GET", url, "")
	if status != 200 || !bytes.Equal(got, data) || h.Get("Content-Type") != "image/png" {
		t.Errorf("%d %q", status, got)
	}
	if status, got, _ := r.call(t, "GET", url, "", "Range", "bytes=1-3"); status != 206 || string(got) != "PNG" {
		t.Errorf("a range: %d %q", status, got)
	}
	if status, _, _ := r.call(t, "GET", url, "", "Authorization", "Bearer no"); status != 401 {
		t.Errorf("another token: %d", status)
	}
	if status, _, _ := r.call(t, "GET", strings.Replace(url, "hash=ATt", "hash=ATx", 1), ""); status != 403 {
		t.Errorf("another hash: %d", status)
	}
	r.advance(t, "5m")
	if status, _, _ := r.call(t, "GET", url, ""); status != 404 {
		t.Errorf("after five minutes: %d", status)
	}
	url, _ = info()
	if status, _, _ := r.call(t, "GET", url, ""); status != 200 {
		t.Errorf("a fresh address: %d", status)
	}
	r.advance(t, "30d")
	if _, status := info(); status != 400 {
		t.Errorf("after thirty days: %d", status)
	}
	_, answer = r.upload(t, "image/png", "image/png", data)
	id = into[map[string]string](t, answer)["id"]
	if status, _, _ := r.call(t, "DELETE", "/v25.0/"+id, ""); status != 200 {
		t.Errorf("delete: %d", status)
	}
	if _, status := info(); status != 400 {
		t.Errorf("after the end: %d", status)
	}
}

func TestUploads(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	png := func(n int) []byte { return append([]byte(files["IMAGE"].bytes), make([]byte, n)...) }
	webp := func(n int, flags byte) []byte {
		return append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X\x00\x00\x00\x00"+string(flags)), make([]byte, n)...)
	}
	for name, c := range map[string]struct {
		kind, part string
		data       []byte
		code       int
	}{
		"image":                   {"image/png", "image/png", png(0), 0},
		"without a type":          {"", "image/png", png(0), 0},
		"image over 5 MB":         {"image/png", "image/png", png(5 << 20), 131053},
		"no PNG":                  {"image/png", "image/png", []byte("GIF89a"), 131053},
		"no type of its own":      {"image/png", "", png(0), 131053},
		"empty":                   {"image/png", "image/png", nil, 100},
		"any type is a document":  {"application/zip", "application/zip", []byte("PK"), 0},
		"sticker":                 {"image/webp", "image/webp", webp(90<<10, 0), 0},
		"sticker over 100 KB":     {"image/webp", "image/webp", webp(110<<10, 0), 131053},
		"animated sticker":        {"image/webp", "image/webp", webp(400<<10, 2), 0},
		"animated over 500 KB":    {"image/webp", "image/webp", webp(510<<10, 2), 131053},
		"audio":                   {"audio/mpeg", "audio/mpeg", []byte("ID3"), 0},
		"no type":                 {"png", "png", png(0), 100},
		"video that is something": {"video/mp4", "video/mp4", []byte("something"), 131053},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, answer := r.upload(t, c.kind, c.part, c.data)
			if e := into[metaError](t, answer).Error; e.Code != c.code {
				t.Errorf("%d, want %d: %s", e.Code, c.code, answer)
			}
		})
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	r := written(t)
	for asked, want := range map[string]string{"v25.0": "v25.0", "v99.0": "v99.0", "v12.0": ""} {
		status, _, h := r.call(t, "POST", "/"+asked+"/106540352242922/messages", hi)
		got := h.Get("facebook-api-version")
		if status != 200 || want != "" && got != want || want == "" && got == asked {
			t.Errorf("%s: %d, answered by %q", asked, status, got)
		}
		if h.Get("x-app-usage") == "" || h.Get("x-fb-trace-id") == "" {
			t.Errorf("%s: headers are missing: %v", asked, h)
		}
	}
	for _, bad := range []string{"v25", "v1234.0", "latest"} {
		status, answer, _ := r.call(t, "POST", "/"+bad+"/106540352242922/messages", hi)
		if e := into[metaError](t, answer).Error; status != 400 || e.Code != 2500 {
			t.Errorf("%s: %d %s", bad, status, answer)
		}
	}
}

func TestBlockUsers(t *testing.T) {
	t.Parallel()
	r := written(t)
	block := strings.TrimSuffix(path, "messages") + "block_users"
	both := object{"messaging_product": "whatsapp", "block_users": []any{object{"user": "+" + user}, object{"user": "+4915100000000"}}}
	status, answer, _ := r.call(t, "POST", block, text(both))
	if e := into[metaError](t, answer).Error; status != 400 || e.Code != 139100 || !bytes.Contains(answer, []byte(`"added_users":[{"input":"+4915112345678"`)) ||
		!bytes.Contains(answer, []byte(`"failed_users":[{"input":"+4915100000000"`)) {
		t.Errorf("%d %s", status, answer)
	}
	id := r.write(t, "can you hear me?")
	if m := r.last(t); m.ID != id || m.State != world.NotDelivered {
		t.Errorf("%+v", m)
	}
	if _, answer, _ := r.call(t, "GET", block, ""); !bytes.Contains(answer, []byte(`"wa_id":"4915112345678"`)) {
		t.Errorf("%s", answer)
	}
	one := object{"messaging_product": "whatsapp", "block_users": []any{object{"user": "+" + user}}}
	if status, answer, _ := r.call(t, "DELETE", block, text(one)); status != 200 || !bytes.Contains(answer, []byte("removed_users")) {
		t.Errorf("%d %s", status, answer)
	}
	r.write(t, "and now?")
	if m := r.last(t); m.State != world.Delivered {
		t.Errorf("%+v", m)
	}
}
