package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/host/internal/runner"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var request = chat.Run{ID: "r-1", Agent: "a", Message: &chat.Message{
	ID: "m1", Text: "do `rm -rf /` $(id) \"now\" 👋\n", Content: chat.Content{},
}}

// run runs an agent and returns the terminal event, the others, and the log.
func run(t *testing.T, a config.Agent, limit time.Duration) (end chat.Event, events []chat.Event, log string) {
	t.Helper()
	var buf bytes.Buffer
	r, err := runner.New(a, runner.Settings{Logger: slog.New(slog.NewTextHandler(&buf, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	end = r.Run(ctx, request, func(e chat.Event) { events = append(events, e) })
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if !end.Terminal() {
		t.Errorf("the run ended with %+v", end)
	}
	return end, events, buf.String()
}

func shell(t *testing.T, script string) config.Agent {
	t.Helper()
	return config.Agent{Name: "a", Exec: &config.Exec{Command: []string{"sh", "-c", script}, Dir: t.TempDir()}}
}

// answered is what all kinds of agents must understand in the same way.
var answered = map[string]struct {
	output string
	text   string
	check  func(chat.Response) bool
	events int
	code   string // of an error instead
}{
	"text":            {output: "line 1\nline 2\n\n", text: "line 1\nline 2"},
	"nothing":         {output: "\n \n", text: ""},
	"json reply":      {output: `{"text":"Found it","status":"warning","actions":[{"id":"view_logs","label":"View Logs"}]}`, text: "Found it", check: func(r chat.Response) bool { return r.Status == chat.StatusWarning && r.Actions[0].Label == "View Logs" }},
	"json in lines":   {output: "{\n  \"text\": \"over\\nlines\"\n}\n", text: "over\nlines"},
	"mark and events": {output: "\ufeff{\"progress\":{\"text\":\"p\"}}\n{\"final\":{\"response\":{\"text\":\"x\"}}}\n", text: "x", events: 1},
	"byte order mark": {output: "\ufeff{\"text\":\"x\"}", text: "x"},
	"empty text":      {output: `{"text":""}`, text: ""},
	"sections":        {output: `{"text":"t","sections":[{"title":"s","rows":[{"id":"1","label":"one"}]}]}`, text: "t", check: func(r chat.Response) bool { return r.Sections[0].Rows[0].Label == "one" }},
	"titles":          {output: `{"text":"t","sections":[{"title":"s","rows":[{"id":"1","title":"one"}]}]}`, text: "t", check: func(r chat.Response) bool { return r.Sections[0].Rows[0].Label == "one" }},
	"attachment":      {output: `{"attachments":[{"type":"image","url":"https://x.test/y.png"}]}`, check: func(r chat.Response) bool { return r.Attachments[0].URL != "" }},
	"events":          {output: "{\"progress\":{\"text\":\"p\"}}\n\n{\"partial\":{\"response\":{\"text\":\"half\"}}}\n{\"final\":{\"response\":{\"text\":\"whole\"}}}\n", text: "whole", events: 2},
	"one event":       {output: `{"final":{"response":{"text":"whole"}}}`, text: "whole"},
	"deltas":          {output: "{\"delta\":{\"text\":\"ab\"}}\n{\"delta\":{\"text\":\"c\"}}\n", text: "abc", events: 2},
	"own error":       {output: `{"error":{"code":"NO_CLUSTER","user_text":"No cluster."}}`, code: "NO_CLUSTER"},
	"no end":          {output: "{\"progress\":{\"text\":\"p\"}}\n", code: "AGENT_NO_END", events: 1},
	"after the end":   {output: "{\"final\":{\"response\":{\"text\":\"a\"}}}\n{\"final\":{\"response\":{\"text\":\"b\"}}}\n", code: "AGENT_GARBAGE"},
	"broken event":    {output: "{\"progress\":{\"text\":\"p\"}}\n{\"final\":\n", code: "AGENT_GARBAGE", events: 1},
	"broken json":     {output: `{"text":"x"`, code: "AGENT_GARBAGE"},
	"wrong types":     {output: `{"text":{"a":1}}`, code: "AGENT_GARBAGE"},
	"no text":         {output: `{"txt":"x"}`, code: "AGENT_GARBAGE"},
	"two replies":     {output: "{\"text\":\"a\"}\n{\"text\":\"b\"}\n", code: "AGENT_GARBAGE"},
	"unknown status":  {output: `{"text":"x","status":"purple"}`, text: "x", check: func(r chat.Response) bool { return r.Status == "" }},
	"reserved action": {output: `{"text":"x","actions":[{"id":"ag:root","label":"a"},{"id":"ok","label":"b"}]}`, text: "x", check: func(r chat.Response) bool { return len(r.Actions) == 1 && r.Actions[0].ID == "ok" }},
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range answered {
		check := func(t *testing.T, a config.Agent) {
			t.Helper()
			end, events, _ := run(t, a, 20*time.Second)
			switch {
			case c.code != "":
				if end.Error == nil || end.Error.Code != c.code {
					t.Errorf("got %+v, want error %s", end, c.code)
				}
			case end.Final == nil:
				t.Errorf("got %+v", end.Error)
			case end.Final.Response.Text != c.text || c.check != nil && !c.check(end.Final.Response):
				t.Errorf("got %+v", end.Final.Response)
			}
			if len(events) != c.events {
				t.Errorf("got %d events, want %d", len(events), c.events)
			}
		}
		t.Run("exec/"+name, func(t *testing.T) {
			t.Parallel()
			a := shell(t, "cat >/dev/null; cat out")
			if err := os.WriteFile(filepath.Join(a.Exec.Dir, "out"), []byte(c.output), 0o600); err != nil {
				t.Fatal(err)
			}
			check(t, a)
		})
		t.Run("http/"+name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(c.output)) }))
			defer srv.Close()
			check(t, config.Agent{HTTP: &config.HTTP{URL: srv.URL}})
		})
	}
}

