package catalog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"
	"go.uber.org/goleak"

	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/platform"
	"github.com/aof-dev/aofd/sdk/wire"
)

// The test binary is every process of these tests: TEST_ROLE says which. A plugin is a shell script that
// sets it, since nothing of the host's environment reaches a plugin.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "aof-platform-binary" {
		platform.Main(spec("binary"))
	}
	if role, ok := roles[os.Getenv("TEST_ROLE")]; ok {
		role()
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("/tmp", "c")
	if err == nil {
		err = errors.Join(os.Unsetenv("XDG_RUNTIME_DIR"), os.Setenv("TMPDIR", dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		left, _ := filepath.Glob(filepath.Join(dir, "aofd-*"))
		if code == 0 && len(left) > 0 {
			fmt.Fprintln(os.Stderr, "left behind:", left)
			code = 1
		}
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// roles are the programs that the test binary can be.
var roles = map[string]func(){
	"good":   func() { platform.Main(spec("good")) },
	"banner": func() { fmt.Print("Welcome!\n\n50% \r100%\nwarning: old\n"); platform.Main(spec("banner")) },
	"many-banners": func() {
		for i := range 65 {
			fmt.Println("banner", i)
		}
		platform.Main(spec("many-banners"))
	},
	"silent": func() { fmt.Fprintln(os.Stderr, "still thinking"); forever() },
	"no-end": func() { fmt.Print("1|1|unix|/x|grpc|"); forever() },
	"exits": func() { // much to read after its end
		fmt.Fprint(os.Stderr, strings.Repeat("x\n", 20<<10)+"no licence\nfor you\n")
		os.Exit(3)
	},
	"version":   func() { fmt.Println("1|2|unix|/x|grpc|"); forever() },
	"magic":     func() { fmt.Println("7|1|unix|/x|grpc|"); forever() },
	"netrpc":    func() { fmt.Println("1|1|unix|/x|netrpc"); forever() },
	"bad-cert":  func() { fmt.Println("1|1|unix|/x|grpc|" + strings.Repeat("A", 60)); forever() },
	"no-socket": func() { fmt.Println("1|1|unix|/x|grpc|"); forever() },
	"deaf":      deaf,
	"cookie": func() {
		h := wire.Handshake
		h.MagicCookieValue = "another program's"
		plugin.Serve(&plugin.ServeConfig{HandshakeConfig: h, GRPCServer: plugin.DefaultGRPCServer})
	},
	"plaintext": func() {
		_ = os.Unsetenv(wire.EnvTLSCert)
		_ = os.Unsetenv("PLUGIN_CLIENT_CERT")
		platform.Main(spec("plaintext"))
	},
	"stubborn": func() { // does not notice the end of its stdin
		os.Stdin, _ = os.Open(os.DevNull)
		platform.Main(spec("stubborn"))
	},
	"impostor": func() { platform.Main(spec("somebody-else")) },
	"moody":    func() { moody(); platform.Main(spec("moody")) },
	"limited": func() {
		s := spec("limited")
		s.MaxConcurrentCalls = 1
		platform.Main(s)
	},
	"picky": func() {
		s := spec("picky")
		s.WebhookHeaders = []string{"x-signature", "X-Time"}
		platform.Main(s)
	},
	"host":      hostRole,
	"bad-start": badStartRole,
}

func forever() { time.Sleep(time.Hour) }

// deaf listens but never answers.
func deaf() {
	path := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 1))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("1|1|unix|%s|grpc|\n", path)
	forever()
}

// moody does not start while a file is there.
func moody() {
	if why, err := os.ReadFile(os.Getenv("TEST_FLAG")); err == nil {
		fmt.Fprintf(os.Stderr, "%s", why)
		os.Exit(1)
	}
}

func spec(id string) platform.Spec {
	return platform.Spec{
		Info: platform.Info{ID: id, DisplayName: id, Version: "1.2.3", Capabilities: []string{chat.CapThreading}},
		New:  platform.Configured(func(c config) (platform.Platform, error) { return adapter{config: c}, nil }),
	}
}

type config struct {
	Token string `json:"token" aof:"secret,minLength=1"`
	Name  string `json:"name,omitempty"`
}

type adapter struct {
	platform.Base
	config config
}

func (a adapter) Accounts() []chat.Account {
	return []chat.Account{{ID: "acc", DisplayName: a.config.Name}}
}

func (a adapter) VerifySignature(_ context.Context, r chat.Request) (chat.Verification, error) {
	if string(r.Body) == "freeze" {
		forever()
	}
	return chat.Verification{Verdict: chat.VerdictValid}, nil
}

// ParseMessage does what the first word of the body says and answers with one message.
func (a adapter) ParseMessage(_ context.Context, r chat.Request) (chat.Batch, error) {
	out := string(r.Body)
	switch word, rest, _ := strings.Cut(out, " "); word {
	case "name":
		out = a.config.Name
	case "headers":
		out = fmt.Sprint(r.Headers)
	case "version":
		out = os.Getenv("TEST_VERSION")
	case "env":
		out = strings.Join(os.Environ(), "\n")
	case "panic":
		panic("parser broke")
	case "exit":
		write(stderr, "these are my last words\n")
		os.Exit(5)
	case "print":
		fmt.Println("printed")
		fmt.Fprintln(os.Stderr, "[WARN] complained")
		fmt.Print("half ")
		fmt.Print("and half\n")
	case "stdout": // what go-plugin left alone of it
		write(stdout, strings.Repeat("x", 10<<20)+"\nafter\n")
	case "stderr":
		write(stderr, rest+"\n")
		out = ""
	case "child":
		out = strconv.Itoa(child(rest == "setsid"))
	case "wait":
		if err := os.WriteFile(rest+".begun", nil, 0o600); err != nil {
			panic(err)
		}
		for !exists(rest) {
			time.Sleep(time.Millisecond)
		}
	}
	return chat.Batch{
		Verification: chat.Verification{Verdict: chat.VerdictValid},
		Messages:     []chat.Message{{ID: out}},
	}, nil
}

func (a adapter) SendResponse(_ context.Context, d chat.Delivery) (chat.Sent, error) {
	if d.Response.Text == "exit" {
		os.Exit(5)
	}
	return chat.Sent{MessageIDs: []string{d.Response.Text}}, nil
}

// stdout and stderr are the process's own: go-plugin replaces those of os.
var stdout, stderr = os.Stdout, os.Stderr

func write(f *os.File, s string) {
	if _, err := f.WriteString(s); err != nil {
		panic(err)
	}
}

// child starts a process that holds the pipes and the group of the plugin, or a session of its own.
func child(setsid bool) int {
	cmd := exec.Command("sleep", "300")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: setsid}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	return cmd.Process.Pid
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// script writes a plugin that is the test binary in a role.
func script(t *testing.T, path, role string, env ...string) {
	t.Helper()
	text := "#!/bin/sh\nTEST_ROLE=" + role + " GORACE=atexit_sleep_ms=0 " + strings.Join(env, " ") + " exec '" + testBinary(t) + "'\n"
	install(t, path, text)
}

func install(t *testing.T, path, text string) {
	t.Helper()
	tmp := filepath.Join(t.TempDir(), "new")
	if err := errors.Join(os.WriteFile(tmp, []byte(text), 0o755), os.Rename(tmp, path)); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
}

func testBinary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// fixture is a catalog over one folder.
type fixture struct {
	*catalog.Catalog
	dir  string
	logs *logs

	mu     sync.Mutex
	states []catalog.Status
}

// quick is patience for tests.
var quick = catalog.Timing{
	Start: 20 * time.Second, HealthEvery: time.Hour, BackoffMin: time.Millisecond, BackoffMax: 2 * time.Millisecond,
	CrashLimit: 1000, Stop: 2 * time.Second, CallWait: 20 * time.Second,
}

// open makes a catalog over a folder with a plugin of each role. It must leave nothing behind.
func open(t *testing.T, timing catalog.Timing, role ...string) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir(), logs: &logs{}}
	for _, r := range role {
		script(t, filepath.Join(f.dir, "aof-platform-"+r), r, "TEST_FLAG="+f.flag(), "TEST_VERSION=one")
	}
	f.open(t, timing, f.dir)
	return f
}

