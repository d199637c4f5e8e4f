package emulator_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

const user = "4915112345678"

type posted struct {
	Object string `json:"object"`
	Entry  []struct {
		Changes []struct {
			Field string `json:"field"`
			Value struct {
				Product  string `json:"messaging_product"`
				Metadata struct {
					PhoneNumberID string `json:"phone_number_id"`
				} `json:"metadata"`
				Contacts []struct {
					WaID string `json:"wa_id"`
				} `json:"contacts"`
				Messages []json.RawMessage `json:"messages"`
				Statuses []struct {
					ID        string `json:"id"`
					Status    string `json:"status"`
					Recipient string `json:"recipient_id"`
					Callback  string `json:"biz_opaque_callback_data"`
				} `json:"statuses"`
			} `json:"value"`
		} `json:"changes"`
	} `json:"entry"`
}

func TestTypedTextArrives(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL)
	status, answer, _ := r.call(t, "POST", "/_emulator/send", text(object{"from": user, "type": "text", "text": `ä/<b>"\ 😀`}))
	if status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	body := d.taken(t, 1)[0]
	if !bytes.Contains(body, []byte(`\u00e4\/<b>\"\\ \ud83d\ude00`)) {
		t.Errorf("not escaped as Meta does: %s", body)
	}
	w := into[posted](t, body)
	v := w.Entry[0].Changes[0].Value
	if w.Object != "whatsapp_business_account" || w.Entry[0].Changes[0].Field != "messages" || v.Product != "whatsapp" ||
		v.Metadata.PhoneNumberID != "106540352242922" || v.Contacts[0].WaID != user {
		t.Errorf("%s", body)
	}
	m := into[struct {
		ID, From, Timestamp, Type string
		Text                      struct{ Body string }
	}](t, v.Messages[0])
	if id := into[map[string]string](t, answer)["id"]; m.ID != id || m.From != user || m.Type != "text" || m.Text.Body != `ä/<b>"\ 😀` {
		t.Errorf("%+v", m)
	}
	eventually(t, func() bool { return r.Chat(user).Messages[0].State == world.Delivered })
}

func TestTaps(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL)
	for _, c := range []struct{ sent, want string }{
		{
			`{"from":"4915112345678","type":"button_reply","id":"yes","title":"Yes","context":"wamid.q"}`,
			`"interactive":{"type":"button_reply","button_reply":{"id":"yes","title":"Yes"}}`,
		},
		{
			`{"from":"4915112345678","type":"list_reply","id":"r1","title":"Row","description":"More","context":"wamid.q"}`,
			`"interactive":{"type":"list_reply","list_reply":{"id":"r1","title":"Row","description":"More"}}`,
		},
	} {
		before := len(d.taken(t, 0))
		if status, answer, _ := r.call(t, "POST", "/_emulator/send", c.sent); status != 200 {
			t.Fatalf("%s", answer)
		}
		body := string(d.taken(t, before+1)[before])
		if !strings.Contains(body, c.want) || !strings.Contains(body, `"context":{"from":"15550783881","id":"wamid.q"}`) {
			t.Errorf("%s", body)
		}
	}
}

func TestOneChatArrivesInOrder(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 3)
	r := newRig(t, d.URL)
	var ids []string
	for range 10 {
		id, err := r.Send(emulator.Action{From: user, Type: "text", Text: "hi"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for i, body := range d.taken(t, len(ids)) {
		m := into[struct{ ID string }](t, into[posted](t, body).Entry[0].Changes[0].Value.Messages[0])
		if m.ID != ids[i] {
			t.Errorf("message %d came out of order", i)
		}
	}
}

func TestStatusesFollow(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 1)
	r := newRig(t, d.URL)
	r.write(t, "hello")
	d.taken(t, 1)
	r.call(t, "POST", path, message("text", object{"body": "hi"}, object{"biz_opaque_callback_data": "tag"}))
	got := d.taken(t, 4)[1:]
	id := r.Chat(user).Messages[1].ID
	for i, want := range []string{"sent", "delivered", "read"} {
		s := into[posted](t, got[i]).Entry[0].Changes[0].Value.Statuses[0]
		if s.ID != id || s.Status != want || s.Recipient != user || s.Callback != "tag" {
			t.Errorf("%d: %+v", i, s)
		}
	}
	if m := r.Chat(user).Messages[1]; m.State != world.Read || m.Direction != world.ToUser {
		t.Errorf("%+v", m)
	}
}

func TestReactionIsOnlySent(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL)
	id := r.write(t, "hello")
	d.taken(t, 1)
	r.call(t, "POST", path, message("reaction", object{"message_id": id, "emoji": "👍"}))
	r.settled(t)
	r.Close()
	if got := d.taken(t, 2); len(got) != 2 || !bytes.Contains(got[1], []byte(`"status":"sent"`)) {
		t.Errorf("%s", got)
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 2)
	r := newRig(t, d.URL)
	if _, err := r.Send(emulator.Action{From: user, Type: "text", Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	d.taken(t, 1)
	eventually(t, func() bool { return r.Chat(user).Messages[0].State == world.Delivered })
	if m := r.Chat(user).Messages[0]; m.Posts != 3 || m.Problem != "" {
		t.Errorf("%+v", m)
	}
}

func TestGivesUp(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 100)
	r := newRig(t, d.URL)
	if _, err := r.Send(emulator.Action{From: user, Type: "text", Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return r.Chat(user).Messages[0].State == world.NotDelivered })
	if m := r.Chat(user).Messages[0]; m.Posts != 4 || !strings.Contains(m.Problem, "500") {
		t.Errorf("%+v", m)
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL)
	for range 2 {
		r.call(t, "POST", "/_emulator/send", text(object{"from": user, "type": "text", "text": "hi", "id": "wamid.same"}))
	}
	got := d.taken(t, 2)
	if !bytes.Equal(got[0], got[1]) || !bytes.Contains(got[0], []byte("wamid.same")) {
		t.Errorf("%s\n%s", got[0], got[1])
	}
	if n := len(r.Chat(user).Messages); n != 1 {
		t.Errorf("the chat has %d messages", n)
	}
	if _, err := r.Send(emulator.Action{From: "4915100000000", Type: "text", Text: "hi", MessageID: "wamid.same"}); err == nil {
		t.Error("somebody else took the id")
	}
}

func TestMarkedAsRead(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL)
	id, err := r.Send(emulator.Action{From: user, Type: "text", Text: "hi"})
	if err != nil {
		t.Fatal(err)
	}
	d.taken(t, 1)
	status, answer, _ := r.call(t, "POST", path, text(object{
		"messaging_product": "whatsapp", "status": "read", "message_id": id, "typing_indicator": object{"type": "text"},
	}))
	if status != 200 || strings.TrimSpace(string(answer)) != `{"success":true}` {
		t.Fatalf("%d %s", status, answer)
	}
	if c := r.Chat(user); !c.Typing || c.Messages[0].State != world.Read {
		t.Errorf("%+v", c)
	}
	r.call(t, "POST", path, message("text", object{"body": "hi"}))
	if r.Chat(user).Typing {
		t.Error("still typing after the answer")
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL, func(s *emulator.Settings) { s.History = 3 })
	for _, s := range []string{"a", "b", "c", "d"} {
		if _, err := r.Send(emulator.Action{From: user, Type: "text", Text: s}); err != nil {
			t.Fatal(err)
		}
	}
	d.taken(t, 4)
	if c := r.Chat(user); len(c.Messages) != 3 || !bytes.Contains(c.Messages[0].Body, []byte(`"b"`)) {
		t.Errorf("%+v", c)
	}
}
