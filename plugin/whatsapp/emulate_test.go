package whatsapp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEmulateFlags(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		code int
		out  string
		err  string
	}{
		"help":            {[]string{"--help"}, 0, "--status-delay", ""},
		"help of run":     {[]string{"run", "-h"}, 0, "-junit", ""},
		"unknown flag":    {[]string{"--moon"}, 2, "", "see aof-platform-whatsapp emulate --help"},
		"no flag":         {[]string{"moon"}, 2, "", `"moon" is no flag`},
		"public":          {[]string{"--listen", "0.0.0.0:0"}, 1, "", "only the loopback interface"},
		"short token":     {[]string{"--listen", "0.0.0.0:0", "--control-token", "short"}, 1, "", "at least 16"},
		"wrong window":    {[]string{"--window", "ajar"}, 1, "", `--window "ajar"`},
		"run nothing":     {[]string{"run"}, 2, "", "which files?"},
		"run no file":     {[]string{"run", "none.yaml"}, 2, "", "none.yaml"},
		"no such address": {[]string{"run", "--connect", "http://127.0.0.1:1", "--ready", "10ms", "../../examples/scenarios/text.yaml"}, 2, "", "not ready"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			code := runEmulate(ctx, c.args, &out, &errs)
			if code != c.code || !strings.Contains(strings.ReplaceAll(out.String(), " -", " --"), c.out) || !strings.Contains(errs.String(), c.err) {
				t.Errorf("%d\n%s\n%s", code, out.String(), errs.String())
			}
		})
	}
}

// TestEmulateTellsPrograms reads what a program needs to use the emulator, from its first line.
func TestEmulateTellsPrograms(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, in := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- runEmulate(ctx, []string{"--json", "--listen", "127.0.0.1:0", "--webhook", echo(t)}, in, io.Discard)
		_ = in.Close()
	}()
	lines := bufio.NewScanner(out)
	var ready struct {
		Event, Page, Control string
		Config               map[string]string
	}
	var hands struct{ Event, State string }
	for _, into := range []any{&ready, &hands} {
		if !lines.Scan() {
			t.Fatal("no line")
		}
		if err := json.Unmarshal(lines.Bytes(), into); err != nil {
			t.Fatal(err)
		}
	}
	c := ready.Config
	if ready.Event != "ready" || ready.Page != c["api_base_url"]+"/" || c["phone_number_id"] == "" || c["access_token"] == "" ||
		c["verify_token"] == "" || c["app_secret"] == "" || hands.Event != "handshake" || hands.State != "done" {
		t.Errorf("%+v %+v", ready, hands)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ready.Control+"state", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// echo is a receiver of webhooks that shakes hands and takes everything.
func echo(t *testing.T) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Query().Get("hub.challenge"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestEmulateRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, bad, junit := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml"), filepath.Join(dir, "junit.xml")
	write(t, good, "people: {ana: {phone: \"4915112345678\"}}\nsteps:\n  - {do: send, from: ana, text: hi, as: it}\n"+
		"  - {expect: state, to: ana, of: it, is: delivered}\n")
	write(t, bad, "name: Nobody answers\nwithin: 50ms\npeople: {ana: {phone: \"4915112345678\"}}\nsteps:\n"+
		"  - {do: send, from: ana, text: hi}\n  - {expect: message, to: ana}\n")
	var out, errs bytes.Buffer
	args := []string{"run", "--listen", "127.0.0.1:0", "--webhook", echo(t)}
	if code := runEmulate(t.Context(), append(args, good), &out, &errs); code != 0 || !strings.Contains(out.String(), "1 passed, 0 failed") {
		t.Errorf("%d\n%s\n%s", code, out.String(), errs.String())
	}
	out.Reset()
	if code := runEmulate(t.Context(), append(args, "--junit", junit, good, bad), &out, &errs); code != 1 ||
		!strings.Contains(out.String(), "FAIL  Nobody answers\n      "+bad+":6: expect message, to ana: no message came (waited 50ms)") {
		t.Errorf("%d\n%s\n%s", code, out.String(), errs.String())
	}
	if xml, err := os.ReadFile(junit); err != nil || !strings.Contains(string(xml), `tests="2" failures="1"`) {
		t.Errorf("%v %s", err, xml)
	}
	out.Reset()
	if code := runEmulate(t.Context(), append(args, "--json", good, bad), &out, &errs); code != 1 || !json.Valid(out.Bytes()) {
		t.Errorf("%d\n%s\n%s", code, out.String(), errs.String())
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
