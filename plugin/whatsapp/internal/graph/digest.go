package graph

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// Digest returns a SHA-256 in lower-case hex, and "" for what is none. Meta writes it in base64 in some places and
// in hex in others.
func Digest(s string) string {
	if b, err := hex.DecodeString(s); err == nil && len(b) == sha256.Size {
		return strings.ToLower(s)
	}
	if b, err := base64.StdEncoding.DecodeString(s); err == nil && len(b) == sha256.Size {
		return hex.EncodeToString(b)
	}
	return ""
}
