package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
)

// maxDrain is what is read of an answer so that its connection can be used again.
const maxDrain = 64 << 10

// post delivers a webhook and tries again, with growing pauses, until the daemon answers 200. The body
// stays the same, byte by byte. posted, when given, is called before each try. It returns the last problem
// when all tries failed.
func (e *Emulator) post(body []byte, what string, posted func()) error {
	signature, delay := e.sign(body), e.settings.RetryDelay
	var err error
	for try := range e.settings.Tries {
		if try > 0 {
			if !e.pause(delay) {
				break
			}
			delay = min(2*delay, e.settings.MaxRetryDelay)
		}
		if posted != nil {
			posted()
		}
		if err = e.postOnce(body, signature); err == nil {
			return nil
		}
		if e.ctx.Err() != nil {
			break
		}
		if try == 0 {
			slog.Info("a webhook was not taken, it is tried again", "webhook", what, "error", err)
		}
	}
	if e.ctx.Err() == nil {
		slog.Warn("a webhook is not delivered, no more tries", "webhook", what, "tries", e.settings.Tries, "error", err)
	}
	if err == nil {
		err = e.ctx.Err()
	}
	return err
}

func (e *Emulator) postOnce(body []byte, signature string) error {
	req, err := http.NewRequestWithContext(e.ctx, http.MethodPost, e.settings.Webhook, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "facebookexternalua")
	req.Header.Set("X-Hub-Signature-256", signature)
	status, _, err := e.do(req)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the daemon answered %d", status)
	}
	return nil
}

// do calls the daemon and returns the beginning of its answer.
func (e *Emulator) do(req *http.Request) (status int, start []byte, err error) {
	res, err := e.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok && !errors.Is(err, context.Canceled) {
			err = u.Err // without the address, which may hold a token
		}
		return 0, nil, fmt.Errorf("the daemon cannot be reached: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	start, _ = io.ReadAll(io.LimitReader(res.Body, maxDrain))
	return res.StatusCode, start, nil
}
