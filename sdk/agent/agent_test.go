package agent_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"github.com/aof-dev/aofd/sdk/agent"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/wire"
)

// The test binary is the agent, too: started with this variable it is what an author writes.
const asAgent = "TEST_AS_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(asAgent) != "" {
		slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
		agent.Main(spec)
	}
	goleak.VerifyTestMain(m)
}

var spec = agent.Spec{
	Name: "test", Description: "For tests.", Version: "1.2.3", Capabilities: []string{"interrupt"}, MaxRuns: 3,
	Handle: handle,
}

// handle does what the message says.
func handle(ctx context.Context, run chat.Run, emit func(chat.Event) error) (chat.Response, error) {
	answer := chat.Response{Text: "the answer"}
	if run.Resume != nil {
		return chat.Response{Text: "resumed with " + string(run.Resume.State)}, nil
	}
	switch run.Message.Text {
	case "steps":
		for _, e := range []chat.Event{
			{Progress: &chat.Progress{Text: "looking"}},
			{Delta: &chat.Delta{Text: "the "}},
			{Partial: &chat.Partial{Response: chat.Response{Text: "so far"}}},
		} {
			if err := emit(e); err != nil {
				return chat.Response{}, err
			}
		}
	case "panic":
		panic("boom")
	case "fail":
		return chat.Response{}, errors.New("disk full")
	case "reason":
		return chat.Response{}, &chat.Error{Reason: chat.ReasonUpstreamError, Text: "model is down"}
	case "permanent":
		return chat.Response{}, &chat.Error{Reason: chat.ReasonPermissionDenied, Permanent: true}
	case "ask":
		return answer, emit(chat.Event{Interrupt: &chat.Interrupt{
			ID: "i", Requests: []chat.InterruptRequest{{ID: "r", Prompt: "really?", Question: &chat.Question{FreeText: true}}},
		}})
	case "twice":
		if err := emit(chat.Event{Final: &chat.Final{Response: answer, Usage: &chat.Usage{InputTokens: 5}}}); err != nil {
			return chat.Response{}, err
		}
		if emit(chat.Event{Delta: &chat.Delta{Text: "too late"}}) == nil {
			return chat.Response{}, errors.New("an event after the end was taken")
		}
	case "wait":
		if err := emit(chat.Event{Progress: &chat.Progress{Text: "waiting"}}); err != nil {
			return chat.Response{}, err
		}
		<-ctx.Done()
		return chat.Response{}, ctx.Err()
	case "finish":
		if err := emit(chat.Event{Progress: &chat.Progress{Text: "waiting"}}); err != nil {
			return chat.Response{}, err
		}
		for { // until the test lets it go on
			if _, err := os.Stat(run.Vars["until"]); err == nil {
				return answer, nil
			}
			select {
			case <-ctx.Done():
				return chat.Response{}, ctx.Err()
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	return answer, nil
}

// process is a running agent.
type process struct {
	*wire.AgentClient
	conn *grpc.ClientConn
	cmd  *exec.Cmd
	addr string
	log  *safeLog
}

type safeLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *safeLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.WriteString(line)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs the agent on addr and waits until it listens.
func start(t *testing.T, addr string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0]), log: &safeLog{}}
	p.cmd.Env = []string{asAgent + "=1", agent.EnvAddr + "=" + addr}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listens, read := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(read)
		for r := bufio.NewReader(stderr); ; {
			line, err := r.ReadString('\n')
			p.log.add(line)
			var record struct{ Msg, Address string }
			if json.Unmarshal([]byte(line), &record) == nil && record.Msg == "the agent listens" {
				listens <- record.Address
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // when the test has not ended it
		<-read
		_ = p.cmd.Wait()
	})
	select {
	case p.addr = <-listens:
	case <-read:
		t.Fatalf("the agent ended:\n%s", p.log)
	}
	if p.conn, err = grpc.NewClient(p.addr, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.conn.Close() })
	p.AgentClient = wire.NewAgentClient(p.conn)
	return p
}

// say runs the agent once and returns its events.
func (p *process) say(t *testing.T, run chat.Run) (events []chat.Event, err error) {
	t.Helper()
	err = p.Handle(t.Context(), run, func(e chat.Event) error {
		events = append(events, e)
		return nil
	})
	return events, err
}

func message(id, text string) chat.Run {
	return chat.Run{ID: id, Agent: "test", Message: &chat.Message{Text: text}}
}

