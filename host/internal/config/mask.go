package config

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// hidden stands for what is not shown.
const hidden = "***"

// structure are the characters that show how a line is built and nothing of its values.
const structure = " \t-:,{}[]?"

// looksLikeKey is what may be shown of a line that could not be parsed.
var looksLikeKey = regexp.MustCompile(`^[\s-]*([A-Za-z_][\w.-]*)\s*:(?:\s|$)`)

// mask returns a line with its keys only, and where col, from 0, is now; -1 when it is nowhere.
func (s *source) mask(text []rune, line, col int) (masked []rune, at int) {
	at, done := -1, 0
	emit := func(to int, shown []rune) {
		if at < 0 && col >= done && (col < to || to == len(text)) {
			at = len(masked) + col - done
			if i := slices.Index(shown, '*'); i >= 0 {
				at = len(masked) + i
			}
		}
		masked, done = append(masked, shown...), to
	}
	for _, k := range s.keysIn(text, line) {
		emit(k.col, hide(text[done:k.col], done == 0, true))
		emit(k.col+utf8.RuneCountInString(k.text), []rune(k.text))
	}
	emit(len(text), hide(text[done:], done == 0, false))
	return masked, at
}

// hide returns what may be shown of the text before, between or after the keys of a line.
func hide(text []rune, first, more bool) []rune {
	rest := strings.TrimLeft(string(text), structure)
	if rest == "" {
		return text
	}
	out := ": " + hidden
	if first {
		out = strings.TrimSuffix(string(text), rest) + hidden
	}
	if more {
		out += ", "
	}
	return []rune(out)
}

// keysIn returns the keys of a line, with columns from 0, as far as the line really has them there.
func (s *source) keysIn(text []rune, line int) []token {
	known := slices.SortedFunc(slices.Values(s.keys[line]), func(a, b token) int { return a.col - b.col })
	if len(known) == 0 && s.opaque {
		if at := looksLikeKey.FindStringSubmatchIndex(string(text)); at != nil {
			known = []token{{at[2] + 1, string(text)[at[2]:at[3]]}}
		}
	}
	var out []token
	end := 0
	for _, k := range known {
		for _, shape := range []string{k.text, `"` + k.text + `"`, "'" + k.text + "'"} {
			col, n := k.col-1, utf8.RuneCountInString(shape)
			if col >= end && col+n <= len(text) && string(text[col:col+n]) == shape {
				out = append(out, token{col, shape})
				end = col + n
				break
			}
		}
	}
	return out
}
