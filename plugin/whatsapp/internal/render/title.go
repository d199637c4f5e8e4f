package render

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
)

const ellipsis = "…"

// Shorten returns s in one line of at most most characters; what is cut off is whole graphemes, with "…" in
// their place.
func Shorten(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if rules.Length(s) <= most {
		return s
	}
	return strings.TrimSpace(prefix(s, most-rules.Length(ellipsis))) + ellipsis
}

// prefix returns the whole graphemes that fit into most characters; code points when the first grapheme
// does not fit.
func prefix(s string, most int) string {
	n, end, state := 0, 0, -1
	for rest := s; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if n += rules.Length(cluster); n > most {
			break
		}
		end += len(cluster)
	}
	if end > 0 {
		return s[:end]
	}
	n = 0
	for i, r := range s {
		if n += rules.Units(r); n > most {
			return s[:i]
		}
	}
	return s
}

// Titles shortens labels and keeps them different from each other, by a number at the end where needed.
// changed counts those that do not say any more what they said.
func Titles(labels []string, most int) (titles []string, changed int) {
	used := make(map[string]bool, len(labels))
	for _, l := range labels {
		l = strings.ToValidUTF8(l, string(utf8.RuneError))
		t := Shorten(l, most)
		for n := 2; used[t]; n++ {
			suffix := " " + strconv.Itoa(n)
			t = Shorten(l, most-len(suffix)) + suffix
		}
		if t != strings.Join(strings.Fields(l), " ") {
			changed++
		}
		used[t] = true
		titles = append(titles, t)
	}
	return titles, changed
}
