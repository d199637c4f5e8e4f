package render_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/render"
)

func TestShorten(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                        "",
		"restart":                 "restart",
		"exactly ten":             "exactly t…",
		"0123456789":              "0123456789",
		"01234567890":             "012345678…",
		" two\n lines ":           "two lines",
		"cut at end of":           "cut at en…",
		"cut here, at a space":    "cut here,…",
		"a word  and":             "a word and",
		"🇩🇪🇫🇷🇮🇹":                  "🇩🇪🇫🇷…",
		"abcdefgh\u0301\u0302ijk": "abcdefg…",
	} {
		if got := render.Shorten(in, 10); got != want {
			t.Errorf("Shorten(%q) = %q, want %q", in, got, want)
		}
	}
	// A family is one grapheme of eleven characters. It does not fit, so it is taken apart between code points.
	if got := render.Shorten("👩‍👩‍👧‍👦", 10); utf16Len(got) > 10 || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("%q has %d characters", got, utf16Len(got))
	}
}

func TestTitles(t *testing.T) {
	t.Parallel()
	long := "restart the deployment "
	for name, c := range map[string]struct {
		in, want []string
		changed  int
	}{
		"different ones stay": {[]string{"yes", "no"}, []string{"yes", "no"}, 0},
		"white space is no change": {
			[]string{" yes ", "n\to"}, []string{"yes", "n o"}, 0,
		},
		"the same twice":      {[]string{"ok", "ok", "ok"}, []string{"ok", "ok 2", "ok 3"}, 2},
		"the same when short": {[]string{long + "A", long + "B"}, []string{"restart the deploym…", "restart the deplo… 2"}, 2},
		"a number that is taken": {
			[]string{"ok 2", "ok", "ok"}, []string{"ok 2", "ok", "ok 3"}, 1,
		},
		"wrong UTF-8": {[]string{"a\xff"}, []string{"a\uFFFD"}, 0},
	} {
		got, changed := render.Titles(c.in, 20)
		if !slices.Equal(got, c.want) || changed != c.changed {
			t.Errorf("%s: %q with %d changed, want %q with %d", name, got, changed, c.want, c.changed)
		}
	}
}

// Ten rows that begin alike are still ten different rows.
func TestTitlesManyAlike(t *testing.T) {
	t.Parallel()
	for _, label := range []string{strings.Repeat("x", 100), strings.Repeat("😀", 60), "x", strings.Repeat("🇩🇪", 12)} {
		got, _ := render.Titles(slices.Repeat([]string{label}, 12), 24)
		seen := map[string]bool{}
		for _, title := range got {
			if seen[title] || utf16Len(title) > 24 || title == "" {
				t.Errorf("%q stands twice, is empty or has %d characters", title, utf16Len(title))
			}
			seen[title] = true
		}
	}
}
