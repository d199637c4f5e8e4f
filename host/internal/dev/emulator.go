package dev

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tmaxmax/go-sse"

	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/sdk/chat"
)

// readyTimeout is how long an emulator may take to start.
const readyTimeout = 15 * time.Second

// emulator stands in for one platform.
type emulator struct {
	platform string
	child    *child
	ready    readyLine
	client   http.Client

	mu     sync.Mutex
	faults map[string]string // ids that the emulator gave, by our id of a fault
}

// readyLine is what an emulator prints first.
type readyLine struct {
	Event   string            `json:"event"`
	Page    string            `json:"page"`
	Control string            `json:"control"`
	Config  map[string]string `json:"config"`
}

// emulators returns the plugins in the folders that have an emulator, and why others are not used.
func emulators(ctx context.Context, dirs []string) (out []catalog.Found, refused []string, err error) {
	found, err := catalog.Find(dirs)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range found {
		if f.Kind != chat.PluginPlatform {
			continue
		}
		if f.Refused != "" {
			refused = append(refused, f.Path+": "+f.Refused)
			continue
		}
		info, err := catalog.Manifest(ctx, f)
		if err != nil {
			refused = append(refused, err.Error())
			continue
		}
		if slices.Contains(info.Capabilities, chat.CapEmulator) {
			out = append(out, f)
		}
	}
	return out, refused, nil
}

// startEmulator starts the emulator of a plugin, which posts webhooks to the daemon at an address.
func startEmulator(ctx context.Context, f catalog.Found, webhooks string, stderr io.Writer) (*emulator, error) {
	out, in := io.Pipe()
	c, err := spawn(f.Path, []string{
		"emulate", "--json", "--listen", "127.0.0.1:0", "--webhook", "http://" + webhooks + "/webhook/" + f.ID,
	}, os.Environ(), in, stderr)
	if err != nil {
		return nil, err
	}
	go func() { <-c.gone; _ = in.Close() }()
	e := &emulator{platform: f.ID, child: c, faults: map[string]string{}}
	e.client.Timeout = 5 * time.Second
	lines := make(chan error, 1)
	go func() { lines <- e.read(out) }()
	select {
	case err = <-lines:
	case <-time.After(readyTimeout):
		err = fmt.Errorf("it was not ready after %s", readyTimeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		c.stop(ctx)
		return nil, fmt.Errorf("the emulator of %s does not start: %w: %s", f.ID, err, strings.TrimSpace(c.last.String()))
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // nothing else is of interest
	return e, nil
}

// read reads what an emulator prints until it is ready.
func (e *emulator) read(out io.Reader) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), &e.ready); err != nil {
			return fmt.Errorf("it printed what is no JSON: %w", err)
		}
		if e.ready.Event != "ready" {
			continue
		}
		for _, address := range []string{e.ready.Page, e.ready.Control} {
			if u, err := url.Parse(address); err != nil || u.Scheme != "http" || !strings.HasPrefix(u.Host, "127.0.0.1:") {
				return fmt.Errorf("it is at %q, which is not on this machine", address)
			}
		}
		return nil
	}
	return errors.Join(errors.New("it ended"), lines.Err())
}

// origin is where its page comes from.
func (e *emulator) origin() string {
	u, err := url.Parse(e.ready.Page)
	if err != nil {
		return "" // it was parsed before
	}
	return u.Scheme + "://" + u.Host
}

// switchFault switches a fault on or off. What is so already stays.
func (e *emulator) switchFault(ctx context.Context, f fault, on bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	id, is := e.faults[f.id]
	if is == on {
		return nil
	}
	if !on {
		delete(e.faults, f.id)
		return e.call(ctx, http.MethodDelete, "faults/"+url.PathEscape(id), nil, nil)
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := e.call(ctx, http.MethodPost, "faults", f.rule, &made); err != nil {
		return err
	}
	e.faults[f.id] = made.ID
	return nil
}

func (e *emulator) isOn(f fault) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, on := e.faults[f.id]
	return on
}

// call asks the control interface.
func (e *emulator) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, e.ready.Control+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := e.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the emulator of %s: %w", e.platform, err)
	}
	defer func() { _ = res.Body.Close() }() // it is only read
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("ask the emulator of %s: %w", e.platform, err)
	}
	if res.StatusCode == http.StatusNotFound && method == http.MethodDelete {
		return nil // somebody else was faster
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("the emulator of %s refused %s %s with %s: %s", e.platform, method, path, res.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// phoneMessage is a message on a phone, as far as it is counted.
type phoneMessage struct {
	ID        string `json:"id"`
	Direction string `json:"direction"`
	State     string `json:"state"`
}

// phoneCounters are what the emulator counts itself, as far as it is used.
type phoneCounters struct {
	Repeated uint64 `json:"repeated"`
}

// follow hands on what happens on the phones until ctx ends. A stream that breaks goes on where it was.
func (e *emulator) follow(ctx context.Context, message func(phoneMessage), counters func(phoneCounters)) {
	last := "0"
	for ctx.Err() == nil {
		last = e.stream(ctx, last, message, counters)
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (e *emulator) stream(
	ctx context.Context, after string, message func(phoneMessage), counters func(phoneCounters),
) (last string) {
	last = after
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.ready.Control+"events?after="+url.QueryEscape(after), nil)
	if err != nil {
		return last
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return last
	}
	defer func() { _ = res.Body.Close() }() // it is only read
	if res.StatusCode != http.StatusOK {
		return last
	}
	for event, err := range sse.Read(res.Body, &sse.ReadConfig{MaxEventSize: 4 << 20}) {
		if err != nil {
			return last
		}
		if event.LastEventID != "" {
			last = event.LastEventID
		}
		switch event.Type {
		case "message":
			var m phoneMessage
			if json.Unmarshal([]byte(event.Data), &m) == nil {
				message(m)
			}
		case "counters":
			var c phoneCounters
			if json.Unmarshal([]byte(event.Data), &c) == nil {
				counters(c)
			}
		}
	}
	return last
}
