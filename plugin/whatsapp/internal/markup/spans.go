package markup

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fence begins and ends a block of code.
const Fence = "```"

// hidden is what takes a mark its meaning.
const hidden = '\u200b'

// Span is a marked piece of a line: the byte offsets of its opening and its closing mark, each one byte long.
type Span struct {
	Open, Close int
	Mark        byte // one of * _ ~ `
}

// Spans finds the marks of one line that is not part of a block of code, as the app would: a span before
// those inside it.
func Spans(line string) []Span {
	if !strings.ContainsAny(line, "*_~`") {
		return nil
	}
	return spans(nil, line, 0, len(line))
}

func spans(found []Span, line string, from, to int) []Span {
	var never [utf8.RuneSelf]bool // marks that nothing closes any more; keeps the search linear
	for i := from; i < to; i++ {
		switch c := line[i]; c {
		case '`':
			if end := ticks(line, i, to); end > 0 {
				found = append(found, Span{i, end, c})
				i = end
			}
		case '*', '_', '~':
			if never[c] || !opens(line, i) {
				continue
			}
			end := closing(line, i, to)
			if never[c] = end == 0; never[c] {
				continue
			}
			found = append(found, Span{i, end, c})
			found = spans(found, line, i+1, end)
			i = end
		case 'h':
			i += max(address(line[i:to])-1, 0)
		}
	}
	return found
}

// closing returns where the mark at i ends, before to; 0 when it does not.
func closing(line string, i, to int) int {
	for j := i + 1; j < to; j++ {
		switch line[j] {
		case line[i]:
			if j > i+1 && closes(line, j) {
				return j
			}
		case '`': // code hides marks
			j = max(j, ticks(line, j, to))
		}
	}
	return 0
}

// ticks returns where the code that begins at i ends, before to; 0 when there is none.
func ticks(line string, i, to int) int {
	end := i + 1 + strings.IndexByte(line[i+1:to], '`')
	if end <= i+1 {
		return 0
	}
	first, _ := utf8.DecodeRuneInString(line[i+1:])
	last, _ := utf8.DecodeLastRuneInString(line[:end])
	if !inside(first) || !inside(last) {
		return 0
	}
	return end
}

// address returns the length of the web address that s begins with; marks in it have no meaning.
func address(s string) int {
	if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
		return 0
	}
	if end := strings.IndexFunc(s, unicode.IsSpace); end >= 0 {
		return end
	}
	return len(s)
}

func opens(line string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(line[:i])
	after, _ := utf8.DecodeRuneInString(line[i+1:])
	return (i == 0 || outside(before)) && i+1 < len(line) && inside(after)
}

func closes(line string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(line[:i])
	after, _ := utf8.DecodeRuneInString(line[i+1:])
	return i > 0 && inside(before) && (i+1 == len(line) || outside(after))
}

// outside reports whether a mark counts beside r: next to a word it does not.
func outside(r rune) bool {
	return r != hidden && !unicode.IsLetter(r) && !unicode.IsNumber(r)
}

// inside reports whether a mark may stand around r.
func inside(r rune) bool { return r != hidden && !unicode.IsSpace(r) }
