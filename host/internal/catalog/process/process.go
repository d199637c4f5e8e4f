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
	complaint  error // what was wrong with stdout before a handshake; read after released

	mu     sync.Mutex
	pid    int  // 0 before Start
	killed bool // we wanted it dead

	exited   chan struct{} // closed when the leader is gone
	err      error         // how it ended; read after exited
	pipes    sync.WaitGroup
	released chan struct{} // closed when all that it said is read
}

const (
	maxBannerLines = 64
	// pipeGrace is how long what the plugin left running may still write to our pipes.
	pipeGrace = 500 * time.Millisecond
)

// handshakeLine also matches the handshakes that go-plugin refuses: it says why.
var handshakeLine = regexp.MustCompile(`^\d+\|\d+\|(unix|tcp)\|[^|]+(\|.*)?$`)

var errKilled = errors.New("it was stopped before it started")

// New returns a process that does not run yet.
func New(s Settings) *Process {
	p := &Process{Settings: s, exited: make(chan struct{}), released: make(chan struct{}), tail: &tail{}}
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
		err := p.begin(cmd)
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		// What the plugin started must not outlive it.
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		close(p.exited)
	}()
	return <-started
}

func (p *Process) begin(cmd *exec.Cmd) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return errKilled
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.pid = cmd.Process.Pid
	return nil
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
	close(p.released)
}

// readStdout hands the handshake line on; everything else is log.
func (p *Process) readStdout() {
	found := false
	before := 0
	readLines(p.stdout, func(line string) {
		if !found && before < maxBannerLines && handshakeLine.MatchString(line) {
			found = true
			// go-plugin stops reading when it gave up; the line is of no use then.
			_, _ = io.WriteString(p.handshakeW, line+"\n")
			return
		}
		if before++; !found && before == maxBannerLines {
			p.complaint = fmt.Errorf("no handshake in the first %d lines on stdout", maxBannerLines)
			_ = p.handshakeW.Close()
		}
		if !found {
			p.tail.add(line) // so that the report of a failed start has it
		}
		p.logStdout(line)
	})
	if !found && p.complaint == nil {
		p.complaint = errors.New("it closed its stdout without a handshake")
	}
	_ = p.handshakeW.Close()
}

func (p *Process) readStderr() { readLines(p.stderr, p.stderrLog()) }

func (p *Process) logStdout(line string) { p.Logger.Info(line, "stream", "stdout") }

// stderrLog returns a function that logs what the plugin writes, line by line.
func (p *Process) stderrLog() func(line string) {
	var d decoder
	return func(line string) {
		p.tail.add(line)
		r := d.decode(line)
		p.Logger.Log(context.Background(), r.level, r.message, r.attrs...)
	}
}

// Streams are writers for what comes over go-plugin's own stream: a plugin in Go prints there, once it made
// its handshake. It is log, too.
func (p *Process) Streams() (stdout, stderr io.Writer) {
	return &lines{fn: p.logStdout}, &lines{fn: p.stderrLog()}
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

// Killed says that the process ended because we killed it, not by itself.
func (p *Process) Killed() bool {
	<-p.exited
	p.mu.Lock()
	defer p.mu.Unlock()
	exit, ok := errors.AsType[*exec.ExitError](p.err)
	if !ok || !p.killed {
		return false
	}
	st, ok := exit.Sys().(syscall.WaitStatus)
	return ok && st.Signaled() && st.Signal() == syscall.SIGKILL
}

// Tail returns the last of what the process wrote to stderr, and to stdout before its handshake. It waits for the end of a process that was
// started.
func (p *Process) Tail() string {
	if p.PID() != 0 {
		<-p.released
	}
	return p.tail.String()
}

// Complaint is what was wrong with the stdout of a process that made no handshake. It waits like Tail.
func (p *Process) Complaint() error {
	if p.PID() == 0 {
		return nil
	}
	<-p.released
	return p.complaint
}

// End kills the process group and waits until nothing of it is left. A process that did not start yet never
// will.
func (p *Process) End() {
	_ = p.Signal(syscall.SIGKILL)
	if p.PID() != 0 {
		<-p.released
	}
}

// Signal sends a signal to the whole process group; a group that is gone is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = p.killed || sig == syscall.SIGKILL
	if p.pid == 0 {
		return nil // to send it to group 0 would hit ourselves
	}
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

// PID is the process id; 0 while it did not start.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

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
func (p *Process) ID() string { return strconv.Itoa(p.PID()) }

// Diagnose says nothing: while go-plugin asks, the process may still be writing. Tail and Complaint do.
func (p *Process) Diagnose(context.Context) string { return "" }

// PluginToHost translates nothing: both see the same files.
func (p *Process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin translates nothing.
func (p *Process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
