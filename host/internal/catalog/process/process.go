package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Settings of a Process.
type Settings struct {
	Path   string   // of the program
	Env    []string // all of its environment
	Logger *slog.Logger
}

// Process is one plugin process. It implements go-plugin's runner.Runner.
type Process struct {
	Settings
	stdin      *os.File // our end: closing it ends a well-behaved plugin
	stdout     *os.File
	stderr     *os.File
	handshake  *io.PipeReader
	handshakeW *io.PipeWriter
	tail       *tail

	pid    int
	exited chan struct{} // closed when the leader is gone
	err    error         // how it ended; read after exited
	pipes  sync.WaitGroup
}

const (
	maxBannerLines = 64
	// pipeGrace is how long what the plugin left running may still write to our pipes.
	pipeGrace = 500 * time.Millisecond
)

var handshakeLine = regexp.MustCompile(`^1\|\d+\|(unix|tcp)\|[^|]+\|grpc(\|.*)?$`)

// New returns a process that does not run yet.
func New(s Settings) *Process {
	p := &Process{Settings: s, exited: make(chan struct{}), tail: &tail{}}
	p.handshake, p.handshakeW = io.Pipe()
	return p
}

// Start starts the process.
func (p *Process) Start(context.Context) error {
	var child [3]*os.File // what the plugin gets as 0, 1 and 2
	closeAll := func() {
		for _, f := range append(child[:], p.stdin, p.stdout, p.stderr) {
			if f != nil {
				_ = f.Close()
			}
		}
	}
	var err error
	if child[0], p.stdin, err = os.Pipe(); err == nil {
		if p.stdout, child[1], err = os.Pipe(); err == nil {
			p.stderr, child[2], err = os.Pipe()
		}
	}
	if err != nil {
		closeAll()
		return fmt.Errorf("make pipes for the plugin: %w", err)
	}
	cmd := &exec.Cmd{
		Path: p.Path, Args: []string{p.Path}, Env: p.Env, Dir: "/",
		Stdin: child[0], Stdout: child[1], Stderr: child[2], SysProcAttr: attributes(),
	}
	if err := p.fork(cmd); err != nil {
		closeAll()
		return fmt.Errorf("start %s: %w", p.Path, err)
	}
	for _, f := range child {
		_ = f.Close() // the plugin has its own
	}
	p.pipes.Go(p.readStdout)
	p.pipes.Go(p.readStderr)
	go p.release()
	return nil
}

// fork starts the process on a thread that lives as long as the process does: the kernel kills a child when
// the thread that made it ends, and Go ends idle threads.
func (p *Process) fork(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		p.err = cmd.Wait()
		// What the plugin started must not outlive it.
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		close(p.exited)
	}()
	return <-started
}

// release closes our ends once the process is gone, even if something that it left running holds the others.
func (p *Process) release() {
	<-p.exited
	_ = p.stdin.Close()
	done := make(chan struct{})
	go func() { p.pipes.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(pipeGrace):
	}
	_ = p.stdout.Close()
	_ = p.stderr.Close()
	<-done
}

// readStdout hands the handshake line on; everything else is log.
func (p *Process) readStdout() {
	found := false
	lines := 0
	readLines(p.stdout, func(line string) {
		if !found && lines < maxBannerLines && handshakeLine.MatchString(line) {
			found = true
			// go-plugin stops reading when it gave up; the line is of no use then.
			_, _ = io.WriteString(p.handshakeW, line+"\n")
			return
		}
		if lines++; !found && lines >= maxBannerLines {
			_ = p.handshakeW.CloseWithError(fmt.Errorf("no handshake in the first %d lines on stdout", maxBannerLines))
		}
		p.Logger.Info(line, "stream", "stdout")
	})
	_ = p.handshakeW.Close()
}

func (p *Process) readStderr() {
	var d decoder
	readLines(p.stderr, func(line string) {
		p.tail.add(line)
		r := d.decode(line)
		p.Logger.Log(context.Background(), r.level, r.message, r.attrs...)
	})
}

// Exited is closed when the process is gone.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// ExitReason says how the process ended, such as "exit status 1" or "signal: killed".
func (p *Process) ExitReason() string {
	<-p.exited
	if p.err != nil {
		return p.err.Error()
	}
	return "exit status 0"
}

// Tail returns the last of what the process wrote to stderr.
func (p *Process) Tail() string { return p.tail.String() }

// Signal sends a signal to the whole process group; a group that is gone is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	select {
	case <-p.exited:
		return nil // the number may be somebody else's by now
	default:
	}
	if err := syscall.Kill(-p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal the plugin's process group: %w", err)
	}
	return nil
}

// PID is the process id.
func (p *Process) PID() int { return p.pid }

// The rest is what go-plugin asks of a runner.

// Wait returns when the process is gone.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.exited:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill kills the process group.
func (p *Process) Kill(context.Context) error { return p.Signal(syscall.SIGKILL) }

// Stdout has the handshake line, and ends with the process.
func (p *Process) Stdout() io.ReadCloser { return p.handshake }

// Stderr is empty: what the plugin says there is log, and read by this package.
func (p *Process) Stderr() io.ReadCloser { return io.NopCloser(eof{}) }

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// Name is the program's path.
func (p *Process) Name() string { return p.Path }

// ID is the process id.
func (p *Process) ID() string { return strconv.Itoa(p.pid) }

// Diagnose tells what the process said before it failed to start.
func (p *Process) Diagnose(context.Context) string {
	if t := p.Tail(); t != "" {
		return "its last words: " + t
	}
	return "it said nothing"
}

// PluginToHost translates nothing: both see the same files.
func (p *Process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin translates nothing.
func (p *Process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
