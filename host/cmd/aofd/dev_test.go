package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// stage is a running `aofd dev`.
type stage struct {
	testing.TB
	process *process
	ready   struct {
		URL    string            `json:"url"`
		Phones map[string]string `json:"phones"`
		Agents string            `json:"agents"`
	}
	host hostv1connect.HostServiceClient
	dev  hostv1connect.DevServiceClient
}

func play(t testing.TB, args ...string) *stage {
	t.Helper()
	s := &stage{TB: t}
	s.process = start(t, []string{"TMPDIR=" + t.TempDir(), "NO_COLOR=1"}, "aofd", append([]string{"dev", "--no-open", "-o", "json"}, args...)...)
	eventually(t, "the playground", func() error {
		select {
		case <-s.process.done:
			t.Fatalf("it ended: %s", s.process.out)
		default:
		}
		for line := range strings.Lines(s.process.out.String()) {
			if strings.Contains(line, `"event":"ready"`) {
				return json.Unmarshal([]byte(line), &s.ready)
			}
		}
		return errors.New("it is not ready")
	})
	s.host = hostv1connect.NewHostServiceClient(http.DefaultClient, strings.TrimSuffix(s.ready.URL, "/"))
	s.dev = hostv1connect.NewDevServiceClient(http.DefaultClient, strings.TrimSuffix(s.ready.URL, "/"))
	return s
}

// say types on a phone.
func (s *stage) say(user, text string) {
	s.Helper()
	body, _ := json.Marshal(map[string]any{"from": user, "type": "text", "text": text}) // plain values
	res, err := http.Post(s.ready.Phones["whatsapp"]+"_emulator/send", "application/json", bytes.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if out, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		s.Fatalf("%s %s", res.Status, out)
	}
}

// sees waits until a phone shows n answers, and returns the last one.
func (s *stage) sees(user string, n int) (last string) {
	s.Helper()
	eventually(s, fmt.Sprintf("%d answers for %s", n, user), func() error {
		raw, err := get(s.ready.Phones["whatsapp"] + "_emulator/chat?user=" + user)
		if err != nil {
			return err
		}
		var chat struct{ Messages []entry }
		if err := json.Unmarshal(raw, &chat); err != nil {
			return err
		}
		got := 0
		for _, m := range chat.Messages {
			if m.Direction == "to_user" {
				got++
				last = string(m.Body)
			}
		}
		if got != n {
			return fmt.Errorf("there are %d", got)
		}
		return nil
	})
	return last
}

func (s *stage) now() *hostv1.Dev {
	s.Helper()
	r, err := s.dev.GetDev(s.Context(), &hostv1.GetDevRequest{})
	if err != nil {
		s.Fatal(err)
	}
	return r.GetDev()
}

// counts waits until the counters are so; nothing may be lost or come twice.
func (s *stage) counts(sent uint64) {
	s.Helper()
	eventually(s, fmt.Sprintf("%d of %d answered", sent, sent), func() error {
		c := s.now().GetCounters()
		if c.GetSent() != sent || c.GetAnswered() != sent || c.GetWaiting() != 0 || c.GetLost() != 0 || c.GetDuplicated() != 0 {
			return errors.New(c.String())
		}
		return nil
	})
}

