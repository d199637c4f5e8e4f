package whatsapp_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/chat"
)

var (
	answerTemplate = &whatsapp.AnswerTemplate{Name: "agent_answer", Language: "en", Parameter: "answer"}
	noticeTemplate = &whatsapp.NoticeTemplate{Name: "answer_waits", Language: "en"}
)

// late is an answer to somebody who last wrote some time ago.
func late(ago time.Duration, r chat.Response) chat.Delivery {
	return chat.Delivery{
		ID: "d-1", Account: account, ChannelID: "4915112345678", Attempt: 1, Response: r, LastInboundAt: time.Now().Add(-ago),
	}
}

// outside returns what stands in for Meta and a platform that has templates.
func outside(t *testing.T, o *whatsapp.OutsideWindow) (*meta, *whatsapp.Platform) {
	t.Helper()
	m, _ := newMeta(t, nil)
	c := valid()
	c.APIBaseURL, c.OutsideWindow = m.URL, o
	return m, newPlatform(t, c)
}

// A free answer goes out for 24 hours and no longer.
func TestWindow(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	hi := chat.Response{Text: "hi"}
	for ago, open := range map[time.Duration]bool{
		time.Minute: true, 23*time.Hour + 59*time.Minute: true, 24 * time.Hour: false, 30 * 24 * time.Hour: false, -time.Hour: true,
	} {
		before := len(m.sent())
		_, err := p.SendResponse(t.Context(), late(ago, hi))
		if open {
			if err != nil || len(m.sent()) != before+1 {
				t.Errorf("%v: %v", ago, err)
			}
			continue
		}
		if err == nil || len(m.sent()) != before {
			t.Errorf("%v: sent", ago)
			continue
		}
		e := failure(t, err)
		if e.Reason != chat.ReasonWindowClosed || !e.Permanent || e.PlatformCode != "131047" || !strings.Contains(e.Hint, "outside_window") || e.Sent != chat.SentNo {
			t.Errorf("%v: %+v", ago, e)
		}
	}
	// Nobody knows when the user last wrote: Meta decides.
	d := late(0, hi)
	d.LastInboundAt = time.Time{}
	if _, err := p.SendResponse(t.Context(), d); err != nil {
		t.Error(err)
	}
	// Templates always get through.
	for _, r := range []chat.Response{
		{Template: &chat.Template{Name: "alert", Language: "en"}},
		{Native: []byte(`{"type":"template","template":{"name":"alert","language":{"code":"en"}}}`)},
	} {
		if _, err := p.SendResponse(t.Context(), late(48*time.Hour, r)); err != nil {
			t.Error(err)
		}
	}
	// All but a template is free.
	for name, r := range map[string]chat.Response{
		"a template and a text": {Text: "hi", Template: &chat.Template{Name: "alert", Language: "en"}},
		"a reaction":            {Reaction: &chat.Reaction{MessageID: "m", Emoji: "👍"}},
		"a file":                {Attachments: []chat.Attachment{{URL: "https://files.example/a"}}},
		"a list":                {Text: "x", Sections: []chat.Section{{Rows: []chat.Action{{ID: "a", Label: "A"}}}}},
	} {
		if _, err := p.SendResponse(t.Context(), late(48*time.Hour, r)); err == nil || failure(t, err).Reason != chat.ReasonWindowClosed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The window closes while time goes by, to the second.
func TestWindowCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := valid()
		c.APIBaseURL = "http://127.0.0.1:1" // refused there or here: the reasons tell
		p, err := whatsapp.New(c)
		if err != nil {
			t.Fatal(err)
		}
		d := late(0, chat.Response{Text: "hi"})
		time.Sleep(24*time.Hour - time.Second)
		if _, err := p.SendResponse(t.Context(), late(24*time.Hour-time.Second, d.Response)); chat.AsError(err).Reason == chat.ReasonWindowClosed {
			t.Error("closed early")
		}
		time.Sleep(time.Second)
		if _, err := p.SendResponse(t.Context(), d); chat.AsError(err).Reason != chat.ReasonWindowClosed {
			t.Errorf("%v", err)
		}
		_ = p.Close()
	})
}

