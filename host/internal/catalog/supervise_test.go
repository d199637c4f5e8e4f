package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/sdk/chat"
)

// reached says whether the plugin ever was in a state.
func (f *fixture) reached(s catalog.State) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.states, func(st catalog.Status) bool { return st.State == s })
}

func kill(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if pid == 0 {
		t.Fatal("no process to signal")
	}
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

// freeze stops all threads of a process.
func freeze(t *testing.T, pid int) {
	t.Helper()
	kill(t, pid, syscall.SIGSTOP)
	eventually(t, "the process to freeze", func() bool {
		tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/stat")
		if err != nil || len(tasks) == 0 {
			t.Skip("needs /proc")
		}
		return !slices.ContainsFunc(tasks, func(file string) bool {
			stat, _ := os.ReadFile(file)
			_, state, _ := strings.Cut(string(stat), ") ")
			return !strings.HasPrefix(state, "T")
		})
	})
}

// killed kills the plugin and waits for the next process.
func killed(t *testing.T, p *catalog.Plugin) {
	t.Helper()
	before := p.Status()
	kill(t, before.PID, syscall.SIGKILL)
	eventually(t, "a new process", func() bool {
		st := p.Status()
		return st.State == catalog.StateReady && st.PID != before.PID
	})
	if running(before.PID) {
		t.Error("the killed process is still there")
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	return len(all)
}

// Not parallel: it counts what the whole process has.
func TestFiftyKillsLeaveNoLitter(t *testing.T) {
	f := open(t, quick, "good")
	p := f.start(t, "good")
	killed(t, p)
	run := runDir(t, p)
	goroutines, open := runtime.NumGoroutine(), descriptors(t)
	for range 50 {
		killed(t, p)
	}
	if got := mustSay(t, p, "name"); got != "ann" {
		t.Errorf("after the restarts it is configured for %q", got)
	}
	if st := p.Status(); st.Crashes != 51 || len(st.Accounts) != 1 {
		t.Errorf("status %+v", st)
	}
	dirs, err := filepath.Glob(filepath.Join(run, "*"))
	if err != nil || len(dirs) != 3 { // lock, store, and the running process
		t.Errorf("litter: %v, %v", dirs, err)
	}
	if store, _ := filepath.Glob(filepath.Join(run, "store", "*")); len(store) != 1 {
		t.Errorf("litter in the store: %v", store)
	}
	eventually(t, "the goroutines and descriptors of the dead to go", func() bool {
		return runtime.NumGoroutine() <= goroutines+3 && descriptors(t) <= open+3
	})
}

func TestReconfigurationSurvivesARestart(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	config := []byte(`{"token":"canary-4711","name":"bob"}`)
	if _, err := p.Configure(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	clear(config) // the caller's, to do with as it likes
	if _, err := p.Configure(t.Context(), []byte(`{"token":""}`)); reason(err) != chat.ReasonConfigInvalid {
		t.Errorf("a bad configuration: %v", err)
	}
	killed(t, p)
	if got := mustSay(t, p, "name"); got != "bob" {
		t.Errorf("after the restart it is configured for %q", got)
	}
}

// Whatever the order of death and configuration, the last configuration that was taken is in force.
func TestConfigureDuringRestarts(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	for i := range 15 {
		pid := p.Status().PID
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(time.Duration(i) * 200 * time.Microsecond) // to hit different moments
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}()
		name := fmt.Sprint("name", i)
		_, err := p.Configure(t.Context(), fmt.Appendf(nil, `{"token":"t","name":%q}`, name))
		<-done
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "a new process", func() bool { return p.Status().PID != pid && p.Status().State == catalog.StateReady })
		if got := mustSay(t, p, "name"); got != name {
			t.Fatalf("configured for %q, want %q", got, name)
		}
	}
}

func TestFrozenPlugin(t *testing.T) {
	t.Parallel()
	timing := quick
	timing.Stop = 300 * time.Millisecond
	f := open(t, timing, "good")
	p := f.start(t, "good")
	pid := p.Status().PID
	freeze(t, pid)
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := say(ctx, p, "hi"); reason(err) != chat.ReasonTimeout {
		t.Errorf("a call with 200 ms: %v", err)
	}
	if _, err := p.VerifySignature(t.Context(), chat.Request{}); reason(err) != chat.ReasonTimeout {
		t.Errorf("a call without a deadline: %v", err)
	}
	_, err := p.SendResponse(ctx, chat.Delivery{})
	if e := chat.AsError(err); e == nil || e.Reason != chat.ReasonTimeout && e.Reason != chat.ReasonUnavailable {
		t.Errorf("a send: %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the calls took %s", took)
	}
	begin = time.Now()
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); running(pid) || took > 5*time.Second {
		t.Errorf("running %v after %s of Close", running(pid), took)
	}
}

