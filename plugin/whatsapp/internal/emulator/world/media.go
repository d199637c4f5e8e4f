package world

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/outbound"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

// Media is a file that a phone or the business put up.
type Media struct {
	ID       string    `json:"id"`
	Type     string    `json:"mime_type"`
	SHA256   string    `json:"sha256"` // hex
	Size     int       `json:"file_size"`
	Filename string    `json:"filename,omitempty"`
	FromUser bool      `json:"from_user"`
	Until    time.Time `json:"until"`
	Data     []byte    `json:"data"`
}

// How long media lives.
const (
	uploadedFor = 30 * 24 * time.Hour
	receivedFor = 7 * 24 * time.Hour
)

// MaxInbound is the largest file that a phone sends.
const MaxInbound = 100 << 20

const (
	kilo = 1 << 10
	mega = 1 << 20
)

// kinds are the types of files that Meta takes, as what, and how large.
var kinds = map[string]struct {
	as   string
	most int
}{
	"image/jpeg": {"image", 5 * mega}, "image/png": {"image", 5 * mega},
	"image/webp": {"sticker", 500 * kilo},
	"video/mp4":  {"video", 16 * mega}, "video/3gpp": {"video", 16 * mega}, "video/3gp": {"video", 16 * mega},
	"audio/aac": {"audio", 16 * mega}, "audio/amr": {"audio", 16 * mega}, "audio/mpeg": {"audio", 16 * mega},
	"audio/mp4": {"audio", 16 * mega}, "audio/ogg": {"audio", 16 * mega}, "audio/opus": {"audio", 16 * mega},
}

const (
	maxDocument      = 100 * mega
	maxStaticSticker = 100 * kilo
)

// CheckUpload says why a file that the business puts up is refused. Any type passes as a document.
func CheckUpload(contentType string, data []byte) error {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.Contains(kind, "/") {
		return refusal.Parameter("Param file must have a Content-Type, such as image/png - got %.60q", contentType)
	}
	of, known := kinds[kind]
	if !known {
		of.as, of.most = "document", maxDocument
	}
	most := of.most
	if kind == "image/webp" && !animated(data) {
		most = maxStaticSticker
	}
	switch {
	case len(data) == 0:
		return refusal.Parameter("Param file must not be empty")
	case len(data) > most:
		return refusal.New(131053, "the %s has %d bytes, Meta takes %d of type %s", of.as, len(data), most, kind)
	case !looksLike(kind, data):
		return refusal.New(131053, "Media upload error: the bytes are not of type %s", kind)
	}
	return nil
}

// looksLike compares the first bytes with what each type begins with. A type without such bytes passes.
func looksLike(kind string, data []byte) bool {
	at := func(i int, s string) bool { return len(data) >= i+len(s) && string(data[i:i+len(s)]) == s }
	switch kind {
	case "image/jpeg":
		return at(0, "\xff\xd8\xff")
	case "image/png":
		return at(0, "\x89PNG\r\n\x1a\n")
	case "image/webp":
		return at(0, "RIFF") && at(8, "WEBP")
	case "video/mp4", "video/3gpp", "video/3gp", "audio/mp4":
		return at(4, "ftyp")
	case "audio/ogg", "audio/opus":
		return at(0, "OggS")
	case "audio/amr":
		return at(0, "#!AMR")
	case "application/pdf":
		return at(0, "%PDF")
	}
	return true
}

func animated(data []byte) bool {
	const flag = 0x02 // of the extended header
	return len(data) > 20 && string(data[12:16]) == "VP8X" && data[20]&flag != 0
}

// IsOpus reports whether a file is a voice note: opus in ogg.
func IsOpus(contentType string, data []byte) bool {
	return strings.HasPrefix(contentType, "audio/ogg") && bytes.Contains(data[:min(len(data), 256)], []byte("OpusHead"))
}

// AddMedia keeps a file.
func (w *World) AddMedia(contentType, filename string, data []byte, fromUser bool) (Media, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if int64(len(data)) > w.bounds.MediaBytes {
		return Media{}, fmt.Errorf("%w: the file is larger than the %d bytes that are kept of all media", ErrState, w.bounds.MediaBytes)
	}
	sum := sha256.Sum256(data)
	m := &Media{
		ID: w.number(16), Type: contentType, SHA256: hex.EncodeToString(sum[:]), Size: len(data), Filename: filename,
		FromUser: fromUser, Until: w.now().Add(uploadedFor), Data: data,
	}
	if fromUser {
		m.Until = w.now().Add(receivedFor)
	}
	for w.mediaBytes += int64(m.Size); w.mediaBytes > w.bounds.MediaBytes; {
		w.dropMedia(w.state.Media[0])
	}
	w.state.Media = append(w.state.Media, m)
	w.files[m.ID] = m
	return *m, nil
}

func (w *World) dropMedia(m *Media) {
	w.mediaBytes -= int64(m.Size)
	delete(w.files, m.ID)
	w.state.Media = slices.DeleteFunc(w.state.Media, func(o *Media) bool { return o == m })
}

// Media returns a file that is not too old.
func (w *World) Media(id string) (Media, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.files[id]
	if m == nil || w.now().After(m.Until) {
		return Media{}, false
	}
	return *m, true
}

// DeleteMedia forgets a file.
func (w *World) DeleteMedia(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.files[id]
	if m == nil {
		return false
	}
	w.dropMedia(m)
	return true
}

// checkMedia looks up the files that a message names.
func (w *World) checkMedia(media []outbound.Media) error {
	for _, m := range media {
		if m.ID == "" {
			continue // Meta gets a link later
		}
		f := w.files[m.ID]
		if f == nil || w.now().After(f.Until) {
			return refusal.Parameter("Param %s['id'] is not a valid whatsapp business account media attachment ID", m.Kind)
		}
		kind, _, _ := mime.ParseMediaType(f.Type)
		of := kinds[kind].as
		switch {
		case m.Kind == "document": // takes anything
		case of != m.Kind:
			return refusal.Value("media %s is of type %s, which is no %s", m.ID, f.Type, m.Kind)
		case m.Voice && !IsOpus(f.Type, f.Data):
			return refusal.Value("media %s is no voice note: ogg with opus", m.ID)
		}
	}
	return nil
}