// TestDev: the whole playground, with everything in it killed, and nothing is lost, doubled or left behind.
func TestDev(t *testing.T) {
	t.Parallel()
	bin(t)
	began := time.Now()
	s := play(t)
	t.Logf("ready after %s", time.Since(began).Round(time.Millisecond))
	const user = "4915112345678"
	s.say(user, "echo me")
	if got := s.sees(user, 1); !strings.Contains(got, "echo me") {
		t.Errorf("answered with %s", got)
	}
	s.counts(1)
	t.Logf("answered after %s", time.Since(began).Round(time.Millisecond))

	// The page, and who may frame it and be framed.
	res, err := http.Get(s.ready.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	phone := strings.TrimSuffix(s.ready.Phones["whatsapp"], "/")
	if csp := res.Header.Get("Content-Security-Policy"); res.StatusCode != http.StatusOK || !strings.Contains(csp, "frame-src "+phone+";") {
		t.Errorf("%s, policy %s", res.Status, csp)
	}

	// A plugin that is killed, and a daemon.
	d := s.now()
	if st, err := s.host.GetStatus(t.Context(), &hostv1.GetStatusRequest{}); err != nil || !st.GetDevelopment() {
		t.Errorf("%v, %v", st, err)
	}
	if _, err := s.host.RestartPlugin(t.Context(), &hostv1.RestartPluginRequest{Id: "whatsapp", Kill: true}); err != nil {
		t.Fatal(err)
	}
	s.say(user, "echo after the plugin's death")
	s.sees(user, 2)
	killed, err := s.dev.KillDaemon(t.Context(), &hostv1.KillDaemonRequest{})
	if err != nil || killed.GetPid() != d.GetDaemonPid() {
		t.Fatalf("%v, %v; it was %d", killed, err, d.GetDaemonPid())
	}
	s.say(user, "echo after the daemon's death")
	s.sees(user, 3)
	s.counts(3)
	if now := s.now(); now.GetDaemonState() != "running" || now.GetDaemonRestarts() != 1 || now.GetDaemonPid() == killed.GetPid() {
		t.Errorf("%v", now)
	}

	// Faults. Who watches hears of them.
	watching, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes, err := s.dev.WatchDev(watching, &hostv1.WatchDevRequest{})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan bool, 1)
	go func() {
		for changes.Receive() {
			if f := changes.Msg().GetDev().GetEmulators()[0].GetFaults(); f[0].GetId() == "duplicate" && f[0].GetOn() {
				heard <- true
				return
			}
		}
		heard <- false
	}()
	if _, err := s.dev.SetFault(t.Context(), &hostv1.SetFaultRequest{Platform: "whatsapp", Id: "none", On: true}); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("an unknown fault: %v", err)
	}
	for i, id := range []string{"duplicate", "answer_lost", "bad_signature", "delay", "api_down"} {
		r, err := s.dev.SetFault(t.Context(), &hostv1.SetFaultRequest{Platform: "whatsapp", Id: id, On: true})
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		on := 0
		for _, f := range r.GetFaults() {
			if f.GetOn() {
				on++
			}
		}
		if on != i+1 {
			t.Errorf("%d faults are on after %s", on, id)
		}
	}
	if !<-heard {
		t.Errorf("nobody heard of the fault: %v", changes.Err())
	}
	for i := range 6 {
		s.say(fmt.Sprintf("491511234570%d", i), "echo in the storm")
	}
	for _, id := range []string{"duplicate", "answer_lost", "bad_signature", "delay", "api_down"} {
		if _, err := s.dev.SetFault(t.Context(), &hostv1.SetFaultRequest{Platform: "whatsapp", Id: id}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for i := range 6 {
		s.sees(fmt.Sprintf("491511234570%d", i), 1)
	}
	s.counts(9)

	// An agent of one's own, while everything runs.
	if err := os.WriteFile(filepath.Join(s.ready.Agents, "mine.yaml"), []byte(says("mine", "my own answer")), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new agent", func() error {
		l, err := s.host.ListAgents(t.Context(), &hostv1.ListAgentsRequest{})
		if err != nil || !strings.Contains(l.String(), `"mine"`) {
			return fmt.Errorf("%v, %w", l, err)
		}
		return nil
	})
	s.say(user, "/agent mine")
	s.sees(user, 4)
	s.say(user, "hello")
	if got := s.sees(user, 5); !strings.Contains(got, "my own answer") {
		t.Errorf("answered with %s", got)
	}

	s.process.stop(t)
	left(t, filepath.Dir(s.ready.Agents))
}

// left fails the test when something of a playground in dir is still there.
func left(t testing.TB, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", dir, err)
	}
	out, _ := exec.Command("ps", "-eo", "pid,args").Output()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, dir) {
			t.Errorf("a process is left: %s", line)
		}
	}
}

// TestDevWithOwnConfig: the user's secrets are not needed and not used, the folder is kept, and what is wrong is
// said.
func TestDevWithOwnConfig(t *testing.T) {
	t.Parallel()
	bin(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	write := func(name, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("agents/one.yaml", says("one", "as in production"))
	write("config.yaml", `kind: DaemonConfig
spec:
  server: {port: 1, host: 0.0.0.0}
  admin: {listen: "0.0.0.0:1", token_env: ADMIN_TOKEN}
  platforms:
    whatsapp: {phone_number_id_env: PHONE, access_token_env: TOKEN, verify_token_env: VERIFY, app_secret_env: SECRET}
  agents: {directory: agents}
`)
	s := play(t, "-c", config, filepath.Join(dir, "kept"))
	s.say("4915112345678", "hello")
	if got := s.sees("4915112345678", 1); !strings.Contains(got, "as in production") {
		t.Errorf("answered with %s", got)
	}
	// kill -9 of the playground itself takes the daemon and the emulator along.
	pid, phone := int(s.now().GetDaemonPid()), s.ready.Phones["whatsapp"]
	_ = s.process.Process.Kill()
	<-s.process.done
	eventually(t, "the end of the others", func() error {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process %d is still there: %w", pid, err)
		}
		if _, err := get(phone); err == nil {
			return errors.New("the emulator still answers")
		}
		return nil
	})
	if _, err := os.Stat(filepath.Join(dir, "kept", "data", "aofd.db")); err != nil {
		t.Error(err)
	}

	run := func(args ...string) (string, int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(bin(t), "aofd"), append([]string{"dev", "--no-open"}, args...)...)
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	write("bad.yaml", "kind: DaemonConfig\nspec:\n  agents: {directory: nowhere}\n")
	for what, c := range map[string]struct {
		args []string
		want string
	}{
		"a bad configuration": {[]string{"-c", filepath.Join(dir, "bad.yaml")}, "nowhere"},
		"a folder in use":     {[]string{dir + "/agents"}, "is not empty and has no config.yaml"},
		"no plugins":          {[]string{"--plugins-dir", dir}, "there is no plugin with an emulator in " + dir},
		"another machine":     {[]string{"--listen", "0.0.0.0:0"}, "not on the loopback interface"},
	} {
		if out, code := run(c.args...); code == 0 || !strings.Contains(out, c.want) {
			t.Errorf("%s: code %d, %s", what, code, out)
		}
	}
}