func TestProgramGetsTheRequestOnStdinOnly(t *testing.T) {
	t.Setenv("AOFD_TEST_SECRET", "hunter2")
	a := shell(t, `cat > request; env > env; printf '%s\n' "$0" "$@" > argv; echo done`)
	a.Exec.Env = map[string]string{"OWN": "value"}
	if end, _, _ := run(t, a, 20*time.Second); end.Final == nil || end.Final.Response.Text != "done" {
		t.Fatalf("got %+v", end)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(a.Exec.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var got chat.Run
	if err := json.Unmarshal([]byte(read("request")), &got); err != nil || got.Message.Text != request.Message.Text || got.ID != "r-1" {
		t.Errorf("request: %v %s", err, read("request"))
	}
	if strings.Contains(read("argv"), "rm -rf") {
		t.Errorf("argv has the user's text: %s", read("argv"))
	}
	if env := read("env"); strings.Contains(env, "hunter2") || !strings.Contains(env, "OWN=value") || !strings.Contains(env, "PATH=") {
		t.Errorf("environment: %s", env)
	}
}

func TestFailingProgram(t *testing.T) {
	t.Parallel()
	end, _, log := run(t, shell(t, "echo first; echo why not >&2; exit 3"), 20*time.Second)
	if end.Error == nil || end.Error.Code != "AGENT_EXIT" || !strings.Contains(end.Error.Detail, "exit status 3: why not") {
		t.Errorf("got %+v", end)
	}
	if !strings.Contains(log, "why not") {
		t.Errorf("the log has no stderr: %s", log)
	}
	if end.Error.UserText != "" {
		t.Errorf("the user would see %q", end.Error.UserText)
	}
	end, _, _ = run(t, shell(t, `echo '{"error":{"code":"MINE","user_text":"no"}}'; exit 1`), 20*time.Second)
	if end.Error == nil || end.Error.Code != "MINE" {
		t.Errorf("its own error is lost: %+v", end)
	}
}

// A program that is missing is told at start, and works once it is there.
func TestMissingProgram(t *testing.T) {
	t.Parallel()
	a := config.Agent{Exec: &config.Exec{Command: []string{"./late.sh"}}, Dir: t.TempDir()}
	r, err := runner.New(a, runner.Settings{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err == nil || !strings.Contains(err.Error(), "late.sh cannot be run") {
		t.Errorf("check: %v", err)
	}
	end, _, _ := run(t, a, 10*time.Second)
	if end.Error == nil || end.Error.Code != "AGENT_NOT_FOUND" {
		t.Errorf("got %+v", end)
	}
	file := filepath.Join(a.Dir, "late.sh")
	if err := os.WriteFile(file, []byte("#!/no/shell\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if end, _, _ = run(t, a, 10*time.Second); end.Error == nil || !strings.Contains(end.Error.Detail, "first line") {
		t.Errorf("got %+v", end.Error)
	}
	if err := os.WriteFile(file, []byte("#!/bin/sh\necho here\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if end, _, _ = run(t, a, 10*time.Second); end.Final == nil || end.Final.Response.Text != "here" || r.Check() != nil {
		t.Errorf("got %+v", end)
	}
}

func TestBoundsOfAnAnswer(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"too long a text":   `head -c 200000 /dev/zero | tr '\\0' x`,
		"too many partials": `i=0; while [ $i -lt 60 ]; do echo '{"partial":{"response":{"text":"x"}}}'; i=$((i+1)); done`,
	} {
		if end, events, _ := run(t, shell(t, script), 20*time.Second); end.Error == nil || end.Error.Code != "AGENT_TOO_LARGE" || len(events) > 50 {
			t.Errorf("%s: got %+v after %d events", name, end, len(events))
		}
	}
	end, _, log := run(t, shell(t, "i=0; while [ $i -lt 3000 ]; do echo 'a line of a hundred bytes, or nearly so, which says nothing at all to anybody who reads logs' >&2; i=$((i+1)); done; echo done"), 20*time.Second)
	if end.Final == nil || len(log) > 400_000 || !strings.Contains(log, "the rest of its stderr is left out") {
		t.Errorf("%+v with a log of %d bytes", end, len(log))
	}
}

func TestTooMuchOutputEndsTheProgram(t *testing.T) {
	t.Parallel()
	end, _, _ := run(t, shell(t, "yes"), 20*time.Second)
	if end.Error == nil || end.Error.Code != "AGENT_TOO_LARGE" {
		t.Errorf("got %+v", end)
	}
}

// A program that does not end takes its children with it, also those that ignore SIGTERM.
func TestTimeoutEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	a := shell(t, `trap '' TERM; (trap '' TERM; echo $$ > /dev/null; sleep 100) & echo $! > child; echo '{"progress":{"text":"x"}}'; sleep 100`)
	end, events, _ := run(t, a, time.Second)
	if end.Error == nil || end.Error.Code != "AGENT_TIMEOUT" || end.Error.UserText != "Stopped after "+seconds(end.Error.UserText) || len(events) != 1 {
		t.Errorf("got %+v after %d events", end.Error, len(events))
	}
	gone(t, filepath.Join(a.Exec.Dir, "child"))
}

func seconds(s string) string { return strings.TrimPrefix(s, "Stopped after ") }

// A child that holds the output open does not hold the answer.
func TestGrandchildDoesNotHoldTheAnswer(t *testing.T) {
	t.Parallel()
	a := shell(t, `sleep 100 & echo $! > child; echo done`)
	start := time.Now()
	end, _, _ := run(t, a, 30*time.Second)
	if end.Final == nil || end.Final.Response.Text != "done" || time.Since(start) > 15*time.Second {
		t.Errorf("got %+v after %s", end, time.Since(start))
	}
	gone(t, filepath.Join(a.Exec.Dir, "child"))
}

// gone waits until the process whose id is in a file is no more.
func gone(t *testing.T, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if syscall.Kill(pid, 0) != nil || zombie(pid) {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
}

// zombie tells a dead process that nobody has waited for, as in containers without an init.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(stat, []byte(") Z "))
}

func TestService(t *testing.T) {
	t.Parallel()
	var got chat.Run
	var header http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ := io.ReadAll(r.Body) // so that the server notices when the client leaves
		switch r.URL.Path {
		case "/ok":
			_ = json.Unmarshal(body, &got)
			_, _ = w.Write([]byte("fine"))
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusTemporaryRedirect)
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			_, _ = w.Write([]byte(": hello\n\ndata: {\"progress\":{\"text\":\"p\"}}\n\ndata: {\"final\":\ndata: {\"response\":{\"text\":\"done\"}}}\n\ndata: [DONE]\n\n"))
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/slow":
			<-r.Context().Done()
		default:
			http.Error(w, "secret detail", http.StatusTeapot)
		}
	}))
	defer srv.Close()
	call := func(path string) (chat.Event, []chat.Event) {
		t.Helper()
		end, events, log := run(t, config.Agent{HTTP: &config.HTTP{URL: srv.URL + path, Headers: map[string]string{"Authorization": "Bearer hunter2"}}}, 2*time.Second)
		if end.Error != nil && strings.Contains(end.Error.Detail+end.Error.UserText+log, "hunter2") {
			t.Errorf("%s: a secret in %+v or %s", path, end.Error, log)
		}
		return end, events
	}
	if end, _ := call("/ok"); end.Final == nil || end.Final.Response.Text != "fine" || got.Message.Text != request.Message.Text {
		t.Errorf("got %+v", end)
	}
	if header.Get("Authorization") != "Bearer hunter2" || header.Get("Idempotency-Key") != "r-1" {
		t.Errorf("headers: %v", header)
	}
	if end, events := call("/events"); end.Final == nil || end.Final.Response.Text != "done" || len(events) != 1 {
		t.Errorf("server-sent events: %+v %v", end, events)
	}
	if end, _ := call("/empty"); end.Final == nil || !end.Final.Response.Empty() {
		t.Errorf("no content: %+v", end)
	}
	for path, want := range map[string]string{"/moved": "AGENT_STATUS", "/teapot": "AGENT_STATUS", "/cut": "AGENT_GARBAGE", "/slow": "AGENT_TIMEOUT"} {
		if end, _ := call(path); end.Error == nil || end.Error.Code != want {
			t.Errorf("%s: got %+v, want %s", path, end.Error, want)
		}
	}
	srv.CloseClientConnections()
	end, _, _ := run(t, config.Agent{HTTP: &config.HTTP{URL: "http://127.0.0.1:1/x?key=hunter2"}}, 5*time.Second)
	if end.Error == nil || end.Error.Code != "AGENT_NOT_FOUND" || strings.Contains(end.Error.Detail, "hunter2") {
		t.Errorf("an address where nobody listens: %+v", end.Error)
	}
}

