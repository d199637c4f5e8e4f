package markup

import (
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/util"
)

// unescape resolves back-slashes and entities of Markdown text.
func unescape(s string) string {
	if !strings.ContainsAny(s, `\&`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && isPunctuation(s[i+1]):
			i++
			b.WriteByte(s[i])
		case c == '&':
			n := entity(s[i:])
			b.Write(util.ResolveEntityNames(util.ResolveNumericReferences([]byte(s[i : i+n]))))
			i += n - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// entity returns the length of the entity that s begins with, or 1.
func entity(s string) int {
	const longest = 40
	for i := 1; i < len(s) && i < longest; i++ {
		c := s[i]
		switch {
		case c == ';':
			return i + 1
		case c == '#' && i == 1, '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		default:
			return 1
		}
	}
	return 1
}

func isPunctuation(c byte) bool {
	return '!' <= c && c <= '/' || ':' <= c && c <= '@' || '[' <= c && c <= '`' || '{' <= c && c <= '~'
}

// clean makes valid UTF-8 with line breaks of one kind and without NUL.
func clean(s string) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.NewReplacer("\r", "\n", "\x00", string(utf8.RuneError)).Replace(s)
}
