package render

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

const (
	fence  = "```"
	reopen = fence + "\n"
	shut   = "\n" + fence
)

// Split cuts a text into parts of at most head characters, of which the last has at most tail (tail ≤ head,
// both at least 64). It cuts between paragraphs if it can, else between lines, sentences, words, and at
// last between graphemes. What it drops is white space at the cuts. A code block that is cut is closed
// and opened again.
func Split(text string, head, tail int) []string {
	var parts []string
	rest := text
	for length(rest) > tail {
		reserve := 0
		if strings.Contains(rest, fence) {
			reserve = len(reopen)
		}
		var i int
		if length(rest) <= head {
			i = cutForTail(rest, tail-reserve)
		} else {
			i = cutForHead(rest, head-reserve)
		}
		var part string
		part, rest = divide(rest, i)
		if strings.TrimSpace(rest) == "" && length(part) > tail {
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

// divide cuts at i and tidies both sides.
func divide(s string, i int) (part, rest string) {
	if strings.Count(s[:i], fence)%2 == 0 {
		return strings.TrimRightFunc(s[:i], unicode.IsSpace), skipBlank(s[i:])
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

// skipBlank drops white space at the start of s, but keeps the indentation of its first line.
func skipBlank(s string) string {
	trimmed := strings.TrimLeftFunc(s, unicode.IsSpace)
	blank := s[:len(s)-len(trimmed)]
	if i := strings.LastIndexByte(blank, '\n'); i >= 0 {
		return s[i+1:]
	}
	return trimmed
}

// cutForHead returns the best place to cut so that what is before it has at most most characters.
func cutForHead(s string, most int) int {
	n, half, end := 0, 0, len(s)
	for i, r := range s {
		if n <= most/2 {
			half = i
		}
		if n += units(r); n > most {
			end = i
			break
		}
	}
	best, quality := -1, 0
	for i := end; i > half; i-- {
		if q := rank(s, i); q > quality {
			best, quality = i, q
		}
	}
	if best > 0 {
		return best
	}
	return grapheme(s, half, end, true)
}

// cutForTail returns the best place to cut so that what is after it has at most most characters.
func cutForTail(s string, most int) int {
	n, start, half := 0, len(s), len(s)
	for start > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:start])
		if n += units(r); n > most {
			break
		}
		start -= size
		if n <= most/2 {
			half = start
		}
	}
	best, quality := -1, 0
	for i := start; i < half; i++ {
		if q := rank(s, i); q > quality {
			best, quality = i, q
		}
	}
	if best > 0 {
		return best
	}
	return grapheme(s, start, half, false)
}

// rank says how good a place to cut is before byte i: 4 between paragraphs, 3 lines, 2 sentences, 1 words,
// 0 for none.
func rank(s string, i int) int {
	if i <= 0 || i >= len(s) || !utf8.RuneStart(s[i]) {
		return 0
	}
	next, size := utf8.DecodeRuneInString(s[i:])
	previous, _ := utf8.DecodeLastRuneInString(s[:i])
	switch {
	case next == '\n':
		if line, _, more := strings.Cut(s[i+size:], "\n"); more && strings.TrimSpace(line) == "" {
			return 4
		}
		return 3
	case unicode.IsSpace(next) && strings.ContainsRune(".!?…:;", previous):
		return 2
	case strings.ContainsRune("。！？", previous):
		return 2
	case unicode.IsSpace(next):
		return 1
	}
	return 0
}

// grapheme returns a boundary of a grapheme between from and to, the last or the first one; if there is
// none, that end which the caller would rather have, as nothing else fits.
func grapheme(s string, from, to int, last bool) int {
	fallback := from
	if last {
		fallback = to
	}
	found, at, state := -1, 0, -1
	for rest := s; at < to && rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		at += len(cluster)
		if at > to || at >= len(s) {
			break
		}
		if at < from || at == from && last || inTicks(s, at) {
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
