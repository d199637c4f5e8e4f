package emulator

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// patientTries is how many tries may fail before it is told.
const patientTries = 5

// handshake asks the daemon to prove that it knows the verify token, as Meta does when an address is
// registered. It asks until the daemon gives an answer of its own, and prints what came of it.
func (e *Emulator) handshake(out io.Writer) {
	delay := max(e.settings.RetryDelay, minHandshakeDelay)
	for try := 1; ; try++ {
		done, problem := e.shakeOnce()
		switch {
		case e.ctx.Err() != nil:
			return
		case done && problem == nil:
			fmt.Fprintf(out, "Webhook handshake: done, %s is ready\n", e.settings.Webhook)
			return
		case done:
			fmt.Fprintf(out, "Webhook handshake: failed, %v\n", problem)
			return
		case try == patientTries: // a daemon that was started together with the emulator is up by now
			fmt.Fprintf(out, "Webhook handshake: waiting for %s (%v)\n", e.settings.Webhook, problem)
		}
		if !e.pause(delay) {
			return
		}
		delay = min(2*delay, max(e.settings.MaxRetryDelay, minHandshakeDelay))
	}
}

// shakeOnce asks once. done is false while the daemon is not up.
func (e *Emulator) shakeOnce() (done bool, problem error) {
	address, err := url.Parse(e.settings.Webhook)
	if err != nil {
		return true, fmt.Errorf("the address is wrong: %w", err)
	}
	challenge := newChallenge()
	query := address.Query()
	query.Set("hub.mode", "subscribe")
	query.Set("hub.challenge", challenge)
	query.Set("hub.verify_token", e.settings.VerifyToken)
	address.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(e.ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return true, fmt.Errorf("the address is wrong: %w", err)
	}
	status, body, err := e.do(req)
	switch {
	case err != nil:
		return false, err
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return true, fmt.Errorf("the daemon answered %d: is its verify token the one of --verify-token?", status)
	case status != http.StatusOK:
		return false, fmt.Errorf("the daemon answered %d", status)
	case string(body) != challenge:
		return true, fmt.Errorf("the daemon did not repeat the challenge but answered %.40q", body)
	}
	return true, nil
}
