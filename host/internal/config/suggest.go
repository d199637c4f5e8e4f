package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// nearest returns the candidate that word was probably meant to be, or nothing.
func nearest(word string, candidates []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		d := levenshtein.Distance(plain(word), plain(c), nil)
		if d > 1 && letters(word) == letters(c) {
			d = 1 // two letters changed places
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// letters are the letters of a word in the order of the alphabet.
func letters(word string) string {
	runes := []rune(plain(word))
	slices.Sort(runes)
	return string(runes)
}

// plain drops what people vary in the spelling of a name.
func plain(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// didYouMean is a hint, or nothing.
func didYouMean(word string, candidates []string) string {
	if n := nearest(word, candidates); n != "" {
		return fmt.Sprintf("did you mean %s?", n)
	}
	return ""
}
