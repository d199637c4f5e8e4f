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
		if d := levenshtein.Distance(plain(word), plain(c), nil); d < least {
			best, least = c, d
		}
	}
	return best
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
