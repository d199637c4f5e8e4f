package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a child may take to end by itself.
const stopTime = 10 * time.Second

// child is a running process of ours, in a group of its own: Ctrl-C reaches it through us only.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer // closed when we end, however that happens: a child that watches it ends, too
	gone  chan struct{}
	err   error // why it ended; for reading once gone is closed
	last  tail
}

// spawn starts a program. What it writes to stderr is passed on; stdout is the caller's.
func spawn(name string, args, env []string, stdout io.Writer, stderr io.Writer) (*child, error) {
	c := &child{cmd: exec.Command(name, args...), gone: make(chan struct{})}
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = env, stdout, io.MultiWriter(stderr, &c.last)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.gone)
	}()
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// kill ends it at once, as a crash would: what it started itself is left to those who look after that.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may be gone already
	<-c.gone
}

// stop asks it to end and waits; after stopTime, or at the end of ctx, its whole group is killed.
func (c *child) stop(ctx context.Context) {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	_ = c.stdin.Close()
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-c.gone:
	case <-timer.C:
	case <-ctx.Done():
	}
	_ = syscall.Kill(-c.pid(), syscall.SIGKILL) // what is left of it, if anything
	<-c.gone
}

// code is the exit code of a child that is gone; -1 when a signal ended it.
func (c *child) code() int {
	if e, ok := errors.AsType[*exec.ExitError](c.err); ok {
		return e.ExitCode()
	}
	if c.err != nil {
		return -1
	}
	return 0
}

// tail keeps the last bytes that were written.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if n := len(t.buf) - tailSize; n > 0 {
		t.buf = t.buf[n:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

// self is the path of this program.
func self() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return exe, nil
}
