package catalog_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/host/internal/catalog"
)

func TestWhatAPluginPrints(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	mustSay(t, p, "stdout") // 10 MB without a newline
	eventually(t, "the line after a long one", func() bool { return f.logs.has("INFO", "after", "stream", "stdout") })
	for line := range strings.Lines(f.logs.String()) {
		if len(line) > 100<<10 {
			t.Errorf("a record of %d bytes", len(line))
		}
	}
	if !strings.Contains(f.logs.String(), fmt.Sprintf("(%d bytes left out)", 10<<20-64<<10)) {
		t.Error("nothing says that the line was cut")
	}
	for _, line := range []string{
		`{"@message":5}`, `{"@level":{},"@message":["x"],"@timestamp":7}`, `null`, `{"`, "\x00\xff\xfe", `[]`, `{}`,
		`{"@level":"error","@message":"hclog","@timestamp":"2026-01-02T15:04:05.000000Z","id":9007199254740993}`,
		`[WARN] bracketed`, `plain`,
	} {
		mustSay(t, p, "stderr "+line)
	}
	want := []struct{ level, message string }{
		{"INFO", "5"}, {"INFO", "[x]"}, {"INFO", "null"}, {"ERROR", "hclog"}, {"WARN", "bracketed"}, {"INFO", "plain"},
	}
	eventually(t, "all records", func() bool {
		for _, w := range want {
			if !f.logs.has(w.level, w.message, "plugin", "good") {
				return false
			}
		}
		return true
	})
	mustSay(t, p, "print")
	eventually(t, "what came by go-plugin's stream", func() bool {
		return f.logs.has("INFO", "printed", "stream", "stdout") && f.logs.has("WARN", "complained") && f.logs.has("INFO", "half and half")
	})
	if !strings.Contains(f.logs.String(), `"id":9007199254740993`) {
		t.Error("a long number lost digits")
	}
	if got := mustSay(t, p, "hi"); got != "hi" || p.Status().Crashes != 0 {
		t.Errorf("%q, %+v", got, p.Status())
	}
	if strings.Contains(f.logs.String(), "canary") {
		t.Error("the log holds the secret")
	}
}

// Not parallel: it sets the host's environment.
func TestEnvironment(t *testing.T) {
	t.Setenv("TEST_HOST_SECRET", "canary-env")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary-env")
	t.Setenv("AOF_ADMIN_TOKEN", "canary-env")
	t.Setenv("LD_PRELOAD", "")
	t.Setenv("TZ", "UTC")
	t.Setenv("HTTPS_PROXY", "http://proxy.invalid")
	f := open(t, quick, "good")
	env := mustSay(t, f.start(t, "good"), "env")
	if strings.Contains(env, "canary") || strings.Contains(env, "LD_PRELOAD") {
		t.Errorf("a secret of the host reaches the plugin:\n%s", env)
	}
	for _, want := range []string{"PATH=", "TZ=UTC\n", "HTTPS_PROXY=http://proxy.invalid\n", "AOF_LOG_LEVEL=debug\n", "AOF_TLS_KEY="} {
		if !strings.Contains(env, want) {
			t.Errorf("%s is missing in\n%s", want, env)
		}
	}
	if strings.Contains(env, "PRIVATE KEY") {
		t.Error("a key is in the environment")
	}
}

// Sockets have short paths, temporary folders may not.
func TestLongTemporaryFolder(t *testing.T) {
	base := shortDir(t)
	for _, n := range []int{30, 37, 50, 60, 61, 120} {
		dir := base + "/" + strings.Repeat("x", max(1, n-len(base)-1))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprint(len(dir)), func(t *testing.T) {
			t.Setenv("TMPDIR", dir)
			mustSay(t, open(t, quick, "good").start(t, "good"), "hi")
		})
	}
}

// $XDG_RUNTIME_DIR may be another user's, as after sudo.
func TestUnusableRuntimeFolder(t *testing.T) {
	for _, dir := range []string{"relative", "/proc", "/does/not/exist"} {
		t.Setenv("XDG_RUNTIME_DIR", dir)
		c, err := catalog.Open(catalog.Settings{})
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A folder of somebody else, who put a trap into it, is not touched.
func TestTrapAmongStaleFolders(t *testing.T) {
	base := shortDir(t)
	t.Setenv("TMPDIR", base)
	trap := base + "/aofd-trap"
	if err := os.Mkdir(trap, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "mkfifo", trap+"/lock").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	open0 := base + "/aofd-open"
	if err := os.Mkdir(open0, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(open0+"/lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open0, 0o777); err != nil { //nolint:gosec // on purpose
		t.Fatal(err)
	}
	c, err := catalog.Open(catalog.Settings{}) // a pipe as lock would block it for ever
	if err != nil {
		t.Fatal(err)
	}
	if !exists(trap) || !exists(open0) {
		t.Error("it removed what may be somebody else's")
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
