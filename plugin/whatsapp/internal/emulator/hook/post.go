package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/fault"
)

// once posts and says what came of it. A problem is why the webhook counts as not taken.
func (p *Poster) once(d *delivery) (body []byte, a Attempt) {
	u := d.updates[0]
	a = Attempt{Webhook: d.id, Try: d.tries, At: p.config.Clock.Now(), What: u.What, Field: u.Field}
	if n := len(d.updates); n > 1 {
		a.What = fmt.Sprintf("%d updates, the first is the %s", n, u.What)
	}
	body = d.copyOf
	if body == nil {
		body = p.body(d)
	}
	sent, signature, slow, lost := body, Sign(p.config.Secret, body), time.Duration(0), false
	if d.tries == 1 {
		a.Fault = d.names
		sent, signature, slow, lost = p.spoil(d, body, signature)
	}
	a.Size, a.Signature, a.Body = len(sent), signature, string(sent)
	began := time.Now()
	status, answer, err := p.post(sent, signature, slow)
	a.Took, a.Status, a.Answer = time.Since(began).Round(100*time.Microsecond).String(), status, string(answer)
	switch {
	case err != nil:
		a.Problem = err.Error()
	case status != http.StatusOK:
		a.Problem = fmt.Sprintf("the answer was %d", status)
	case lost:
		a.Problem = "the answer 200 was lost, as a fault asked"
	}
	return body, a
}

func (p *Poster) body(d *delivery) []byte {
	if u := d.updates[0]; u.Raw != nil {
		return u.Raw
	}
	body := wrap(p.config.Account, d.shape, d.updates)
	for _, f := range d.faults {
		if f.Do == fault.Unknown {
			body = future(p.config.Account, d.updates[0], body)
		}
	}
	body = Style(body)
	for _, f := range d.faults {
		if f.Do == fault.Huge {
			body = grow(body)
		}
	}
	return body
}

// spoil breaks the first try as the faults ask.
func (p *Poster) spoil(d *delivery, body []byte, signature string) (sent []byte, header string, slow time.Duration, lost bool) {
	sent, header = body, signature
	for _, f := range d.faults {
		switch f.Do {
		case fault.BadSignature:
			header = Sign(p.config.Secret+"?", body)
		case fault.NoSignature:
			header = ""
		case fault.Truncated:
			sent = body[:len(body)*2/3]
		case fault.Split:
			if slow = time.Duration(f.After); slow == 0 {
				slow = 20 * time.Millisecond
			}
		case fault.Lost:
			lost = true
		}
	}
	return sent, header, slow, lost
}

func (p *Poster) post(body []byte, signature string, slow time.Duration) (status int, answer []byte, err error) {
	var content io.Reader = bytes.NewReader(body)
	if slow > 0 {
		content = &trickle{rest: body, piece: len(body)/pieces + 1, pause: slow, ctx: p.ctx}
	}
	req, err := http.NewRequestWithContext(p.ctx, http.MethodPost, p.config.Address, content)
	if err != nil {
		return 0, nil, fmt.Errorf("webhook: %w", err)
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "facebookexternalua")
	if signature != "" {
		req.Header.Set("X-Hub-Signature-256", signature)
	}
	return p.Do(req)
}

// trickle is a body that comes in pieces.
type trickle struct {
	rest  []byte
	piece int
	pause time.Duration
	ctx   context.Context
	begun bool
}

func (t *trickle) Read(b []byte) (int, error) {
	if len(t.rest) == 0 {
		return 0, io.EOF
	}
	if t.begun {
		select {
		case <-time.After(t.pause):
		case <-t.ctx.Done():
			return 0, context.Cause(t.ctx)
		}
	}
	t.begun = true
	n := copy(b, t.rest[:min(t.piece, len(t.rest))])
	t.rest = t.rest[n:]
	return n, nil
}

// Do calls the receiver and returns the beginning of its answer.
func (p *Poster) Do(req *http.Request) (status int, start []byte, err error) {
	res, err := p.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok && !errors.Is(err, context.Canceled) {
			err = u.Err // without the address, which may hold a token
		}
		return 0, nil, fmt.Errorf("the webhook's address cannot be reached: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	start, _ = io.ReadAll(io.LimitReader(res.Body, maxDrain))
	return res.StatusCode, start, nil
}