// A short answer goes out as the parameter of a template, in one line.
func TestAnswerTemplate(t *testing.T) {
	t.Parallel()
	m, p := outside(t, &whatsapp.OutsideWindow{Answer: answerTemplate})
	sent, err := p.SendResponse(t.Context(), late(25*time.Hour, chat.Response{
		Text: "**All pods** run:\n\n- api\t\t3/3\n- web      2/2", Status: chat.StatusSuccess,
	}))
	if err != nil || sent.Held || len(sent.MessageIDs) != 1 {
		t.Fatalf("%+v, %v", sent, err)
	}
	want := `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","biz_opaque_callback_data":"d-1",` +
		`"type":"template","template":{"name":"agent_answer","language":{"code":"en"},"components":[{"type":"body","parameters":[` +
		`{"type":"text","parameter_name":"answer","text":"✅ *All pods* run: · - api 3/3 · - web 2/2"}]}]}}`
	if got := m.sent()[0]; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	var what []string
	for _, d := range sent.Degradations {
		what = append(what, d.What)
	}
	if d := cmp.Diff([]string{"text", "template"}, what); d != "" {
		t.Error(d)
	}
	// What does not fit there is refused as before, when there is no notice.
	for name, r := range map[string]chat.Response{
		"long":         {Text: strings.Repeat("word ", 200)},
		"with buttons": {Text: "x", Actions: []chat.Action{{ID: "a", Label: "A"}}},
		"a file":       {Text: "x", Attachments: []chat.Attachment{{URL: "https://files.example/a"}}},
	} {
		if _, err := p.SendResponse(t.Context(), late(25*time.Hour, r)); err == nil || failure(t, err).Reason != chat.ReasonWindowClosed {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(m.sent()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Any other answer is held behind a notice; the tap on it is no question, and the same delivery goes out then.
func TestNoticeTemplate(t *testing.T) {
	t.Parallel()
	m, p := outside(t, &whatsapp.OutsideWindow{Answer: answerTemplate, Notice: noticeTemplate})
	d := late(25*time.Hour, chat.Response{Text: strings.Repeat("word ", 200), Actions: []chat.Action{{ID: "a", Label: "A"}}})
	sent, err := p.SendResponse(t.Context(), d)
	if err != nil || !sent.Held || len(sent.MessageIDs) != 1 {
		t.Fatalf("%+v, %v", sent, err)
	}
	want := `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678",` +
		`"type":"template","template":{"name":"answer_waits","language":{"code":"en"},"components":[` +
		`{"type":"button","sub_type":"quick_reply","index":"0","parameters":[{"type":"payload","payload":"aofd:show"}]}]}}`
	if got := m.sent()[0]; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	// A second answer to the same person waits as well; one notice is enough.
	second := d
	second.ID = "d-2"
	if sent, err := p.SendResponse(t.Context(), second); err != nil || !sent.Held || len(m.sent()) != 1 {
		t.Errorf("%+v, %v, %d requests", sent, err, len(m.sent()))
	}
	// Another person has a notice of their own.
	other := d
	other.ChannelID = "4915187654321"
	if sent, err := p.SendResponse(t.Context(), other); err != nil || !sent.Held || len(m.sent()) != 2 {
		t.Errorf("%+v, %v", sent, err)
	}

	tap := live(`{"from":"4915112345678","id":"wamid.tap","timestamp":"1795305600","type":"button","button":{"payload":"aofd:show","text":"Show me"},` +
		`"context":{"from":"1555","id":"wamid.0"}}`)
	b, err := p.ParseMessage(t.Context(), signed(tap))
	if err != nil || len(b.Messages) != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	if got := b.Messages[0]; got.Text != "" || got.Content.Kind() != chat.KindText || got.Metadata["shows_held"] != "true" {
		t.Errorf("%+v", got)
	}

	d.LastInboundAt, d.Attempt = time.Now(), 2
	sent, err = p.SendResponse(t.Context(), d)
	if err != nil || sent.Held || len(sent.MessageIDs) != 1 || !strings.Contains(m.sent()[2], `"biz_opaque_callback_data":"d-1"`) {
		t.Errorf("%+v, %v", sent, err)
	}
	// Once the window has closed again, the user is told again.
	d.LastInboundAt = time.Now().Add(-24 * time.Hour)
	if sent, err := p.SendResponse(t.Context(), d); err != nil || !sent.Held || len(m.sent()) != 4 {
		t.Errorf("%+v, %v, %d requests", sent, err, len(m.sent()))
	}
}

// When the notice does not go out, nothing is held: the error says why, and no part of the answer is out.
func TestNoticeFails(t *testing.T) {
	t.Parallel()
	m := &meta{answer: failing(http.StatusNotFound, `{"error":{"message":"(#132001) Template name does not exist","code":132001}}`)}
	c := valid()
	c.OutsideWindow = &whatsapp.OutsideWindow{Notice: &whatsapp.NoticeTemplate{Name: "answer_waits", Language: "en", NoButton: true}}
	c.APIBaseURL = serve(t, m)
	p := newPlatform(t, c)
	for n := range 2 {
		sent, err := p.SendResponse(t.Context(), late(25*time.Hour, chat.Response{Text: "x"}))
		if err == nil || sent.Held || len(m.sent()) != n+1 {
			t.Fatalf("%+v, %v", sent, err)
		}
		if e := failure(t, err); e.PlatformCode != "132001" || len(e.MessageIDs) != 0 {
			t.Errorf("%+v", e)
		}
	}
	if got := m.sent()[0]; strings.Contains(got, "components") {
		t.Errorf("%s", got)
	}
}

func TestOutsideWindowConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o       whatsapp.OutsideWindow
		pointer string
	}{
		"nothing":        {whatsapp.OutsideWindow{}, "/outside_window"},
		"no name":        {whatsapp.OutsideWindow{Answer: &whatsapp.AnswerTemplate{Language: "en"}}, "/outside_window/answer"},
		"no language":    {whatsapp.OutsideWindow{Notice: &whatsapp.NoticeTemplate{Name: "n"}}, "/outside_window/notice"},
		"odd name":       {whatsapp.OutsideWindow{Notice: &whatsapp.NoticeTemplate{Name: "My Notice", Language: "en"}}, "/outside_window/notice"},
		"odd language":   {whatsapp.OutsideWindow{Notice: &whatsapp.NoticeTemplate{Name: "n", Language: "English"}}, "/outside_window/notice"},
		"far too much":   {whatsapp.OutsideWindow{Answer: &whatsapp.AnswerTemplate{Name: "n", Language: "en", Max: 1025}}, "/outside_window/answer/max"},
		"less than none": {whatsapp.OutsideWindow{Answer: &whatsapp.AnswerTemplate{Name: "n", Language: "en", Max: -1}}, "/outside_window/answer/max"},
	} {
		config := valid()
		config.OutsideWindow = &c.o
		found := false
		for _, d := range config.Validate() {
			found = found || d.Severity == chat.SeverityError && d.Pointer == c.pointer && d.Hint != ""
		}
		if !found {
			t.Errorf("%s: %+v", name, config.Validate())
		}
	}
	config := valid()
	config.OutsideWindow = &whatsapp.OutsideWindow{Answer: answerTemplate, Notice: noticeTemplate}
	for _, d := range config.Validate() {
		if d.Severity == chat.SeverityError {
			t.Errorf("%+v", d)
		}
	}
}
