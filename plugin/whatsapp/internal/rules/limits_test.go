package rules_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

// The two ways to count agree, and neither is below that of code points.
func TestLength(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "a", "äöü", "👩‍👩‍👧‍👦", "e\u0301", "好", "\xff", strings.Repeat("😀", 50)} {
		n := rules.Length(s)
		if want := len(utf16.Encode([]rune(s))); n != want || n < len([]rune(s)) {
			t.Errorf("%q has %d, want %d", s, n, want)
		}
		for most := range n + 3 {
			if got := rules.Longer(s, most); got != (n > most) {
				t.Errorf("%q is longer than %d: %v", s, most, got)
			}
		}
	}
}

func TestMimeType(t *testing.T) {
	t.Parallel()
	for in, want := range map[[2]string]string{
		{"image/jpg", ""}: "image/jpeg", {"IMAGE/PNG", ""}: "image/png", {"audio/mp3", ""}: "audio/mpeg", {"", "a.PDF"}: "application/pdf",
		{"", "pod.log"}: "text/plain", {"", "a.unknown"}: "", {"", ""}: "", {"text/csv", "a.pdf"}: "text/csv",
		{"text/plain; charset=utf-8", ""}: "text/plain; charset=utf-8", {"nonsense;", ""}: "nonsense",
	} {
		if got := rules.MimeType(in[0], in[1]); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind chat.MediaType
		mime string
		most uint64
	}{
		{chat.MediaImage, "image/png", 5 << 20},
		{chat.MediaImage, "image/gif", 0},
		{chat.MediaImage, "image/webp", 0},
		{chat.MediaVideo, "video/mp4", 16 << 20},
		{chat.MediaVideo, "video/webm", 0},
		{chat.MediaAudio, "audio/ogg; codecs=opus", 16 << 20},
		{chat.MediaAudio, "audio/wav", 0},
		{chat.MediaSticker, "image/webp", 500 << 10},
		{chat.MediaSticker, "image/png", 0},
		{chat.MediaDocument, "application/zip", 100 << 20},
		{chat.MediaDocument, "", 0},
		{chat.MediaDocument, "nonsense", 0},
	} {
		if most, ok := rules.Limit(c.kind, c.mime); most != c.most || ok != (c.most > 0) {
			t.Errorf("%s %q: %d %v", c.kind, c.mime, most, ok)
		}
	}
}

// A moving sticker may be larger than one that stands still.
func TestStickers(t *testing.T) {
	t.Parallel()
	webp := func(flags byte, size int) string {
		head := "RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + string([]byte{flags})
		return head + strings.Repeat("\x00", size-len(head))
	}
	for _, c := range []struct {
		content string
		fits    bool
	}{
		{webp(0, 100<<10), true}, {webp(0, 100<<10+1), false}, {webp(2, 100<<10+1), true}, {webp(2, 500<<10), true}, {webp(2, 500<<10+1), false},
	} {
		f, err := rules.NewFile(strings.NewReader(c.content), int64(len(c.content)), "image/webp", "")
		if err != nil {
			t.Fatal(err)
		}
		if got := rules.Fits(chat.MediaSticker, f); got != c.fits {
			t.Errorf("%d bytes: %v", len(c.content), got)
		}
	}
}
