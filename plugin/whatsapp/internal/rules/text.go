package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// fullObject reports whether raw is a JSON object with members.
func fullObject(raw json.RawMessage) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(bytes.TrimSpace(raw), &members) == nil && len(members) > 0
}

// withoutEmoji reports whether a text has no emoji.
func withoutEmoji(s string) bool {
	for _, r := range s {
		if r >= 0x2190 && r <= 0x2BFF || r >= 0x1F000 || r == 0xFE0F {
			return false
		}
	}
	return true
}

// size is a number of bytes as people say it.
func size(n uint64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
