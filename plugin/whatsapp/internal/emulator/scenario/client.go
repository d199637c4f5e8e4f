package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Client calls the control API of an emulator.
type Client struct {
	Address string // such as http://127.0.0.1:4004
	Token   string // the control token, if it wants one
	HTTP    http.Client
}

// call sends JSON and reads JSON.
func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("the step has no JSON form: %w", err)
		}
		content = bytes.NewReader(raw)
	}
	return c.send(ctx, method, "/_emulator/"+path, "application/json", content, into)
}

func (c *Client) send(ctx context.Context, method, path, kind string, content io.Reader, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.Address+path, content)
	if err != nil {
		return fmt.Errorf("the emulator's address: %w", err)
	}
	if content != nil {
		req.Header.Set("Content-Type", kind)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("the emulator cannot be reached: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("the emulator's answer broke off: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		var problem struct{ Error string }
		if json.Unmarshal(raw, &problem) != nil || problem.Error == "" {
			problem.Error = string(raw)
		}
		return errors.New(problem.Error)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("the emulator's answer cannot be read: %w", err)
	}
	return nil
}

// Ready waits until the emulator has shaken hands with the receiver of its webhooks.
func (c *Client) Ready(ctx context.Context) error {
	var last string
	for {
		var h struct{ State, Problem string }
		err := c.call(ctx, http.MethodPost, "handshake", struct{}{}, &h)
		switch {
		case err == nil && h.State == "done":
			return nil
		case err == nil && h.State == "failed":
			return fmt.Errorf("the webhook's handshake failed: %s", h.Problem)
		case err == nil:
			last = h.Problem
		case ctx.Err() == nil:
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the receiver of the webhooks is not ready: %s", last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Message is what a scenario needs of one.
type Message struct {
	ID        string              `json:"id"`
	From      string              `json:"from"`
	Direction string              `json:"direction"`
	State     string              `json:"state"`
	Posts     int                 `json:"posts"`
	Seq       int                 `json:"seq"`
	Used      string              `json:"used"`
	Edited    bool                `json:"edited"`
	Revoked   bool                `json:"revoked"`
	Error     *struct{ Code int } `json:"error"`
	Template  map[string]any      `json:"template"`
	Body      map[string]any      `json:"body"`
}

// Chat is what a scenario needs of one.
type Chat struct {
	ID       string              `json:"id"`
	Typing   bool                `json:"typing"`
	Window   struct{ Open bool } `json:"window"`
	Messages []Message           `json:"messages"`
}

func (c *Client) chat(ctx context.Context, name string) (chat Chat, err error) {
	err = c.call(ctx, http.MethodGet, "chat?limit=10000&user="+url.QueryEscape(name), nil, &chat)
	return chat, err
}
