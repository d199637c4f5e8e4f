package webhook

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxFilename = 255 // bytes, what file systems take

// Filename makes the name that a user gave to a file safe to show and to store: the last element of a
// path, without control and formatting characters. It is empty when nothing is left.
func Filename(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		// Formatting characters can turn the reading order, so that "gpj.exe" shows as "exe.jpg".
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	name = strings.TrimSpace(name)
	if strings.Trim(name, ". ") == "" {
		return ""
	}
	return clipName(name)
}

// clipName shortens the stem of a name and keeps its extension.
func clipName(name string) string {
	if len(name) <= maxFilename {
		return name
	}
	ext := ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= 16 {
		name, ext = name[:i], name[i:]
	}
	cut := maxFilename - len(ext)
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + ext
}
