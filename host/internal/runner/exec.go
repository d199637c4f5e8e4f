package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/sdk/chat"
)

// program runs an agent that is a program: one process for each run.
type program struct {
	config.Exec
	folder string // of the agent's file
	mark   string // see Settings.Mark
	log    *slog.Logger
}

// killAfter is how long a program may take to end once it was asked to.
const killAfter = 2 * time.Second

func newProgram(c config.Exec, folder string, s Settings) *program {
	return &program{Exec: c, folder: folder, mark: s.Mark, log: s.Logger}
}

// path finds the program. A relative one with a slash in it is in the folder of the agent's file. It is looked
// up anew for each run, so that a program that is repaired works without a restart.
func (p *program) path() (string, error) {
	name := p.Command[0]
	if strings.ContainsRune(name, filepath.Separator) && !filepath.IsAbs(name) {
		name = filepath.Join(p.folder, name)
	}
	path, err := exec.LookPath(name)
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	}
	if err != nil {
		return "", fmt.Errorf("the program %s cannot be run: %w", name, err)
	}
	return path, nil
}

// Check implements Runner.
func (p *program) Check() error {
	_, err := p.path()
	return err
}

// Close implements Runner. A program ends with its run, so nothing is held.
func (*program) Close() error { return nil }

func (p *program) run(ctx context.Context, r chat.Run, emit func(chat.Event)) (chat.Event, error) {
	path, err := p.path()
	if err != nil {
		return chat.Event{}, failed(codeStart, "%v", err)
	}
	request, err := json.Marshal(r)
	if err != nil {
		return chat.Event{}, failed(codeGarbage, "the request cannot be written as JSON: %v", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := &stdout{answer: answer{emit: emit, log: p.log}, stop: cancel}
	errs := &stderr{log: p.log.With("run", r.ID)}
	cmd := exec.CommandContext(ctx, path, p.Command[1:]...)
	cmd.Dir = p.Dir
	cmd.Env = p.environment()
	if t := chat.Traceparent(ctx); t != "" {
		cmd.Env = append(cmd.Env, "TRACEPARENT="+t)
	}
	cmd.Stdin = bytes.NewReader(append(request, '\n'))
	cmd.Stdout, cmd.Stderr = out, errs
	cmd.SysProcAttr = attributes()
	// The whole group is asked to end, then made to: what the program started must not outlive the run.
	var kill *time.Timer
	cmd.Cancel = func() error {
		kill = time.AfterFunc(killAfter, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	}
	cmd.WaitDelay = killAfter + time.Second
	err = start(cmd)
	if kill != nil {
		kill.Stop()
	}
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // nothing is left of it, as a rule
	}
	errs.flush()
	return p.conclude(ctx, err, out, errs)
}

// start runs the program on a thread that lives as long as the program: on Linux the kernel kills a child
// whose making thread ends, which is meant to happen when the daemon dies and at no other time.
func start(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		done <- cmd.Run()
	}()
	return <-done
}

// conclude says how the run ended.
func (p *program) conclude(ctx context.Context, err error, out *stdout, errs *stderr) (chat.Event, error) {
	if f, ok := errors.AsType[failure](context.Cause(ctx)); ok {
		return chat.Event{}, f // its own output ended it
	}
	end, bad := out.answer.finish()
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case exited && end.Error != nil: // it said itself what went wrong
		return end, nil
	case exited:
		return chat.Event{}, failed(codeExit, "%s ended with %s%s", p.Command[0], exit, errs.last())
	case errors.Is(err, exec.ErrWaitDelay): // it ended well, but something that it started held its output
		return end, bad
	case errors.Is(err, syscall.ENOEXEC), errors.Is(err, fs.ErrNotExist):
		return chat.Event{}, failed(codeStart, "%v: does its first line name a program that is there, such as #!/bin/sh, "+
			"and end without a carriage return?", err)
	case err != nil:
		return chat.Event{}, failed(codeStart, "%s: %v", p.Command[0], err)
	}
	return end, bad
}

// passed are the variables of the daemon's environment that programs get. Nothing else is: it may hold the
// secrets of platforms.
var passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "KUBECONFIG", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}

// markVariable holds the mark of the daemon that a program belongs to.
const markVariable = "AOFD_DAEMON"

// environment is what a program gets: the passed variables, the mark, and what the agent's file sets, which
// comes last and so wins.
func (p *program) environment() (env []string) {
	for _, kv := range os.Environ() {
		if name, _, ok := strings.Cut(kv, "="); ok && (slices.Contains(passed, name) || strings.HasPrefix(name, "LC_")) {
			env = append(env, kv)
		}
	}
	env = append(env, markVariable+"="+p.mark)
	for name, value := range p.Env {
		env = append(env, name+"="+value)
	}
	return env
}

// stdout hands the program's output to the answer. A failure ends the run.
type stdout struct {
	answer answer
	stop   context.CancelCauseFunc
	broken bool
}

func (s *stdout) Write(p []byte) (int, error) {
	if !s.broken {
		if err := s.answer.add(p); err != nil {
			s.broken = true
			s.stop(err)
		}
	}
	return len(p), nil // the rest is read and thrown away, so that the program does not hang
}

// How much of a run's stderr is logged, in bytes.
const (
	maxLine   = 4 << 10 // of one line
	maxStderr = 64 << 10
)

// stderr logs the program's other output, line by line.
type stderr struct {
	log  *slog.Logger
	mu   sync.Mutex
	line []byte // the current line, as far as it came
	tail string // the last whole line that is not blank
	size int    // bytes of all lines
}

func (s *stderr) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range p {
		if b == '\n' {
			s.end()
		} else if len(s.line) < maxLine {
			s.line = append(s.line, b)
		}
	}
	return len(p), nil
}

// end logs the current line. The caller holds mu.
func (s *stderr) end() {
	if text := strings.TrimRight(strings.ToValidUTF8(string(s.line), "\uFFFD"), " \t\r"); text != "" {
		switch before := s.size; {
		case before > maxStderr:
		case before+len(text) > maxStderr:
			s.log.Warn("the agent says too much; the rest of its stderr is left out", "limit_bytes", maxStderr)
		default:
			s.log.Info("the agent says", "stderr", text)
		}
		s.size += len(text)
		s.tail = text
	}
	s.line = s.line[:0]
}

func (s *stderr) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

// last is the last line, which mostly says what went wrong.
func (s *stderr) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tail == "" {
		return ""
	}
	return ": " + s.tail
}
