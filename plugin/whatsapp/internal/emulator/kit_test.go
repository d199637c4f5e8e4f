package emulator_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
)

// daemon takes webhooks as aofd does, and keeps them.
type daemon struct {
	*httptest.Server
	mu     sync.Mutex
	fail   int // answers 500 to so many
	bodies [][]byte
	posts  int
	bad    []string
}

func newDaemon(t *testing.T, fail int) *daemon {
	t.Helper()
	d := &daemon{fail: fail}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func (d *daemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Method == http.MethodGet {
		q := r.URL.Query()
		if q.Get("hub.mode") != "subscribe" || q.Get("hub.verify_token") != "demo-verify-token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, q.Get("hub.challenge"))
		return
	}
	body, _ := io.ReadAll(r.Body)
	mac := hmac.New(sha256.New, []byte("demo-app-secret"))
	mac.Write(body)
	if got, want := r.Header.Get("X-Hub-Signature-256"), "sha256="+hex.EncodeToString(mac.Sum(nil)); got != want {
		d.bad = append(d.bad, got)
	}
	d.posts++
	if d.fail > 0 {
		d.fail--
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	d.bodies = append(d.bodies, body)
}

// taken returns the webhooks that were answered with 200, once there are n.
func (d *daemon) taken(t *testing.T, n int) [][]byte {
	t.Helper()
	eventually(t, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.bodies) >= n
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.bad) > 0 {
		t.Errorf("wrong signatures: %q", d.bad)
	}
	return d.bodies
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in time")
		}
	}
}

// rig is an emulator that serves.
type rig struct {
	*emulator.Emulator
	address string
}

func newRig(t *testing.T, webhook string, change ...func(*emulator.Settings)) rig {
	t.Helper()
	s := emulator.Defaults()
	s.Webhook, s.StatusDelay = webhook, 0
	s.RetryDelay, s.MaxRetryDelay, s.Tries = time.Millisecond, 2*time.Millisecond, 4
	for _, c := range change {
		c(&s)
	}
	e := emulator.New(s)
	server := httptest.NewServer(e)
	t.Cleanup(func() {
		e.Close()
		server.Close()
	})
	return rig{e, server.URL}
}

// written makes an emulator to which the user has written, so that the window of the chat is open.
func written(t *testing.T, change ...func(*emulator.Settings)) rig {
	t.Helper()
	r := newRig(t, nowhere(t), change...)
	r.write(t, "hello")
	return r
}

// write lets the user write a text.
func (r rig) write(t *testing.T, words string) (id string) {
	t.Helper()
	id, err := r.Send(emulator.Action{From: user, Type: "text", Text: words})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// control calls the control API.
func (r rig) control(t *testing.T, method, path string, body any) []byte {
	t.Helper()
	sent := ""
	if body != nil {
		sent = text(body)
	}
	status, answer, _ := r.call(t, method, "/_emulator/"+path, sent)
	if status != 200 {
		t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

// settled waits until nothing is under way.
func (r rig) settled(t *testing.T) {
	t.Helper()
	if !into[map[string]bool](t, r.control(t, "POST", "settle", object{"timeout": "5s"}))["settled"] {
		t.Fatal("it does not settle")
	}
}

// nowhere is a webhook that nobody needs.
func nowhere(t *testing.T) string { return newDaemon(t, 0).URL }

const path = "/v25.0/106540352242922/messages"

func (r rig) call(t *testing.T, method, path, body string, header ...string) (status int, answer []byte, h http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer demo-access-token")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = res.Body.Close()
		http.DefaultClient.CloseIdleConnections()
	}()
	answer, err = io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer, res.Header
}

type metaError struct {
	Error struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Code    int    `json:"code"`
		Subcode int    `json:"error_subcode"`
		Data    struct {
			Product string `json:"messaging_product"`
			Details string `json:"details"`
		} `json:"error_data"`
		Trace string `json:"fbtrace_id"`
	} `json:"error"`
}

func into[T any](t *testing.T, raw []byte) (v T) {
	t.Helper()
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}