// A Close whose time is over uses force at once.
func TestCloseWithoutTime(t *testing.T) {
	t.Parallel()
	timing := quick
	timing.Stop = time.Hour
	f := open(t, timing, "good")
	p := f.start(t, "good")
	pid := p.Status().PID
	freeze(t, pid)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := f.Close(ctx); err != nil || running(pid) {
		t.Errorf("running %v, %v", running(pid), err)
	}
}

func TestCloseBreaksOffAStart(t *testing.T) {
	t.Parallel()
	timing := quick
	timing.Start = time.Hour
	f := open(t, timing, "silent", "good")
	result := make(chan error, 1)
	go func() { _, err := f.Start(context.WithoutCancel(t.Context()), "silent"); result <- err }()
	eventually(t, "the process to begin", func() bool { return f.logs.has("INFO", "still thinking") })
	f.start(t, "good") // does not wait for the other
	begin := time.Now()
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Close took %s", took)
	}
	if err := <-result; err == nil || !strings.Contains(err.Error(), "broken off") {
		t.Errorf("the start said %v", err)
	}
}

func TestHungPluginIsReplaced(t *testing.T) {
	t.Parallel()
	timing := quick
	timing.HealthEvery, timing.HealthWait, timing.HealthMisses = 50*time.Millisecond, 2*time.Second, 1
	f := open(t, timing, "good")
	p := f.start(t, "good")
	pid := p.Status().PID
	freeze(t, pid)
	eventually(t, "a new process", func() bool { st := p.Status(); return st.State == catalog.StateReady && st.PID != pid })
	if running(pid) {
		t.Error("the frozen process is still there")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.ContainsFunc(f.states, func(st catalog.Status) bool { return strings.Contains(st.Reason, "hung") }) {
		t.Errorf("nobody said that it hung: %+v", f.states)
	}
}

func TestCrashLoop(t *testing.T) {
	t.Parallel()
	timing := quick
	timing.CrashLimit, timing.Probe = 3, 50*time.Millisecond
	f := open(t, timing, "moody")
	p := f.start(t, "moody")
	if err := os.WriteFile(f.flag(), []byte("in a bad mood\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	kill(t, p.Status().PID, syscall.SIGKILL)
	eventually(t, "the quarantine", func() bool { return f.reached(catalog.StateQuarantined) })
	f.mu.Lock()
	states := slices.Clone(f.states)
	f.mu.Unlock()
	var deaths int
	for _, st := range states {
		switch st.State {
		case catalog.StateBackoff:
			deaths++
			if st.PID != 0 || st.Reason == "" {
				t.Errorf("in backoff: %+v", st)
			}
			if deaths > 1 && !strings.Contains(st.Reason, "in a bad mood") {
				t.Errorf("the reason has no last words: %+v", st)
			}
		case catalog.StateQuarantined:
			if deaths < 3 || !strings.Contains(st.Reason, "it died 3 times") {
				t.Errorf("quarantined after %d deaths: %+v", deaths, st)
			}
		}
	}
	if err := os.Remove(f.flag()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its recovery", func() bool { return p.Status().State == catalog.StateReady })
	if got := mustSay(t, p, "name"); got != "ann" {
		t.Errorf("after its recovery it is configured for %q", got)
	}
}

func TestCallsOfAPluginThatIsAway(t *testing.T) {
	t.Parallel()
	timing := quick
	timing.CrashLimit, timing.Probe, timing.BackoffMin, timing.BackoffMax = 2, time.Hour, 300*time.Millisecond, 600*time.Millisecond
	timing.CallWait = 50 * time.Millisecond
	f := open(t, timing, "moody")
	p := f.start(t, "moody")
	if err := os.WriteFile(f.flag(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	kill(t, p.Status().PID, syscall.SIGKILL)
	away := func(state catalog.State, limit time.Duration) {
		t.Helper()
		eventually(t, string(state), func() bool { return p.Status().State == state })
		begin := time.Now()
		_, err := say(t.Context(), p, "hi")
		if reason(err) != chat.ReasonUnavailable || !strings.Contains(err.Error(), "platform(moody)") {
			t.Errorf("%s: parse: %v", state, err)
		}
		_, err = p.SendResponse(t.Context(), chat.Delivery{})
		if e := chat.AsError(err); reason(err) != chat.ReasonUnavailable || e.Sent != chat.SentNo {
			t.Errorf("%s: send: %+v", state, e)
		}
		if took := time.Since(begin); took > limit {
			t.Errorf("%s: the calls took %s", state, took)
		}
	}
	away(catalog.StateBackoff, 5*time.Second)
	away(catalog.StateQuarantined, 5*time.Second)
}

// A send that dies under way may have gone out.
func TestDeathDuringASend(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	_, err := p.SendResponse(t.Context(), chat.Delivery{Response: chat.Response{Text: "exit"}})
	if e := chat.AsError(err); reason(err) != chat.ReasonUnavailable || e.Sent != chat.SentUnknown {
		t.Errorf("%+v", e)
	}
	eventually(t, "the restart", func() bool { st := p.Status(); return st.State == catalog.StateReady && st.Crashes == 1 })
}

func TestLastWordsAreReported(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	if _, err := say(t.Context(), p, "exit"); reason(err) != chat.ReasonUnavailable {
		t.Errorf("%v", err)
	}
	eventually(t, "the report", func() bool {
		return f.logs.has("ERROR", "the plugin died", "reason", "the process ended: exit status 5", "last_words", "these are my last words", "plugin", "good")
	})
}

func TestPureCallIsRepeatedOnTheNextProcess(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	for range 5 {
		kill(t, p.Status().PID, syscall.SIGKILL)
		if got := mustSay(t, p, "hi"); got != "hi" {
			t.Errorf("parsed %q", got)
		}
		eventually(t, "a process", func() bool { return p.Status().State == catalog.StateReady })
	}
}

func TestPanicCostsOneCall(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	pid := p.Status().PID
	if _, err := say(t.Context(), p, "panic"); reason(err) != chat.ReasonPluginPanic {
		t.Errorf("%v", err)
	}
	if got := mustSay(t, p, "hi"); got != "hi" || p.Status().PID != pid || p.Status().Crashes != 0 {
		t.Errorf("%q, %+v", got, p.Status())
	}
}

func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	var wg sync.WaitGroup
	var lost atomic.Int64
	for g := range 16 {
		wg.Go(func() {
			p, err := f.Start(t.Context(), "good") // all at once
			if err == nil {
				_, err = p.Configure(t.Context(), []byte(`{"token":"t","name":"ann"}`))
			}
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 25 {
				if g == 0 && i == 10 {
					_ = syscall.Kill(p.Status().PID, syscall.SIGKILL)
				}
				body := fmt.Sprint(g, "-", i)
				got, err := say(t.Context(), p, body)
				if err != nil || got != body {
					lost.Add(1)
					t.Logf("%s: %q, %v", body, got, err)
				}
				_, _ = p.Status(), p.Info()
			}
		})
	}
	wg.Wait()
	if lost.Load() > 0 {
		t.Errorf("%d calls were lost over one restart", lost.Load())
	}
}

func TestLimitOfCallsAtOnce(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "limited")
	p := f.start(t, "limited")
	file := filepath.Join(t.TempDir(), "go-on")
	result := make(chan error, 1)
	go func() { _, err := say(context.WithoutCancel(t.Context()), p, "wait "+file); result <- err }()
	eventually(t, "the limit to hold", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := say(ctx, p, "hi")
		return reason(err) == chat.ReasonUnavailable && strings.Contains(err.Error(), "too many calls")
	})
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	mustSay(t, p, "hi")
}

// Close lets calls end that are under way.
func TestCloseWaitsForCalls(t *testing.T) {
	t.Parallel()
	timing := quick
	timing.Stop = 20 * time.Second
	f := open(t, timing, "good")
	p := f.start(t, "good")
	dir := t.TempDir()
	file := filepath.Join(dir, "go-on")
	result := make(chan error, 1)
	closed := make(chan error, 1)
	go func() { _, err := say(context.WithoutCancel(t.Context()), p, "wait "+file); result <- err }()
	eventually(t, "the call to begin", func() bool { return exists(file + ".begun") })
	go func() { closed <- f.Close(context.WithoutCancel(t.Context())) }()
	eventually(t, "the plugin to stop", func() bool { return p.Status().State == catalog.StateStopped })
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("the call was cut: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestGrandchildHoldsThePipes(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"group", "setsid"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			f := open(t, quick, "good")
			p := f.start(t, "good")
			pid, err := strconv.Atoi(mustSay(t, p, "child "+how))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
			killed(t, p) // an exit is noticed although the pipes stay open
			begin := time.Now()
			if how == "group" {
				eventually(t, "the end of the process group", func() bool { return !running(pid) })
				if pid, err = strconv.Atoi(mustSay(t, p, "child "+how)); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("Close took %s", took)
			}
			if how == "group" {
				eventually(t, "the end of the process group", func() bool { return !running(pid) })
			}
		})
	}
}

func TestReplacedBinary(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	path := filepath.Join(f.dir, "aof-platform-good")
	// In place, as cp does it: what runs is not this file, so that is possible.
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "=one", "=two")), 0o755) //nolint:gosec // a program
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := mustSay(t, p, "version"); got != "one" {
		t.Errorf("before the restart: %q", got)
	}
	killed(t, p)
	if got := mustSay(t, p, "version"); got != "two" {
		t.Errorf("after the restart: %q", got)
	}
	// A file that turned unsafe is not run, and runs again once that is mended.
	if err := os.Chmod(path, 0o777); err != nil { //nolint:gosec // on purpose
		t.Fatal(err)
	}
	kill(t, p.Status().PID, syscall.SIGKILL)
	eventually(t, "the refusal", func() bool { return strings.Contains(p.Status().Reason, "others may write to it") })
	if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	eventually(t, "the restart", func() bool { return p.Status().State == catalog.StateReady })
}

