package catalog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/sdk/chat"
)

func TestWholeLife(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p, err := f.Start(t.Context(), "good")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := f.Start(t.Context(), "good"); err != nil || again != p {
		t.Errorf("started twice: %v, %v", again, err)
	}
	if _, err := f.Start(t.Context(), "none"); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("a plugin that is not there: %v", err)
	}
	info := p.Info()
	if info.ID != "good" || info.Kind != chat.PluginPlatform || info.Version != "1.2.3" || info.Platform == nil {
		t.Errorf("info %+v", info)
	}
	st := p.Status()
	if st.State != catalog.StateReady || st.Version != "1.2.3" || !running(st.PID) {
		t.Errorf("status %+v", st)
	}
	if _, err := say(t.Context(), p, "hi"); reason(err) != chat.ReasonNotConfigured {
		t.Errorf("before Configure: %v", err)
	}
	found, err := p.ValidateConfig(t.Context(), []byte(`{}`))
	if err != nil || len(found) != 1 || found[0].Pointer != "/token" {
		t.Errorf("findings %v, %v", found, err)
	}
	if _, err := p.Configure(t.Context(), []byte(`{}`)); reason(err) != chat.ReasonConfigInvalid || !strings.Contains(err.Error(), "platform(good)") {
		t.Errorf("a bad configuration: %v", err)
	}
	if _, err := p.Configure(t.Context(), []byte(`{"token":"canary-4711","name":"ann"}`)); err != nil {
		t.Fatal(err)
	}
	if st := p.Status(); len(st.Accounts) != 1 || st.Accounts[0].DisplayName != "ann" {
		t.Errorf("accounts %v", st.Accounts)
	}
	v, err := p.VerifySignature(t.Context(), chat.Request{Method: "POST", URI: "/"})
	if err != nil || v.Verdict != chat.VerdictValid {
		t.Errorf("verify: %v, %v", v, err)
	}
	if got := mustSay(t, p, "hi there"); got != "hi there" {
		t.Errorf("parsed %q", got)
	}
	s, err := p.SendResponse(t.Context(), chat.Delivery{Response: chat.Response{Text: "out"}})
	if err != nil || len(s.MessageIDs) != 1 || s.MessageIDs[0] != "out" {
		t.Errorf("sent: %v, %v", s, err)
	}
	run := runDir(t, p)
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if running(st.PID) || exists(run) {
		t.Errorf("left behind: process %v, folder %v", running(st.PID), exists(run))
	}
	if st := p.Status(); st.State != catalog.StateStopped {
		t.Errorf("after Close: %+v", st)
	}
	for range 2 {
		start := time.Now()
		if _, err := say(t.Context(), p, "hi"); reason(err) != chat.ReasonUnavailable || time.Since(start) > time.Second {
			t.Errorf("a call after Close: %v after %s", err, time.Since(start))
		}
	}
	if err := f.Close(t.Context()); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := f.Start(t.Context(), "good"); err == nil {
		t.Error("started after Close")
	}
	if strings.Contains(f.logs.String(), "canary") {
		t.Errorf("the log holds the secret:\n%s", f.logs)
	}
}

// runDir is the host's private folder, as the plugin sees it.
func runDir(t *testing.T, p *catalog.Plugin) string {
	t.Helper()
	for line := range strings.Lines(mustSay(t, p, "env")) {
		if dir, ok := strings.CutPrefix(strings.TrimSpace(line), "PLUGIN_UNIX_SOCKET_DIR="); ok {
			return filepath.Dir(filepath.Dir(dir))
		}
	}
	t.Fatal("no socket folder in the plugin's environment")
	return ""
}

func TestBannerBeforeTheHandshake(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "banner")
	if got := mustSay(t, f.start(t, "banner"), "hi"); got != "hi" {
		t.Errorf("parsed %q", got)
	}
	eventually(t, "the banner in the log", func() bool { return f.logs.has("INFO", "warning: old", "stream", "stdout") })
}

