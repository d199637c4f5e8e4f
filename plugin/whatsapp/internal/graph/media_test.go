package graph_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// form is what arrived of an upload.
type form struct {
	Fields           map[string]string
	Name, Type, Body string
	Length           int64
}

func readForm(t *testing.T, r *http.Request) form {
	t.Helper()
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		t.Error(err)
		return form{}
	}
	got := form{Fields: map[string]string{}, Length: r.ContentLength}
	parts := multipart.NewReader(r.Body, params["boundary"])
	for {
		p, err := parts.NextPart()
		if err != nil {
			return got
		}
		body, _ := io.ReadAll(p)
		if p.FormName() == "file" {
			got.Name, got.Type, got.Body = p.FileName(), p.Header.Get("Content-Type"), string(body)
		} else {
			got.Fields[p.FormName()] = string(body)
		}
	}
}

func TestUpload(t *testing.T) {
	t.Parallel()
	var got form
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v26.0/200300400500600/media" || r.Header.Get("Authorization") != "Bearer "+token {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		got = readForm(t, r)
		_, _ = io.WriteString(w, `{"id":4711}`)
	})
	for name, want := range map[string]string{
		"a.png": "a.png", "": "file", "../../etc/passwd": "passwd", `c:\x\y.pdf`: "y.pdf", "q\"\r\nX: 1": "q\"\r\nX: 1", "/": "file",
	} {
		for _, size := range []int64{5, -1} {
			id, err := c.Upload(t.Context(), graph.File{
				Content: strings.NewReader("bytes"), Size: size, MimeType: "image/png", Filename: name, MaxBytes: 5,
			})
			if err != nil || id != "4711" {
				t.Fatalf("%q: %q, %v", name, id, err)
			}
			if (got.Length > 0) != (size >= 0) {
				t.Errorf("the length was %d", got.Length)
			}
			got.Length = 0
			if d := cmp.Diff(form{
				Fields: map[string]string{"messaging_product": "whatsapp", "type": "image/png"}, Name: want, Type: "image/png", Body: "bytes",
			}, got); d != "" {
				t.Errorf("%q: %s", name, d)
			}
		}
	}
}

// A file that is not what it was said to be does not arrive as a whole one.
func TestUploadOfABadFile(t *testing.T) {
	t.Parallel()
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			t.Error("the request was whole")
		}
	})
	broken := errors.New("the disk is gone")
	for name, c2 := range map[string]struct {
		f    graph.File
		word string
	}{
		"too large":  {graph.File{Content: bytes.NewReader(make([]byte, 1<<20)), Size: -1, MaxBytes: 1 << 19, MimeType: "image/png"}, "more than 524288 bytes"},
		"longer":     {graph.File{Content: strings.NewReader("12345"), Size: 4, MimeType: "image/png"}, "4 bytes"},
		"shorter":    {graph.File{Content: strings.NewReader("123"), Size: 4, MimeType: "image/png"}, "4 bytes"},
		"unreadable": {graph.File{Content: iotest.ErrReader(broken), Size: -1, MimeType: "image/png"}, "the disk is gone"},
		"no type":    {graph.File{Content: strings.NewReader("x"), Size: 1, MimeType: "nonsense;"}, "MIME"},
	} {
		_, err := c.Upload(t.Context(), c2.f)
		e := chat.AsError(err)
		if e == nil || e.Reason != chat.ReasonContentRejected || !e.Permanent || e.Sent != chat.SentNo || !strings.Contains(e.Text, c2.word) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// Whatever happens to an upload, nobody got a message by it, so trying again is safe.
func TestUploadFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		want   chat.Reason
	}{
		"refused":  {400, `{"error":{"code":131053,"message":"no"}}`, chat.ReasonContentRejected},
		"gateway":  {502, `<html>`, chat.ReasonUpstreamError},
		"no id":    {200, `{}`, chat.ReasonUpstreamError},
		"hangs up": {0, ``, chat.ReasonUpstreamError},
	} {
		cl := client(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if c.status == 0 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		_, err := cl.Upload(t.Context(), graph.File{Content: strings.NewReader("x"), Size: 1, MimeType: "image/png"})
		if e := chat.AsError(err); e == nil || e.Reason != c.want || e.Sent != chat.SentNo {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestMark(t *testing.T) {
	t.Parallel()
	var got string
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)
		_, _ = io.WriteString(w, `{"success":true}`)
	})
	for typing, want := range map[bool]string{
		false: `{"messaging_product":"whatsapp","status":"read","message_id":"wamid.1"}`,
		true:  `{"messaging_product":"whatsapp","status":"read","message_id":"wamid.1","typing_indicator":{"type":"text"}}`,
	} {
		if err := c.Mark(t.Context(), "wamid.1", typing); err != nil || got != want {
			t.Errorf("%v: %s", err, got)
		}
	}
	for status, body := range map[int]string{400: `{"error":{"code":131009,"message":"no"}}`, 200: `{"success":false}`, 502: ``} {
		cl := client(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
		if e := chat.AsError(cl.Mark(t.Context(), "wamid.1", true)); e == nil || e.Sent != chat.SentNo {
			t.Errorf("%d: %+v", status, e)
		}
	}
}