// A replacement that is another plugin does not run in the first one's place.
func TestReplacedByAnImpostor(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	script(t, filepath.Join(f.dir, "aof-platform-good"), "impostor")
	kill(t, p.Status().PID, syscall.SIGKILL)
	eventually(t, "the stop", func() bool {
		st := p.Status()
		return st.State == catalog.StateStopped && strings.Contains(st.Reason, "somebody-else")
	})
	begin := time.Now()
	if _, err := say(t.Context(), p, "hi"); reason(err) != chat.ReasonUnavailable || time.Since(begin) > time.Second {
		t.Errorf("a call: %v after %s", err, time.Since(begin))
	}
}

// Cleaners of temporary files take what nobody touched for days.
func TestRunFolderThatWasCleaned(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	if err := os.RemoveAll(runDir(t, p)); err != nil {
		t.Fatal(err)
	}
	killed(t, p)
	mustSay(t, p, "hi")
}

func TestTwoHosts(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	dir := t.TempDir()
	script(t, filepath.Join(dir, "aof-platform-good"), "good")
	for range 8 { // each looks for what dead hosts left while the others make their folders
		wg.Go(func() {
			for range 10 {
				c, err := catalog.Open(catalog.Settings{Dirs: []string{dir}})
				if err != nil {
					t.Error(err)
					continue
				}
				if err := errors.Join(c.Close(t.Context()), c.Close(t.Context())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