func TestBadStarts(t *testing.T) {
	t.Parallel()
	short := quick
	short.Start = 400 * time.Millisecond
	cases := []struct {
		role   string
		timing catalog.Timing
		want   []string
	}{
		{"silent", short, []string{"handshake", "400ms", "still thinking"}},
		{"no-end", short, []string{"handshake", "400ms"}},
		{"deaf", short, []string{"400ms"}},
		{"exits", quick, []string{"exit status 3", "no licence\nfor you"}},
		{"version", quick, []string{"version", "2"}},
		{"magic", quick, []string{"core API version", "7"}},
		{"netrpc", quick, []string{"netrpc"}},
		{"bad-cert", quick, []string{"cert"}},
		{"no-socket", quick, []string{"/x"}},
		{"cookie", quick, []string{"exit status 1"}},
		{"plaintext", quick, []string{"tls"}},
		{"many-banners", quick, []string{"no handshake in the first 64 lines"}},
		{"impostor", quick, []string{`"somebody-else"`, "rename"}},
	}
	for _, c := range cases {
		t.Run(c.role, func(t *testing.T) {
			t.Parallel()
			f := open(t, c.timing, c.role)
			begin := time.Now()
			p, err := f.Start(t.Context(), c.role)
			if err == nil {
				t.Fatalf("it started: %+v", p.Status())
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %s to say so", took)
			}
			for _, want := range append(c.want, "platform("+c.role+")") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), "killed") {
				t.Errorf("the error blames the plugin for the end that we made: %v", err)
			}
		})
	}
}

// A file that the kernel cannot run must not make the host kill its own process group.
func TestFileThatIsNoProgram(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), testBinary(t))
	dir := t.TempDir()
	install(t, filepath.Join(dir, "aof-platform-text"), "\x00\x01 no program\n")
	cmd.Env = append(os.Environ(), "TEST_ROLE=bad-start", "TEST_DIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "exec format error") {
		t.Errorf("%v\n%s", err, out)
	}
}

func badStartRole() {
	c, err := catalog.Open(catalog.Settings{Dirs: []string{os.Getenv("TEST_DIR")}, HostVersion: "1.0.0", Logger: slog.Default()})
	if err != nil {
		panic(err)
	}
	_, err = c.Start(context.Background(), "text")
	fmt.Println(err)
	if err := c.Close(context.Background()); err != nil {
		panic(err)
	}
}

// hostRole is a host with one plugin. It prints the plugin's id and waits for its end.
func hostRole() {
	c, err := catalog.Open(catalog.Settings{
		Dirs: []string{os.Getenv("TEST_DIR")}, HostVersion: "1.0.0", Logger: slog.New(slog.DiscardHandler), Timing: quick,
	})
	if err != nil {
		panic(err)
	}
	p, err := c.Start(context.Background(), os.Getenv("TEST_ID"))
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Status().PID)
	forever()
}

// A plugin that still runs sees the end of its stdin; a stubborn one only the kernel can end.
func TestKilledHostLeavesNoPlugin(t *testing.T) {
	t.Parallel()
	t.Run("good", func(t *testing.T) { t.Parallel(); killHost(t, "good") })
	t.Run("stubborn", func(t *testing.T) {
		t.Parallel()
		if runtime.GOOS != "linux" {
			t.Skip("needs Pdeathsig")
		}
		killHost(t, "stubborn")
	})
}

func killHost(t *testing.T, role string) {
	t.Helper()
	dir, tmp := t.TempDir(), shortDir(t)
	script(t, filepath.Join(dir, "aof-platform-"+role), role)
	cmd := exec.CommandContext(t.Context(), testBinary(t))
	cmd.Env = append(os.Environ(), "TEST_ROLE=host", "TEST_ID="+role, "TEST_DIR="+dir, "TMPDIR="+tmp)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || !running(pid) {
		t.Fatalf("the plugin does not run: %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "the end of the plugin", func() bool { return !running(pid) })
	if left, _ := filepath.Glob(filepath.Join(tmp, "aofd-*")); len(left) != 1 {
		t.Fatalf("the dead host left %v", left)
	}
	// The next host cleans up.
	cmd = exec.CommandContext(t.Context(), testBinary(t))
	cmd.Env = append(os.Environ(), "TEST_ROLE=bad-start", "TEST_DIR="+t.TempDir(), "TMPDIR="+tmp)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "aofd-*")); len(left) != 0 {
		t.Errorf("the next host left %v", left)
	}
}

// shortDir is a temporary folder with room for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
