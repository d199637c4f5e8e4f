package whatsapp_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
	"github.com/aof-dev/aofd/sdk/chat"
)

// emulated is a platform whose Meta is the emulator, and a phone that has written.
type emulated struct {
	*whatsapp.Platform
	url      string
	written  string // id of what the phone wrote
	messages chan chat.Message
}

func newEmulated(t *testing.T, outside *whatsapp.OutsideWindow) *emulated {
	t.Helper()
	out := &emulated{messages: make(chan chat.Message, 100)}
	webhook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := out.ReadWebhook(r)
		if err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if b.Reply != nil {
			_, _ = w.Write(b.Reply.Body)
		}
		for _, m := range b.Messages {
			out.messages <- m
		}
	}))
	t.Cleanup(webhook.Close)
	s := emulator.Defaults()
	s.Webhook, s.StatusDelay = webhook.URL, 0
	e := emulator.New(s)
	t.Cleanup(e.Close)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	p, err := whatsapp.New(whatsapp.Config{
		PhoneNumberID: s.PhoneNumberID, AccessToken: s.AccessToken, VerifyToken: s.VerifyToken, AppSecret: s.AppSecret, APIBaseURL: server.URL,
		OutsideWindow: outside,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	out.Platform, out.url = p, server.URL
	out.control(t, http.MethodPatch, "settings", map[string]any{"pair_rate": false}, nil)
	var sent struct{ ID string }
	out.control(t, http.MethodPost, "send", map[string]any{"from": "4915112345678", "type": "text", "text": "hi"}, &sent)
	out.written = sent.ID
	out.next(t)
	return out
}

// next returns the next message that came by a webhook.
func (e *emulated) next(t *testing.T) chat.Message {
	t.Helper()
	select {
	case m := <-e.messages:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("no webhook came")
		return chat.Message{}
	}
}

// control calls the emulator's control API.
func (e *emulated) control(t *testing.T, method, path string, body, into any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, e.url+"/_emulator/"+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 || into != nil && json.NewDecoder(res.Body).Decode(into) != nil {
		t.Fatalf("%s: %s", path, res.Status)
	}
}

// Every message that needs nothing beforehand, and those with files once they are uploaded. The strict decoder
// has the templates, which have to be approved first.
func TestEmulatorTakesEveryType(t *testing.T) {
	t.Parallel()
	const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
	e := newEmulated(t, nil)
	upload := func(kind chat.MediaType, content, mimeType string) whatsapp.File {
		id, err := e.UploadMedia(t.Context(), kind, whatsapp.File{Content: strings.NewReader(content), Type: mimeType})
		if err != nil {
			t.Fatal(err)
		}
		return whatsapp.File{ID: id}
	}
	image, video := upload(chat.MediaImage, png, "image/png"), upload(chat.MediaVideo, "\x00\x00\x00\x18ftypmp42", "video/mp4")
	pdf := upload(chat.MediaDocument, "%PDF-1.7\n", "application/pdf")
	for _, c := range everyType {
		content := c.content
		switch c := content.(type) {
		case whatsapp.Image:
			if c.ID != "" {
				c.File = image
			}
			content = c
		case whatsapp.Buttons:
			switch h := c.Header.(type) {
			case whatsapp.Video:
				h.ID = video.ID
				c.Header = h
			case whatsapp.Document:
				h.ID = pdf.ID
				c.Header = h
			}
			content = c
		case whatsapp.Reaction:
			c.MessageID = e.written
			content = c
		case whatsapp.Template:
			if c.Name != "hello_world" {
				continue
			}
		}
		id, err := e.Send(t.Context(), to, content)
		if err != nil || !strings.HasPrefix(id, "wamid.") {
			t.Errorf("%s: %q, %v", c.name, id, err)
		}
	}
	for _, signal := range []chat.Signal{chat.SignalRead, chat.SignalTyping} {
		if _, err := e.SendSignal(t.Context(), chat.Courtesy{ChannelID: "4915112345678", MessageID: e.written, Signal: signal}); err != nil {
			t.Error(err)
		}
	}
}

// An answer with everything, to the emulator: rendered, uploaded, split and quoted.
func TestEmulatorTakesAnAnswer(t *testing.T) {
	t.Parallel()
	e := newEmulated(t, nil)
	sent, err := e.SendResponse(t.Context(), chat.Delivery{ID: "d", ChannelID: "4915112345678", Attempt: 1, Response: chat.Response{
		Text:    "# Report\n\n" + strings.Repeat("The **api** is `up` again.\n\n", 100) + "|Pod|Ready|\n|-|-|\n|api|3/3|\n",
		ReplyTo: e.written, Status: chat.StatusSuccess,
		Actions:     []chat.Action{{ID: "a", Label: "Show me all the logs"}, {ID: "b", Label: "Show me all the logs, please"}},
		Attachments: []chat.Attachment{{Data: []byte("line"), MimeType: "text/plain", Filename: "pod.log", Caption: "log"}},
		Location:    &chat.Location{Latitude: 52.5, Longitude: 13.4}, Contacts: []chat.Contact{{Name: "Ann"}},
	}})
	if err != nil || len(sent.MessageIDs) != 5 {
		t.Errorf("%+v, %v", sent, err)
	}
}

// The user wrote long ago: a free answer would be lost at Meta, so a notice goes out. The tap on it is no question to
// an agent, and the answer goes out after it.
func TestHeldAnswerAtTheEmulator(t *testing.T) {
	t.Parallel()
	e := newEmulated(t, &whatsapp.OutsideWindow{
		Answer: &whatsapp.AnswerTemplate{Name: "agent_answer", Language: "en", Parameter: "answer"},
		Notice: &whatsapp.NoticeTemplate{Name: "answer_waits", Language: "en"},
	})
	defaults := emulator.Defaults()
	for _, definition := range []string{
		`{"name":"answer_waits","language":"en","category":"UTILITY","components":[{"type":"BODY","text":"There is an answer for you."},
			{"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"Show me"}]}]}`,
		`{"name":"agent_answer","language":"en","category":"UTILITY","parameter_format":"NAMED","components":[{"type":"BODY",
			"text":"Your agent says: {{answer}}. Reply to go on.","example":{"body_text_named_params":[{"param_name":"answer","example":"ok"}]}}]}`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url+"/v26.0/"+defaults.AccountID+"/message_templates", strings.NewReader(definition))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+defaults.AccessToken)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", res.Status, said)
		}
	}
	e.control(t, http.MethodPatch, "settings", map[string]any{"window": "sync"}, nil)
	e.control(t, http.MethodPost, "clock", map[string]any{"advance": "25h"}, nil)

	d := chat.Delivery{
		ID: "d", ChannelID: "4915112345678", Attempt: 1, LastInboundAt: time.Now().Add(-25 * time.Hour),
		Response: chat.Response{Text: "All pods run."},
	}
	sent, err := e.SendResponse(t.Context(), d)
	if err != nil || sent.Held || len(sent.MessageIDs) != 1 {
		t.Fatalf("a short answer: %+v, %v", sent, err)
	}
	d.Response.Actions = []chat.Action{{ID: "logs", Label: "Logs"}}
	sent, err = e.SendResponse(t.Context(), d)
	if err != nil || !sent.Held || len(sent.MessageIDs) != 1 {
		t.Fatalf("an answer with a button: %+v, %v", sent, err)
	}
	e.control(t, http.MethodPost, "send", map[string]any{"from": "4915112345678", "type": "tap", "title": "Show me", "context": sent.MessageIDs[0]}, nil)
	if tap := e.next(t); tap.Text != "" || tap.Metadata["shows_held"] != "true" || tap.Content.Interaction != nil {
		t.Errorf("%+v", tap)
	}
	d.LastInboundAt, d.Attempt = time.Now(), 2
	if sent, err = e.SendResponse(t.Context(), d); err != nil || sent.Held || len(sent.MessageIDs) != 1 {
		t.Errorf("after the tap: %+v, %v", sent, err)
	}
}
