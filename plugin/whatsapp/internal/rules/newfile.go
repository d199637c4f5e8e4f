package rules

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// headSize is how much of a file its type is seen in.
const headSize = 512

// NewFile prepares a file for its upload. Its type is the given one, else that of the name, else what its
// first bytes look like; pictures are always what they look like. size is -1 when not known.
func NewFile(content io.Reader, size int64, mimeType, filename string) (*graph.File, error) {
	r := bufio.NewReaderSize(content, headSize)
	head, err := r.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	f := &graph.File{Content: r, Size: size, Head: head, MimeType: MimeType(mimeType, filename), Filename: filename}
	if len(head) == 0 {
		f.Size = 0
	}
	switch seen := http.DetectContentType(head); {
	case isOpus(head):
		if f.MimeType == "" || strings.HasPrefix(f.MimeType, "audio/ogg") {
			f.MimeType = "audio/ogg; codecs=opus"
		}
	case strings.HasPrefix(seen, "image/") && (f.MimeType == "" || strings.HasPrefix(f.MimeType, "image/")):
		f.MimeType = seen
	case f.MimeType == "" && len(head) > 0:
		f.MimeType = MimeType(seen, "")
	}
	return f, nil
}

func isOpus(head []byte) bool {
	return strings.HasPrefix(string(head), "OggS") && strings.Contains(string(head), "OpusHead")
}

// isAnimated reports whether the first bytes are those of a WebP picture that moves.
func isAnimated(head []byte) bool {
	const animation = 0x02
	return len(head) > 20 && string(head[8:16]) == "WEBPVP8X" && head[20]&animation != 0
}

// Fits reports whether WhatsApp takes a file as that kind.
func Fits(kind chat.MediaType, f *graph.File) bool {
	return checkFile(kind, &graph.Media{File: f}) == nil
}

// IsVoice reports whether a file can be a voice message.
func IsVoice(f *graph.File) bool { return isOpus(f.Head) }
