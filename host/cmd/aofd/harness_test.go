package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The secrets of the tests are the emulator's own defaults.
const (
	phoneNumberID = "106540352242922"
	accessToken   = "demo-access-token"
	verifyToken   = "demo-verify-token"
	appSecret     = "demo-app-secret"
)

// binaries builds the real programs, once for all tests, and returns the folder that holds them.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "aofd-e2e-")
	if err != nil {
		return "", err
	}
	built = dir
	for name, pkg := range map[string]string{
		"aofd":                          "./host/cmd/aofd",
		"plugins/aof-platform-whatsapp": "./plugin/whatsapp/cmd/aof-platform-whatsapp",
		"plugins/aof-platform-echo":     "./examples/platform-echo",
		"shout":                         "./examples/agents/shout",
	} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	return dir, nil
})

// failing builds the daemon with fail-points into a folder, once for all tests.
var failing = sync.OnceValue(func() error {
	cmd := exec.Command("go", "build", "-tags", "failpoint", "-o", filepath.Join(built, failingName), "./host/cmd/aofd")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build aofd with fail-points: %w\n%s", err, out)
	}
	return nil
})

const failingName = "aofd-failpoint"

// root is the module's, seen from this package.
var root, _ = filepath.Abs("../../..")

// built is the folder of the binaries; empty while nobody asked for them.
var built string

func bin(t testing.TB) string {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// output collects what a process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process is a running program.
type process struct {
	*exec.Cmd
	out  *output
	done chan struct{}
}

func start(t testing.TB, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(filepath.Join(bin(t), name), args...), out: &output{}, done: make(chan struct{})}
	p.Env = append(os.Environ(), env...)
	p.Stdout, p.Stderr = p.out, p.out
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, p.out)
		}
	})
	return p
}

// stop asks the process to end and waits.
func (p *process) stop(t testing.TB) {
	t.Helper()
	_ = p.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.Process.Kill()
		t.Errorf("%s did not stop on SIGTERM", p.Path)
	}
}

