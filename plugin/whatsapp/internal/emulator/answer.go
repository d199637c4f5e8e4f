package emulator

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
)

// product is what Meta calls the thing in all bodies.
const product = "whatsapp"

// answer writes JSON. That the peer has gone is its own affair.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body)
}

// newID returns the id of a message. As with Meta's, base64 stands in it, so "/", "+" and "=" may occur.
func newID() string { return "wamid.HBgN" + random(28) }

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// newChallenge returns what the daemon has to repeat; Meta's are numbers.
func newChallenge() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b)
	return new(big.Int).SetBytes(b).String()
}
