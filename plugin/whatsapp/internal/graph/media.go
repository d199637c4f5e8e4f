package graph

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"path"
	"strings"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

// File is a file to upload.
type File struct {
	Content  io.Reader
	Size     int64 // bytes; -1 when not known
	MaxBytes int64 // more than that ends the upload; 0 for no bound
	MimeType string
	Filename string // may be empty
	Head     []byte // the first bytes of Content, if somebody had a look at them
}

// uploadRate is the slowest upload that is waited for, in bytes a second.
const uploadRate = 128 << 10

// Upload gives a file to Meta, which keeps it for 30 days, and returns its id. The content is streamed and
// never held as a whole. The error is a *chat.Error; nothing is sent to anybody by an upload.
func (c *Client) Upload(ctx context.Context, f File) (id string, err error) {
	head, tail, contentType, err := form(f)
	if err != nil {
		return "", &chat.Error{Reason: chat.ReasonContentRejected, Permanent: true, Text: err.Error(), Err: err}
	}
	content := &counted{r: f.Content, size: f.Size, most: f.MaxBytes}
	body := io.MultiReader(bytes.NewReader(head), content, bytes.NewReader(tail))
	size := int64(-1)
	if f.Size >= 0 {
		size = int64(len(head)) + f.Size + int64(len(tail))
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout+time.Duration(max(f.Size, 0)/uploadRate)*time.Second)
	defer cancel()
	a, err := c.call(ctx, http.MethodPost, c.endpoint+"/media", contentType, body, size)
	if content.err != nil {
		return "", &chat.Error{
			Reason: chat.ReasonContentRejected, Permanent: true, Text: "the file was not uploaded: " + content.err.Error(), Err: content.err,
			Hint: "look at the file and its size",
		}
	}
	if err != nil {
		return "", harmless(chat.AsError(err)) // at worst a file lies at Meta unused
	}
	type stored struct {
		ID Scalar `json:"id"`
	}
	got, failure := conclude(a, 1, func(s stored) bool { return s.ID != "" })
	if failure != nil {
		return "", harmless(failure)
	}
	return string(got.ID), nil
}

// form returns what stands around the file in a multipart body.
func form(f File) (head, tail []byte, contentType string, err error) {
	if kind, _, err := mime.ParseMediaType(f.MimeType); err != nil || !strings.Contains(kind, "/") {
		return nil, nil, "", fmt.Errorf("%.60q is no MIME type", f.MimeType)
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range [][2]string{{"messaging_product", product}, {"type", f.MimeType}} {
		if err := w.WriteField(field[0], field[1]); err != nil {
			return nil, nil, "", err
		}
	}
	header := textproto.MIMEHeader{}
	// FormatMediaType quotes and encodes the name, so that no name can end the header.
	header.Set("Content-Disposition", mime.FormatMediaType("form-data", map[string]string{"name": "file", "filename": f.name()}))
	header.Set("Content-Type", f.MimeType) // without one, Meta takes it for something else
	if _, err := w.CreatePart(header); err != nil {
		return nil, nil, "", err
	}
	head = bytes.Clone(b.Bytes())
	b.Reset()
	if err := w.Close(); err != nil {
		return nil, nil, "", err
	}
	return head, b.Bytes(), w.FormDataContentType(), nil
}

// name is what the file is called in the form; Meta wants some name.
func (f File) name() string {
	if base := path.Base(strings.ReplaceAll(f.Filename, `\`, "/")); f.Filename != "" && base != "." && base != "/" {
		return base
	}
	return "file"
}

// counted reads a file and remembers why it ended, other than by its end.
type counted struct {
	r    io.Reader
	n    int64
	size int64 // that was promised; -1 for none
	most int64 // 0 for no bound
	err  error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	switch {
	case c.most > 0 && c.n > c.most:
		c.err = fmt.Errorf("it has more than %d bytes", c.most)
	case c.size >= 0 && (c.n > c.size || c.n < c.size && err == io.EOF):
		c.err = fmt.Errorf("it has not the %d bytes that it was said to have", c.size)
	case err != nil && err != io.EOF:
		c.err = err
	default:
		return n, err
	}
	return n, c.err
}
