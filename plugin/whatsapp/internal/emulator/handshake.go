package emulator

import (
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"sync"
)

// patientTries is how many tries may fail before it is told.
const patientTries = 5

// The states of the handshake.
const (
	shakeWaiting = "waiting"
	shakeDone    = "done"
	shakeFailed  = "failed"
)

// shake is how the handshake stands.
type shake struct {
	State   string `json:"state"`
	Problem string `json:"problem"`
}

type handshakeState struct {
	mu sync.Mutex
	shake
}

func (h *handshakeState) get() shake {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shake
}

func (e *Emulator) shook(state string, problem error) shake {
	s := shake{State: state}
	if problem != nil {
		s.Problem = problem.Error()
	}
	e.handshake.mu.Lock()
	e.handshake.shake = s
	e.handshake.mu.Unlock()
	e.journal.Add("handshake", s)
	return s
}

// shakeHands asks the receiver to prove that it knows the verify token, as Meta does when an address is
// registered. It asks until the receiver gives an answer of its own, and prints what came of it.
func (e *Emulator) shakeHands(say func(shake)) {
	delay := max(e.settings.RetryDelay, minHandshakeDelay)
	for try := 1; ; try++ {
		done, problem := e.shakeOnce()
		switch {
		case e.poster.Context().Err() != nil:
			return
		case done && problem == nil:
			say(e.shook(shakeDone, nil))
			return
		case done:
			say(e.shook(shakeFailed, problem))
			return
		case try == patientTries: // a daemon that was started together with the emulator is up by now
			say(e.shook(shakeWaiting, problem))
		}
		if !e.pause(delay, nil) {
			return
		}
		delay = min(2*delay, max(e.settings.MaxRetryDelay, minHandshakeDelay))
	}
}

// shakeNow asks once and says what came of it.
func (e *Emulator) shakeNow() shake {
	done, problem := e.shakeOnce()
	switch {
	case problem == nil:
		return e.shook(shakeDone, nil)
	case done:
		return e.shook(shakeFailed, problem)
	}
	return e.shook(shakeWaiting, problem)
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
	req, err := http.NewRequestWithContext(e.poster.Context(), http.MethodGet, address.String(), nil)
	if err != nil {
		return true, fmt.Errorf("the address is wrong: %w", err)
	}
	status, body, err := e.poster.Do(req)
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

// newChallenge returns what the receiver has to repeat; Meta's are numbers.
func newChallenge() string { return new(big.Int).SetBytes(randomBytes(8)).String() }
