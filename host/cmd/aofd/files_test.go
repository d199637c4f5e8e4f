package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// put puts a file on the phone's side of the emulator and returns its id.
func (b *bed) put(kind string, data []byte) string {
	b.Helper()
	res, err := http.Post("http://"+b.emulator+"/_emulator/media?filename=file", kind, bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out struct{ ID, Error string }
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.ID == "" {
		b.Fatalf("the file was not taken: %s %s %v", res.Status, out.Error, err)
	}
	return out.ID
}

// TestFilesOfMessages: an agent gets the file of a message, through the daemon and the real plugin, from the place
// that the platform names; and it is told why when there is none.
func TestFilesOfMessages(t *testing.T) {
	t.Parallel()
	files := map[string]string{"config.yaml": daemonHead + "  agents: {directory: agents}\n"}
	for _, name := range []string{"picture.yaml", "picture.py"} {
		files["agents/"+name] = string(mustRead(t, filepath.Join(root, "examples/agents/picture", name)))
	}
	b := newBed(t, files)
	b.emulate()
	b.serve()
	const user = "4915112345678"
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 640, 480))); err != nil {
		t.Fatal(err)
	}
	big := append(bytes.Clone(picture.Bytes()), make([]byte, 2<<20)...) // several pieces
	note := append([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x00\x00\x00\x00\x05\x06\x07\x08\x01\x13OpusHead\x01\x01"), make([]byte, 100)...)
	for i, c := range []struct {
		action map[string]any
		want   string
	}{
		{map[string]any{"type": "image", "media": b.put("image/png", picture.Bytes())}, fmt.Sprintf("A picture of 640 × 480: image/png, %d bytes", picture.Len())},
		{map[string]any{"type": "image", "media": b.put("image/png", big), "caption": "large"}, fmt.Sprintf("A picture of 640 × 480: image/png, %d bytes", len(big))},
		{map[string]any{"type": "audio", "media": b.put("audio/ogg; codecs=opus", note), "voice": true}, fmt.Sprintf("A voice note: audio/ogg, %d bytes", len(note))},
		{map[string]any{"type": "text", "text": "hello"}, "Send me a picture."},
	} {
		c.action["from"] = user
		b.phone(c.action)
		if got := string(b.answers(user, i+1)[i].Body); !strings.Contains(got, c.want) {
			t.Errorf("%v: %s, want %s", c.action, got, c.want)
		}
	}
	// A message whose file is not there any more.
	body := fmt.Sprintf(`{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"field":"messages","value":{`+
		`"messaging_product":"whatsapp","metadata":{"phone_number_id":"%s"},"messages":[{"from":"%s","id":"wamid.gone","type":"document",`+
		`"document":{"id":"404404","mime_type":"application/pdf","filename":"../a.pdf"}}]}}]}]}`, phoneNumberID, user)
	if code, answer := b.webhook(body); code != http.StatusOK {
		t.Fatal(code, answer)
	}
	if got := string(b.answers(user, 5)[4].Body); !strings.Contains(got, "I could not get it: Meta has no such file") {
		t.Errorf("a file that is gone: %s", got)
	}
	if log := b.daemon.out.String(); strings.Contains(log, "/media/") || strings.Contains(log, "lookaside") {
		t.Errorf("the log tells where files are:\n%s", log)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
