package emulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// attachments is the path of files; Meta has a host of its own for them.
const attachments = "/whatsapp_business/attachments/"

// linkFor is how long the address of a file works.
const linkFor = 5 * time.Minute

// upload is POST /{phone number id}/media.
func (e *Emulator) upload(c *graphCall) (any, error) {
	if err := e.ofNumber(c, world.Messaging); err != nil {
		return nil, err
	}
	f, err := readForm(c)
	c.raw = []byte("(multipart)")
	if err != nil {
		return nil, err
	}
	switch {
	case f.product != product:
		return nil, refusal.Parameter("The parameter messaging_product is required.")
	case f.data == nil:
		return nil, refusal.Parameter("The parameter file is required.")
	case f.kind == "":
		f.kind = f.fileKind
	}
	if f.fileKind == "" || f.fileKind == "application/octet-stream" && f.kind != f.fileKind {
		return nil, refusal.New(131053, "the file has no Content-Type of its own in the multipart body")
	}
	if err := world.CheckUpload(f.kind, f.data); err != nil {
		return nil, err
	}
	m, err := e.world.AddMedia(f.kind, f.name, f.data, false)
	if err != nil {
		return nil, refusal.New(131053, "%v", err)
	}
	return map[string]string{"id": m.ID}, nil
}

type form struct {
	product, kind, fileKind, name string
	data                          []byte
}

func readForm(c *graphCall) (f form, err error) {
	kind, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return f, refusal.Parameter("the Content-Type must be multipart/form-data")
	}
	parts := multipart.NewReader(bytes.NewReader(c.raw), params["boundary"])
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return f, nil
		}
		if err != nil {
			return f, refusal.Parameter("the multipart body cannot be read: %v", err)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return f, refusal.Parameter("the multipart body broke off")
		}
		switch part.FormName() {
		case "messaging_product":
			f.product = string(data)
		case "type":
			f.kind = string(data)
		case "file":
			f.data, f.name, f.fileKind = data, part.FileName(), part.Header.Get("Content-Type")
		default:
			return f, refusal.Parameter("Unexpected key %.40q on a media upload", part.FormName())
		}
	}
}

// mediaInfo is GET /{media id}.
func (e *Emulator) mediaInfo(c *graphCall, m world.Media) (any, error) {
	if err := e.mediaOf(c); err != nil {
		return nil, err
	}
	return struct {
		Product string `json:"messaging_product"`
		URL     string `json:"url"`
		Type    string `json:"mime_type"`
		SHA256  string `json:"sha256"`
		Size    int    `json:"file_size"`
		ID      string `json:"id"`
	}{product, e.link(m), m.Type, m.SHA256, m.Size, m.ID}, nil
}

// mediaOf says why a call about a file may not be made.
func (e *Emulator) mediaOf(c *graphCall) error {
	if err := e.authorize(c, world.Messaging); err != nil {
		return err
	}
	if id := c.URL.Query().Get("phone_number_id"); id != "" && id != e.settings.PhoneNumberID {
		return refusal.Object(c.Method, c.PathValue("id"), "phone_number_id is not the one of --phone-number-id")
	}
	return nil
}

// link returns the address of a file, which works for five minutes.
func (e *Emulator) link(m world.Media) string {
	until := strconv.FormatInt(e.clock.Now().Add(linkFor).Unix(), 10)
	base, _ := e.base.Load().(string)
	q := url.Values{"mid": {m.ID}, "ext": {until}, "hash": {e.linkHash(m.ID, until)}}
	return base + attachments + "?" + q.Encode()
}

func (e *Emulator) linkHash(id, until string) string {
	mac := hmac.New(sha256.New, e.linkKey)
	_, _ = io.WriteString(mac, id+" "+until)
	return "ATt" + hex.EncodeToString(mac.Sum(nil))[:40]
}

// download is the address of a file. It wants the token, as Meta's does, and serves ranges.
func (e *Emulator) download(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	id, until := q.Get("mid"), q.Get("ext")
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch end, err := strconv.ParseInt(until, 10, 64); {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "", http.StatusMethodNotAllowed)
		return
	case e.world.Authorize(token, world.Messaging) != nil:
		http.Error(w, "", http.StatusUnauthorized)
		return
	case err != nil || !hmac.Equal([]byte(q.Get("hash")), []byte(e.linkHash(id, until))):
		http.Error(w, "", http.StatusForbidden)
		return
	case !e.clock.Now().Before(time.Unix(end, 0)):
		http.Error(w, "", http.StatusNotFound)
		return
	}
	e.file(w, r, id)
}

// file serves the bytes of a file.
func (e *Emulator) file(w http.ResponseWriter, r *http.Request, id string) {
	m, ok := e.world.Media(id)
	if !ok {
		http.Error(w, "", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", m.Type)
	w.Header().Set("ETag", `"`+m.SHA256+`"`)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox") // whatever it is, it is no page of ours
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": m.Filename}))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.Data))
}

// getObject is GET /{id} of what has an id.
func (e *Emulator) getObject(c *graphCall) (any, error) {
	id := c.PathValue("id")
	if m, ok := e.world.Media(id); ok {
		return e.mediaInfo(c, m)
	}
	if t, ok := e.world.Template(id); ok {
		if err := e.authorize(c, world.Management); err != nil {
			return nil, err
		}
		return fields(t, c.URL.Query().Get("fields"))
	}
	return e.manageGet(c)
}

// postObject is POST /{id} of what has an id.
func (e *Emulator) postObject(c *graphCall) (any, error) {
	if _, ok := e.world.Template(c.PathValue("id")); ok {
		return e.editTemplate(c)
	}
	return e.managePost(c)
}

// deleteObject is DELETE /{id}; only files have it.
func (e *Emulator) deleteObject(c *graphCall) (any, error) {
	id := c.PathValue("id")
	if _, ok := e.world.Media(id); !ok {
		return nil, refusal.Object(c.Method, id, "there is no media with that id, or it has expired")
	}
	if err := e.mediaOf(c); err != nil {
		return nil, err
	}
	e.world.DeleteMedia(id)
	return success, nil
}
