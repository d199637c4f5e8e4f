package render

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/markup"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
)

const (
	fence  = markup.Fence
	reopen = fence + "\n"
	shut   = "\n" + fence
	// room is kept in a part for what closes a block of code, or all marks that can be open in a line.
	room = len(reopen)
)

// Split cuts a text into parts of at most head characters, of which the last has at most tail (tail ≤ head,
// both at least 64). It cuts between paragraphs if it can, else between lines, sentences, words, and at
// last between graphemes. What it drops is white space at the cuts. A code block or a marked piece of text
// that is cut is closed and opened again.
func Split(text string, head, tail int) []string {
	var parts []string
	rest := text
	for rules.Longer(rest, tail) {
		c := newCutter(rest, head)
		var i int
		if rules.Longer(rest, head) {
			i = c.forHead(head - c.reserve)
		} else {
			i = c.forTail(tail - c.reserve)
		}
		var part string
		part, rest = c.divide(i)
		if strings.TrimSpace(rest) == "" && rules.Longer(part, tail) {
			rest = part // nothing but white space or the end of a code block stood behind it: it is the last part
			continue
		}
		if part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 || strings.TrimSpace(rest) != "" {
		parts = append(parts, rest)
	}
	return parts
}

// cutter looks for the place to cut a text.
type cutter struct {
	s       string
	marks   []markup.Span // of all lines outside code blocks, as far as a cut can come
	tears   map[int]bool  // where a cut would leave a mark with nothing to mark
	reserve int           // room for what closes marks
}

// newCutter finds the marks of the beginning of s, in which the cut will be.
func newCutter(s string, head int) *cutter {
	c := &cutter{s: s}
	const lookahead = 16 << 10 // bytes; a line is rarely longer, and a mark is not looked for further away
	near := s[:min(len(s), head*utf8.UTFMax+lookahead)]
	if !strings.ContainsAny(near, "*_~`") {
		return c
	}
	c.reserve, c.tears = room, map[int]bool{}
	at, inCode := 0, false
	for piece := range strings.SplitSeq(near, fence) {
		if at > head*utf8.UTFMax {
			break
		}
		if !inCode {
			from := at
			for line := range strings.SplitSeq(piece, "\n") {
				for _, m := range markup.Spans(line) {
					c.marks = append(c.marks, markup.Span{Open: from + m.Open, Close: from + m.Close, Mark: m.Mark})
					c.tears[from+m.Open+1], c.tears[from+m.Close] = true, true
				}
				from += len(line) + 1
			}
		}
		at, inCode = at+len(piece)+len(fence), !inCode
	}
	return c
}

// open returns the marks that are open at i, the outermost first.
func (c *cutter) open(i int) (marks string) {
	for _, m := range c.marks {
		if m.Open < i && i <= m.Close {
			marks += string(m.Mark)
		}
	}
	return marks
}

// divide cuts at i and tidies both sides.
func (c *cutter) divide(i int) (part, rest string) {
	s := c.s
	if strings.Count(s[:i], fence)%2 == 0 {
		part, rest = strings.TrimRightFunc(s[:i], unicode.IsSpace), skipBlank(s[i:])
		if marks := c.open(i); marks != "" {
			return part + backwards(marks), marks + strings.TrimLeftFunc(rest, unicode.IsSpace)
		}
		return part, rest
	}
	// The cut is inside a code block. One that has just begun had better begin in the rest.
	begin := strings.LastIndex(s[:i], fence)
	before := strings.TrimRightFunc(s[:begin], unicode.IsSpace)
	if before != "" && strings.TrimSpace(s[begin+len(fence):i]) == "" {
		return before, s[begin:]
	}
	part, rest = strings.TrimRightFunc(s[:i], unicode.IsSpace)+shut, s[i:]
	if strings.TrimSpace(rest) == "" {
		return part, ""
	}
	if after, ends := strings.CutPrefix(strings.TrimLeftFunc(rest, unicode.IsSpace), fence); ends {
		return part, skipBlank(after)
	}
	line, after, found := strings.Cut(rest, "\n")
	if found && strings.TrimSpace(line) == "" {
		rest = after
	}
	return part, reopen + rest
}

func backwards(marks string) string {
	b := []byte(marks)
	slices.Reverse(b)
	return string(b)
}

// skipBlank drops white space at the start of s, but keeps the indentation of its first line.
func skipBlank(s string) string {
	trimmed := strings.TrimLeftFunc(s, unicode.IsSpace)
	blank := s[:len(s)-len(trimmed)]
	if i := strings.LastIndexByte(blank, '\n'); i >= 0 {
		return s[i+1:]
	}
	return trimmed
}

// forHead returns the best place to cut so that what is before it has at most most characters.
func (c *cutter) forHead(most int) int {
	s := c.s
	n, half, end := 0, 0, len(s)
	for i, r := range s {
		if n <= most/2 {
			half = i
		}
		if n += rules.Units(r); n > most {
			end = i
			break
		}
	}
	best, quality := -1, 0
	for i := end; i > half; i-- {
		if q := c.rank(i); q > quality {
			best, quality = i, q
		}
	}
	if best > 0 {
		return best
	}
	return c.grapheme(half, end, true)
}

// forTail returns the best place to cut so that what is after it has at most most characters.
func (c *cutter) forTail(most int) int {
	s := c.s
	n, start, half := 0, len(s), len(s)
	for start > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:start])
		if n += rules.Units(r); n > most {
			break
		}
		start -= size
		if n <= most/2 {
			half = start
		}
	}
	best, quality := -1, 0
	for i := start; i < half; i++ {
		if q := c.rank(i); q > quality {
			best, quality = i, q
		}
	}
	if best > 0 {
		return best
	}
	return c.grapheme(start, half, false)
}