// eventually waits until check returns no error.
func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(120 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// freeAddress returns an address on the loopback that nobody uses.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// bed is a daemon with everything around it, all real processes but for the platform's servers, which are
// the emulator.
type bed struct {
	testing.TB
	dir      string // of the configuration and the data
	address  string // of the webhook listener
	emulator string // address; empty without one
	daemon   *process
	env      []string
}

// newBed makes the folder of a configuration; files are names and contents in it. In their text, GRAPH stands
// for the emulator's address.
func newBed(t testing.TB, files map[string]string) *bed {
	t.Helper()
	b := &bed{TB: t, dir: t.TempDir(), address: freeAddress(t), emulator: freeAddress(t)}
	for name, text := range files {
		path := filepath.Join(b.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		text = strings.ReplaceAll(text, "GRAPH", "http://"+b.emulator)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// emulate starts the platform's stand-in. Many tests post webhooks of their own, which it knows nothing of, so it
// does not mind who wrote when.
func (b *bed) emulate() {
	b.Helper()
	start(b, nil, "plugins/aof-platform-whatsapp", "emulate", "--listen", b.emulator, "--status-delay", "10ms", "--window", "off",
		"--webhook", "http://"+b.address+"/webhook/whatsapp")
	eventually(b, "the emulator", func() error { _, err := get("http://" + b.emulator + "/_emulator/healthz"); return err })
}

// serve starts the daemon and waits until it is ready.
func (b *bed) serve() {
	b.Helper()
	_, port, _ := net.SplitHostPort(b.address)
	b.daemon = start(b, b.env, "aofd", "serve", "-c", filepath.Join(b.dir, "config.yaml"), "--port", port,
		"--data-dir", filepath.Join(b.dir, "data"))
	eventually(b, "the daemon", func() error {
		select {
		case <-b.daemon.done:
			b.Fatalf("the daemon ended: %s", b.daemon.out)
		default:
		}
		_, err := get("http://" + b.address + "/ready")
		return err
	})
}

func get(url string) ([]byte, error) {
	res, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return body, err
}

// metric returns the value of a series, such as name{label="value"}; 0 when there is none.
func (b *bed) metric(series string) float64 {
	b.Helper()
	text, err := get("http://" + b.address + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				b.Fatal(err)
			}
			return v
		}
	}
	return 0
}

// cli runs one command of aofd against the daemon and returns its output and exit code.
func (b *bed) cli(args ...string) (string, int) {
	b.Helper()
	cmd := exec.Command(filepath.Join(bin(b), "aofd"), append(args, "--data-dir", filepath.Join(b.dir, "data"))...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		b.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// status is what `aofd status -o json` tells.
type status struct {
	Platforms []struct {
		ID      string `json:"id"`
		State   string `json:"state"`
		PID     int    `json:"pid"`
		Crashes int    `json:"crashes"`
	} `json:"platforms"`
	Backlog struct {
		InboxPending  json.Number `json:"inbox_pending"`
		OutboxPending json.Number `json:"outbox_pending"`
		OutboxUnknown json.Number `json:"outbox_unknown"`
		OutboxFailed  json.Number `json:"outbox_failed"`
	} `json:"backlog"`
}

func (b *bed) status() (s status) {
	b.Helper()
	out, _ := b.cli("status", "-o", "json")
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		b.Fatalf("status: %v\n%s", err, out)
	}
	return s
}

// phone does something on the phone of a user and returns the id of the message.
func (b *bed) phone(action map[string]any) string {
	b.Helper()
	body, err := json.Marshal(action)
	if err != nil {
		b.Fatal(err)
	}
	res, err := http.Post("http://"+b.emulator+"/_emulator/send", "application/json", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out struct{ ID string }
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.ID == "" {
		b.Fatalf("the phone could not send: %s %v", res.Status, err)
	}
	return out.ID
}

// entry is one message on the phone.
type entry struct {
	ID        string          `json:"id"`
	Direction string          `json:"direction"`
	State     string          `json:"state"`
	Body      json.RawMessage `json:"body"`
}

// chat returns what the phone of a user shows.
func (b *bed) chat(user string) []entry {
	b.Helper()
	raw, err := get("http://" + b.emulator + "/_emulator/chat?user=" + user)
	if err != nil {
		b.Fatal(err)
	}
	var chat struct{ Messages []entry }
	if err := json.Unmarshal(raw, &chat); err != nil {
		b.Fatal(err)
	}
	return chat.Messages
}

// answers waits until a user has n answers, all of them read, and returns their bodies without what differs
// from run to run.
func (b *bed) answers(user string, n int) (out []entry) {
	b.Helper()
	eventually(b, fmt.Sprintf("%d answers for %s", n, user), func() error {
		out = nil
		for _, e := range b.chat(user) {
			if e.Direction == "to_user" {
				out = append(out, e)
			}
		}
		if len(out) != n {
			return fmt.Errorf("there are %d", len(out))
		}
		if last := out[n-1]; last.State != "read" {
			return fmt.Errorf("the last one is %s", last.State)
		}
		return nil
	})
	return out
}

// webhook posts a signed webhook and returns the status and the body of the answer.
func (b *bed) webhook(body string) (int, string) {
	b.Helper()
	code, answer, err := post(b.Context(), "http://"+b.address+"/webhook/whatsapp", body, "X-Hub-Signature-256", "sha256="+sign(body, appSecret))
	if err != nil {
		b.Fatal(err)
	}
	return code, answer
}

func sign(body, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func post(ctx context.Context, url, body string, headers ...string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(bufio.NewReader(res.Body))
	return res.StatusCode, string(answer), err
}

// textWebhook is the body of a webhook with one text message.
func textWebhook(id, from, text string) string {
	quoted, _ := json.Marshal(text) // a string always has a JSON form
	return fmt.Sprintf(`{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"field":"messages","value":{`+
		`"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550783881","phone_number_id":"%s"},`+
		`"contacts":[{"profile":{"name":"Ada"},"wa_id":"%s"}],"messages":[{"from":"%s","id":"%s","timestamp":"%d","type":"text","text":{"body":%s}}]}}]}]}`,
		phoneNumberID, from, from, id, time.Now().Unix(), quoted)
}

// whatsappBlock is the platform's block of a configuration.
const whatsappBlock = `    whatsapp:
      enabled: true
      phone_number_id: "` + phoneNumberID + `"
      access_token: ` + accessToken + `
      verify_token: ` + verifyToken + `
      app_secret: ` + appSecret + `
      api_base_url: GRAPH
`