func (f *fixture) flag() string { return filepath.Join(f.dir, "flag") }

func (f *fixture) open(t *testing.T, timing catalog.Timing, dirs ...string) {
	t.Helper()
	c, err := catalog.Open(catalog.Settings{
		Dirs: dirs, HostVersion: "1.0.0", Logger: slog.New(slog.NewJSONHandler(f.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		LogLevel: "debug", Timing: timing,
		OnState: func(_ string, st catalog.Status, _ bool) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.states = append(f.states, st)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Catalog = c
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

func (f *fixture) start(t *testing.T, id string) *catalog.Plugin {
	t.Helper()
	p, err := f.Start(t.Context(), id)
	if err != nil {
		t.Fatalf("%v\n%s", err, f.logs)
	}
	if _, err := p.Configure(t.Context(), []byte(`{"token":"canary-4711","name":"ann"}`)); err != nil {
		t.Fatal(err)
	}
	return p
}

// say has the plugin parse a body and returns its answer.
func say(ctx context.Context, p *catalog.Plugin, body string) (string, error) {
	b, err := p.ParseMessage(ctx, chat.Request{Method: "POST", URI: "/", Body: []byte(body)})
	if err != nil || len(b.Messages) == 0 {
		return "", err
	}
	return b.Messages[0].ID, nil
}

func mustSay(t *testing.T, p *catalog.Plugin, body string) string {
	t.Helper()
	out, err := say(t.Context(), p, body)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return out
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

// running says whether there is such a process; one that nobody waited for is gone, too.
func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, os.ErrNotExist) && exists("/proc/self/stat") || errors.Is(err, syscall.ESRCH) {
		return false
	}
	if _, after, ok := strings.Cut(string(stat), ") "); ok {
		return after[0] != 'Z' && after[0] != 'X'
	}
	return syscall.Kill(pid, 0) == nil
}

func reason(err error) chat.Reason {
	if err == nil {
		return ""
	}
	return chat.AsError(err).Reason
}

// logs is what the host logged.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// has says whether a record with that level and message was logged, with those attributes: key, value, …
func (l *logs) has(level, message string, attrs ...any) bool {
	for line := range strings.Lines(l.String()) {
		var r map[string]any
		if json.Unmarshal([]byte(line), &r) != nil || r["level"] != level || r["msg"] != message {
			continue
		}
		all := true
		for i := 0; i < len(attrs); i += 2 {
			all = all && r[attrs[i].(string)] == attrs[i+1]
		}
		if all {
			return true
		}
	}
	return false
}