// rank says how good a place to cut is before byte i: 5 between paragraphs, 4 lines, 3 sentences, 2 words, 1
// words of a command, 0 for none.
func (c *cutter) rank(i int) int {
	s := c.s
	if i <= 0 || i >= len(s) || !utf8.RuneStart(s[i]) || s[i] < utf8.RuneSelf && s[i] > ' ' && s[i-1] < utf8.RuneSelf {
		return 0
	}
	q := c.between(i)
	if q > 0 && q < 4 && slices.ContainsFunc(c.marks, func(m markup.Span) bool { return m.Mark == '`' && m.Open < i && i <= m.Close }) {
		return 1
	}
	return q
}

func (c *cutter) between(i int) int {
	s := c.s
	next, size := utf8.DecodeRuneInString(s[i:])
	previous, _ := utf8.DecodeLastRuneInString(s[:i])
	switch {
	case next == '\n':
		if line, _, more := strings.Cut(s[i+size:], "\n"); more && strings.TrimSpace(line) == "" {
			return 5
		}
		return 4
	case c.tears[i]:
		return 0
	case unicode.IsSpace(next) && strings.ContainsRune(".!?…:;", previous):
		return 3
	case strings.ContainsRune("。！？", previous):
		return 3
	case unicode.IsSpace(next):
		return 2
	}
	return 0
}

// grapheme returns a boundary of a grapheme between from and to, the last or the first one; if there is
// none, that end which the caller would rather have, as nothing else fits.
func (c *cutter) grapheme(from, to int, last bool) int {
	const beyond = 64 // bytes that tell whether a grapheme ends before them
	s := c.s[:min(len(c.s), to+beyond)]
	fallback := from
	if last {
		fallback = to
	}
	found, at, state := -1, 0, -1
	for rest := s; at < to && rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		at += len(cluster)
		if at > to || at >= len(c.s) {
			break
		}
		if at < from || at == from && last || inTicks(s, at) || c.tears[at] {
			continue
		}
		found = at
		if !last {
			break
		}
	}
	if found > 0 {
		return found
	}
	return fallback
}

// inTicks reports whether a cut at i would tear a run of back-ticks apart.
func inTicks(s string, i int) bool { return s[i-1] == '`' && s[i] == '`' }
