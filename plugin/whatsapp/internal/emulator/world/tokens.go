package world

import (
	"crypto/subtle"
	"fmt"
	"slices"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

// The permissions of a token.
const (
	Messaging  = "whatsapp_business_messaging"
	Management = "whatsapp_business_management"
)

var allScopes = []string{Messaging, Management}

// Token opens the Graph API.
type Token struct {
	Token   string    `json:"token"`
	Scopes  []string  `json:"scopes"`
	Until   time.Time `json:"until,omitzero"` // zero: for ever
	Invalid bool      `json:"invalid"`
}

// AddToken keeps a token, or changes one.
func (w *World) AddToken(t Token) error {
	if t.Token == "" {
		return fmt.Errorf("token is empty")
	}
	if t.Scopes == nil {
		t.Scopes = allScopes
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state.Tokens = slices.DeleteFunc(w.state.Tokens, func(o *Token) bool { return o.Token == t.Token })
	if len(w.state.Tokens) >= maxTokens {
		return fmt.Errorf("%w: there are %d tokens already", ErrState, maxTokens)
	}
	w.state.Tokens = append(w.state.Tokens, &t)
	return nil
}

// Token returns what is known of a token; ok is false when nothing is.
func (w *World) Token(token string) (t Token, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range append(slices.Clone(w.state.Tokens), &w.token) {
		if subtle.ConstantTimeCompare([]byte(o.Token), []byte(token)) == 1 {
			return *o, true
		}
	}
	return t, false
}

// Authorize says why a token does not open what needs a scope. Its error is a *refusal.Refusal.
func (w *World) Authorize(token, scope string) error {
	t, ok := w.Token(token)
	const parse = "Invalid OAuth access token - Cannot parse access token"
	switch {
	case !ok:
		return refusal.Token(0, parse, "the token is neither that of --access-token nor one of the control API")
	case t.Invalid:
		return refusal.Token(467, "Error validating access token: The session is invalid because the user logged out.", "the token was made invalid")
	case !t.Until.IsZero() && w.now().After(t.Until):
		return refusal.Token(463, fmt.Sprintf("Error validating access token: Session has expired on %s. The current time is %s.",
			t.Until.Format(time.RFC1123), w.now().Format(time.RFC1123)), "the token has expired")
	case slices.Contains(t.Scopes, scope):
		return nil
	case scope == Messaging:
		return refusal.New(10, "the token lacks %s", scope)
	}
	return refusal.New(200, "the token lacks %s", scope)
}
