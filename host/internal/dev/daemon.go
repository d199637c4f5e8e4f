package dev

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// The states of the daemon.
const (
	starting = "starting"
	running  = "running"
	waiting  = "backoff"
	stopping = "stopping"
)

// daemon keeps a process of `aofd serve` running.
type daemon struct {
	args   []string
	stderr io.Writer
	// answers reports whether the process takes calls.
	answers func(ctx context.Context) bool
	changed func() // called after each change of status

	mu     sync.Mutex
	status status
	child  *child
	killed bool // by kill: it is started again at once
}

// status is how the daemon is.
type status struct {
	State, Reason string
	Restarts, PID int
	Misconfigured bool // that is why it does not run
}

// configInvalid is the exit code of a daemon whose configuration cannot be used.
const configInvalid = 2

// run starts the daemon again whenever it ends, until ctx does. It returns when no process is left.
func (d *daemon) run(ctx context.Context) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 200*time.Millisecond, 5*time.Second
	for {
		began := time.Now()
		reason := d.once(ctx)
		if ctx.Err() != nil {
			d.set(func(s *status) { s.State, s.Reason, s.PID = stopping, "", 0 })
			return
		}
		d.mu.Lock()
		atOnce := d.killed
		d.killed = false
		d.mu.Unlock()
		if time.Since(began) > 10*time.Second {
			wait.Reset()
		}
		pause := wait.NextBackOff()
		if atOnce {
			pause = 0
		}
		d.set(func(s *status) { s.State, s.Reason, s.PID, s.Restarts = waiting, reason, 0, s.Restarts+1 })
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// once runs one process to its end and says why it ended.
func (d *daemon) once(ctx context.Context) (reason string) {
	d.set(func(s *status) { s.State, s.PID = starting, 0 })
	exe, err := self()
	if err != nil {
		return err.Error()
	}
	c, err := spawn(exe, d.args, os.Environ(), d.stderr, d.stderr)
	if err != nil {
		return err.Error()
	}
	d.mu.Lock()
	d.child = c
	d.mu.Unlock()
	d.set(func(s *status) { s.PID = c.pid() })
	ready := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { c.stop(context.Background()) })
	defer stop()
	go func() { defer close(ready); d.awaitReady(ctx, c) }()
	<-c.gone
	<-ready
	d.set(func(s *status) { s.Misconfigured = c.code() == configInvalid })
	if c.code() == configInvalid {
		return "its configuration cannot be used: " + strings.TrimSpace(c.last.String())
	}
	return "it ended: " + c.cmd.ProcessState.String()
}

// awaitReady says that the daemon runs once it answers.
func (d *daemon) awaitReady(ctx context.Context, c *child) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c.gone:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if d.answers(ctx) {
			d.set(func(s *status) { s.State, s.Reason = running, "" })
			return
		}
	}
}

// kill kills the process as a crash would and returns its id; 0: there is none.
func (d *daemon) kill() int {
	d.mu.Lock()
	c := d.child
	alive := c != nil && d.status.PID == c.pid()
	d.killed = alive
	d.mu.Unlock()
	if !alive {
		return 0
	}
	c.kill()
	return c.pid()
}

func (d *daemon) set(change func(*status)) {
	d.mu.Lock()
	change(&d.status)
	d.mu.Unlock()
	d.changed()
}

func (d *daemon) now() status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status
}