func TestDescribeHealthAndReflection(t *testing.T) {
	t.Parallel()
	p := start(t, "127.0.0.1:0")
	info, err := p.Describe(t.Context())
	if err != nil || info.Name != "test" || info.Description != "For tests." || info.Version != "1.2.3" ||
		!slices.Equal(info.Capabilities, []string{"interrupt"}) {
		t.Errorf("got %+v, %v", info, err)
	}
	for _, service := range []string{"", agent.ServiceName} {
		out, err := healthv1.NewHealthClient(p.conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || out.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", service, out, err)
		}
	}
	stream, err := reflectionv1.NewServerReflectionClient(p.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := stream.Recv()
	if err != nil || !strings.Contains(out.String(), agent.ServiceName) {
		t.Errorf("reflection: %v, %v", out, err)
	}
}

func TestEachRunEndsOnce(t *testing.T) {
	t.Parallel()
	p := start(t, "127.0.0.1:0")
	final := func(e chat.Event) bool { return e.Final != nil && e.Final.Response.Text == "the answer" }
	failed := func(code string, retryable bool) func(chat.Event) bool {
		return func(e chat.Event) bool {
			return e.Error != nil && e.Error.Code == code && e.Error.Retryable == retryable
		}
	}
	cases := []struct {
		text   string
		events int
		last   func(chat.Event) bool
	}{
		{"hello", 1, final},
		{"steps", 4, final},
		{"panic", 1, failed(agent.CodePanic, false)},
		{"fail", 1, failed(agent.CodeFailed, false)},
		{"reason", 1, failed("UPSTREAM_ERROR", true)},
		{"permanent", 1, failed("PERMISSION_DENIED", false)},
		{"ask", 1, func(e chat.Event) bool { return e.Interrupt != nil && e.Interrupt.Requests[0].Prompt == "really?" }},
		{"twice", 1, func(e chat.Event) bool { return final(e) && e.Final.Usage.InputTokens == 5 }},
	}
	for _, c := range cases {
		events, err := p.say(t, message(c.text, c.text))
		if err != nil || len(events) != c.events || !c.last(events[len(events)-1]) {
			t.Errorf("%s: %+v, %v", c.text, events, err)
		}
	}
	events, err := p.say(t, chat.Run{ID: "r", Resume: &chat.Resume{InterruptID: "i", State: []byte("notes")}})
	if err != nil || len(events) != 1 || events[0].Final.Response.Text != "resumed with notes" {
		t.Errorf("resume: %+v, %v", events, err)
	}
	if log := p.log.String(); !strings.Contains(log, `"panic":"boom"`) || !strings.Contains(log, "agent_test.handle") {
		t.Errorf("the log has no stack of the panic:\n%s", log)
	}
}

func TestBadRunsAreRefused(t *testing.T) {
	t.Parallel()
	p := start(t, "127.0.0.1:0")
	for name, run := range map[string]chat.Run{
		"no id": message("", "hello"), "nothing to answer": {ID: "a"},
		"message and resume": {ID: "a", Message: &chat.Message{}, Resume: &chat.Resume{}},
	} {
		if events, err := p.say(t, run); chat.AsError(err).Reason != chat.ReasonBadRequest || len(events) != 0 {
			t.Errorf("%s: %v, %v", name, events, err)
		}
	}
}

// begin starts a run that waits, and returns when it does.
func (p *process) begin(t *testing.T, run chat.Run) (last <-chan chat.Event) {
	t.Helper()
	began, ended := make(chan struct{}), make(chan chat.Event, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var end chat.Event
		once := sync.OnceFunc(func() { close(began) })
		_ = p.Handle(context.WithoutCancel(t.Context()), run, func(e chat.Event) error {
			once()
			end = e
			return nil
		})
		once()
		ended <- end
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-done })
	<-began
	return ended
}

func TestCancelDeadlineAndDuplicates(t *testing.T) {
	t.Parallel()
	p := start(t, "127.0.0.1:0")
	ended := p.begin(t, message("1", "wait"))
	if _, err := p.say(t, message("1", "hello")); chat.AsError(err).Reason != chat.ReasonBusy {
		t.Errorf("the same run again: %v", err)
	}
	p.begin(t, message("2", "wait"))
	p.begin(t, message("3", "wait"))
	if _, err := p.say(t, message("4", "hello")); chat.AsError(err).Reason != chat.ReasonBusy {
		t.Errorf("one run too many: %v", err)
	}
	if err := p.Cancel(t.Context(), "1", "the user said stop"); err != nil {
		t.Error(err)
	}
	if e := <-ended; e.Error == nil || e.Error.Code != agent.CodeCancelled || !strings.Contains(e.Error.Detail, "said stop") {
		t.Errorf("after Cancel: %+v", e)
	}
	if err := p.Cancel(t.Context(), "1", ""); err != nil {
		t.Errorf("cancelling what is over: %v", err)
	}
	run := message("1", "wait") // the id is free again
	run.Deadline = time.Now().Add(30 * time.Millisecond)
	events, err := p.say(t, run)
	if err != nil || events[len(events)-1].Error == nil || events[len(events)-1].Error.Code != agent.CodeTimeout {
		t.Errorf("deadline: %+v, %v", events, err)
	}
}

func TestTermLetsRunsFinish(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "a")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := start(t, "unix:"+filepath.Join(dir, "s"))
	run := message("1", "finish")
	run.Vars = map[string]string{"until": filepath.Join(dir, "go")}
	ended := p.begin(t, run)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the agent to take no more runs", func() bool {
		_, err := p.say(t, message("2", "hello"))
		return err != nil
	})
	if err := os.WriteFile(run.Vars["until"], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if e := <-ended; e.Final == nil {
		t.Errorf("the run was cut: %+v", e)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the process ended with %v, want 0\n%s", err, p.log)
	}
	if _, err := os.Stat(filepath.Join(dir, "s")); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestSocketOfADeadAgentIsTakenOver(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "a")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	addr := "unix:" + filepath.Join(dir, "s")
	first := start(t, addr)
	if code, out := byHand(t, "--listen", addr); code != 1 || !strings.Contains(out, "another process serves this socket") {
		t.Errorf("a socket in use: exit code %d, %s", code, out)
	}
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.cmd.Wait()
	if _, err := start(t, addr).Describe(t.Context()); err != nil {
		t.Error(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}

func byHand(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = []string{asAgent + "=1"}
	var b strings.Builder
	cmd.Stdout, cmd.Stderr = &b, io.Writer(&b)
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), b.String()
}

func TestByHand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--help"}, 0, "kind: Agent"},
		{[]string{"--version"}, 0, "test 1.2.3"},
		{[]string{"--nonsense"}, 2, "not defined"},
		{[]string{"nonsense"}, 2, "takes no arguments"},
		{[]string{"--listen", "nonsense"}, 1, "listen on nonsense"},
	} {
		if code, out := byHand(t, c.args...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%v: exit code %d, want %d: %s", c.args, code, c.code, out)
		}
	}
}
