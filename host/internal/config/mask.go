package config

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// hidden stands for what is not shown.
const hidden = "***"

// structure are the characters that show how a line is built and nothing of its values.
const structure = " \t-:,{}[]?"

// looksLikeKey finds the key of a line that could not be parsed.
var looksLikeKey = regexp.MustCompile(`^[\s-]*([A-Za-z_][\w-]*)\s*:(?:\s|$)`)

// word is a key that may be shown in a line that may hold secrets. A secret with a colon in it can come to
// stand in the place of a key, but secrets are more than words.
var word = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)

func harmless(key string) bool { return keyNames[key] || len(key) <= 40 && word.MatchString(key) }

// keyLike is what keys look like. All else that is in the place of a key may be a secret.
var keyLike = regexp.MustCompile(`^[A-Za-z_][\w.-]{0,63}$`)

// nameOf returns what may be shown of a key that nobody knows, and what to do when it is no key. In {a:b} the
// key is "a:b", and in {a} it is a.
func (s *source) nameOf(key *yaml.Node) (name, hint string) {
	if before, _, colon := strings.Cut(key.Value, ":"); colon && keyLike.MatchString(before) {
		return before + ":" + hidden, "put a space behind the colon"
	}
	if !keyLike.MatchString(key.Value) || !s.hasColon(key) {
		return hidden, ""
	}
	return key.Value, ""
}

// hasColon reports whether a colon follows a key in its line.
func (s *source) hasColon(key *yaml.Node) bool {
	if key.Line < 1 || key.Line > len(s.lines) || len(s.lines[key.Line-1]) > maxRead {
		return false
	}
	_, ok := shapeOf([]rune(s.lines[key.Line-1]), token{key.Column, key.Value})
	return ok
}

// shapeOf returns a key as it stands in a line, with its quotes. It is not ok when the line has something else
// there, or no colon behind it.
func shapeOf(text []rune, k token) (shape string, ok bool) {
	for _, shape := range []string{k.text, `"` + k.text + `"`, "'" + k.text + "'"} {
		from, n := k.col-1, utf8.RuneCountInString(shape)
		if from >= 0 && from+n <= len(text) && string(text[from:from+n]) == shape {
			return shape, strings.HasPrefix(strings.TrimLeft(string(text[from+n:]), " \t"), ":")
		}
	}
	return "", false
}

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
	keys := slices.SortedFunc(slices.Values(s.keys[line]), func(a, b token) int { return a.col - b.col })
	if len(keys) == 0 && s.opaque {
		if at := looksLikeKey.FindStringSubmatchIndex(string(text)); at != nil {
			keys = []token{{at[2] + 1, string(text)[at[2]:at[3]]}}
		}
	}
	var out []token
	end := 0
	for _, k := range keys {
		if shape, ok := shapeOf(text, k); ok && k.col-1 >= end && harmless(k.text) {
			out = append(out, token{k.col - 1, shape})
			end = k.col - 1 + utf8.RuneCountInString(shape)
		}
	}
	return out
}