// remote is a server of aof.agent.v1.
type remote struct {
	wire.Agent
	handle func(ctx context.Context, r chat.Run, emit func(chat.Event) error) error
}

func (r remote) Handle(ctx context.Context, run chat.Run, emit func(chat.Event) error) error {
	return r.handle(ctx, run, emit)
}

func TestServer(t *testing.T) {
	t.Parallel()
	cancelled := make(chan struct{})
	call := func(limit time.Duration, handle func(context.Context, chat.Run, func(chat.Event) error) error) (chat.Event, []chat.Event) {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := grpc.NewServer()
		wire.RegisterAgent(s, remote{handle: handle})
		go func() { _ = s.Serve(l) }()
		defer s.Stop()
		end, events, _ := run(t, config.Agent{GRPC: &config.GRPC{Address: l.Addr().String()}}, limit)
		return end, events
	}
	end, events := call(10*time.Second, func(_ context.Context, r chat.Run, emit func(chat.Event) error) error {
		_ = emit(chat.Event{Progress: &chat.Progress{Text: "p"}})
		return emit(chat.Event{Final: &chat.Final{Response: chat.Response{Text: "re: " + r.Message.Text}}})
	})
	if end.Final == nil || end.Final.Response.Text != "re: "+request.Message.Text || len(events) != 1 {
		t.Errorf("got %+v %v", end, events)
	}
	end, _ = call(10*time.Second, func(context.Context, chat.Run, func(chat.Event) error) error {
		return &chat.Error{Reason: chat.ReasonBusy, Text: "too many"}
	})
	if end.Error == nil || end.Error.Code != "BUSY" || end.Error.Detail != "too many" {
		t.Errorf("got %+v", end.Error)
	}
	part := chat.Attachment{Type: chat.MediaDocument, MimeType: "text/plain", Data: make([]byte, 3<<20)}
	end, events = call(20*time.Second, func(_ context.Context, _ chat.Run, emit func(chat.Event) error) error {
		for range 20 {
			if err := emit(chat.Event{Partial: &chat.Partial{Response: chat.Response{Attachments: []chat.Attachment{part}}}}); err != nil {
				return err
			}
		}
		return emit(chat.Event{Final: &chat.Final{}})
	})
	if end.Error == nil || end.Error.Code != "AGENT_TOO_LARGE" || len(events) != 5 { // of 4 MiB each, as JSON
		t.Errorf("got %+v after %d parts", end.Error, len(events))
	}
	end, _ = call(10*time.Second, func(context.Context, chat.Run, func(chat.Event) error) error { return nil })
	if end.Error == nil || end.Error.Code != "AGENT_NO_END" {
		t.Errorf("got %+v", end.Error)
	}
	end, _ = call(500*time.Millisecond, func(ctx context.Context, _ chat.Run, _ func(chat.Event) error) error {
		<-ctx.Done()
		close(cancelled)
		return ctx.Err()
	})
	if end.Error == nil || end.Error.Code != "AGENT_TIMEOUT" {
		t.Errorf("got %+v", end.Error)
	}
	select {
	case <-cancelled:
	case <-time.After(10 * time.Second):
		t.Error("the server was not told that nobody waits any more")
	}
	end, _, _ = run(t, config.Agent{GRPC: &config.GRPC{Address: "127.0.0.1:1"}}, 5*time.Second)
	if end.Error == nil {
		t.Error("a server that is not there answered")
	}
	if _, err := runner.New(config.Agent{GRPC: &config.GRPC{Address: "x:1", TLS: &config.GRPCTLS{CAFile: "none.pem"}}}, runner.Settings{Logger: slog.Default()}); err == nil {
		t.Error("a missing certificate was taken")
	}
}

func TestModelWithoutRuntime(t *testing.T) {
	t.Parallel()
	end, _, _ := run(t, config.Agent{Name: "thinker", Model: "x:y"}, time.Second)
	if end.Error == nil || end.Error.Code != "RUNTIME_MISSING" || !strings.Contains(end.Error.UserText, "thinker") {
		t.Errorf("got %+v", end.Error)
	}
}

func TestPanicIsOneError(t *testing.T) {
	t.Parallel()
	r, err := runner.New(shell(t, `echo '{"progress":{"text":"x"}}'; echo '{"final":{"response":{"text":"y"}}}'`), runner.Settings{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if end := r.Run(t.Context(), request, nil); end.Error == nil && end.Final == nil {
		t.Errorf("got %+v", end)
	}
}
