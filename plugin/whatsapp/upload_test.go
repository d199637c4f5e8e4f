package whatsapp_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/sdk/chat"
)

// A file that comes as bytes is uploaded before the message that shows it, and its id stands in the message.
func TestSendResponseUploads(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path != "/v26.0/"+account+"/media" {
			return false
		}
		_, _ = io.WriteString(w, `{"id":"4711"}`)
		return true
	})
	d := chat.Delivery{ID: "d", ChannelID: "4915112345678", Attempt: 1, Response: chat.Response{
		Text: "The log:", Attachments: []chat.Attachment{{Data: []byte("line 1"), MimeType: "text/plain", Filename: "pod.log", Caption: "all of it"}},
	}}
	sent, err := p.SendResponse(t.Context(), d)
	if err != nil || len(sent.MessageIDs) != 2 {
		t.Fatalf("%+v, %v", sent, err)
	}
	bodies := m.sent()
	if len(bodies) != 3 || !strings.Contains(bodies[0], "The log:") || !strings.Contains(bodies[1], "\r\n\r\nline 1\r\n--") {
		t.Fatalf("%q", bodies)
	}
	if want := `"type":"document","document":{"id":"4711","caption":"all of it","filename":"pod.log"}}`; !strings.HasSuffix(bodies[2], want) {
		t.Errorf("%s", bodies[2])
	}
	// What is out already is neither sent nor uploaded again.
	d.PartsSent = 2
	if sent, err := p.SendResponse(t.Context(), d); err != nil || !sent.Duplicate || len(m.sent()) != 3 {
		t.Errorf("%+v, %v", sent, err)
	}
}

// When the upload fails, the message that needs the file does not go out, and trying again is safe.
func TestUploadFails(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, func(w http.ResponseWriter, r *http.Request, n int) bool {
		return strings.HasSuffix(r.URL.Path, "/media") && failing(http.StatusServiceUnavailable, "busy")(w, r, n)
	})
	_, err := p.SendResponse(t.Context(), chat.Delivery{ChannelID: "4915112345678", Response: chat.Response{
		Text: "x", Attachments: []chat.Attachment{{Data: []byte("line"), MimeType: "text/plain"}},
	}})
	e := failure(t, err)
	if e.Reason != chat.ReasonUpstreamError || e.Permanent || e.Sent != chat.SentNo || len(e.MessageIDs) != 1 {
		t.Errorf("%+v", e)
	}
	if n := len(m.sent()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// Nothing of an answer goes out when Meta would refuse a part of it.
func TestNothingOfARefusedAnswer(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	_, err := p.SendResponse(t.Context(), chat.Delivery{ChannelID: "4915112345678", Response: chat.Response{
		Text: "fine", Template: &chat.Template{Name: "Not A Name", Language: "en"},
	}})
	if e := failure(t, err); e.PlatformCode != "132001" || e.Hint == "" || !e.Permanent {
		t.Errorf("%+v", e)
	}
	if n := len(m.sent()); n != 0 {
		t.Errorf("%d requests", n)
	}
}
