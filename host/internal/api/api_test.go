package api_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/store"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
)

// daemon tells what the test says.
type daemon struct {
	status api.Status
	err    error
}

func (d daemon) Status(context.Context) (api.Status, error) { return d.status, d.err }
func (d daemon) Plugins() []api.Plugin                      { return []api.Plugin{{ID: "echo", State: "ready"}} }

func (d daemon) Stopping() <-chan struct{} { return nil }

func (d daemon) Reload(context.Context) api.Reload {
	return api.Reload{Findings: []api.Finding{{Severity: "error", Place: "c.yaml:1:1", Text: "no"}}}
}

func (d daemon) Agents() []api.Agent { return []api.Agent{{Name: "a", Runner: "exec"}} }

func (d daemon) Trace(_ context.Context, id string) ([]store.TraceEvent, error) {
	if id != "known" {
		return nil, store.ErrNotFound
	}
	return []store.TraceEvent{{At: time.Unix(5, 0), Hop: "webhook.received", Cause: "p/a/known", Duration: time.Millisecond}}, nil
}

func serve(t *testing.T, d api.Daemon) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "aofd")
	if err != nil {
		t.Fatal(err)
	}
	l, err := api.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: api.Handler(d), ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done; _ = os.RemoveAll(dir) })
	return dir
}

func TestAnswersOverTheSocket(t *testing.T) {
	t.Parallel()
	dir := serve(t, daemon{status: api.Status{
		Version: "1.2.3", StartedAt: time.Unix(9, 0), Reasons: []string{"platform echo is backoff: crashed"},
		Platforms: []api.Platform{{ID: "echo", State: "backoff", Accounts: []api.Account{{ID: "1"}}, LastIn: time.Unix(7, 0)}},
		Backlog:   store.Backlog{InboxPending: 1, TurnsRunning: 2, OutboxPending: 3, OutboxUnknown: 4, OutboxFailed: 5},
	}})
	client, err := api.Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	st, err := client.GetStatus(t.Context(), &hostv1.GetStatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	b := st.GetBacklog()
	if st.GetReady() || len(st.GetReasons()) != 1 || st.GetPlatforms()[0].GetLastOutAt() != nil ||
		b.GetInboxPending() != 1 || b.GetTurnsRunning() != 2 || b.GetOutboxPending() != 3 ||
		b.GetOutboxUnknown() != 4 || b.GetOutboxFailed() != 5 {
		t.Errorf("status %v", st)
	}
	tr, err := client.GetTrace(t.Context(), &hostv1.GetTraceRequest{Id: "known"})
	if err != nil || tr.GetEvents()[0].GetDurationUs() != 1000 {
		t.Errorf("trace %v, %v", tr, err)
	}
	if _, err := client.GetTrace(t.Context(), &hostv1.GetTraceRequest{Id: "x"}); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("unknown id: %v", err)
	}
	if l, err := client.ListPlugins(t.Context(), &hostv1.ListPluginsRequest{}); err != nil || l.GetPlugins()[0].GetId() != "echo" {
		t.Errorf("plugins %v, %v", l, err)
	}
	if l, err := client.ListAgents(t.Context(), &hostv1.ListAgentsRequest{}); err != nil || l.GetAgents()[0].GetName() != "a" {
		t.Errorf("agents %v, %v", l, err)
	}
}

func TestStoreDownIsUnavailable(t *testing.T) {
	t.Parallel()
	client, err := api.Dial(t.Context(), serve(t, daemon{err: errors.New("disk full")}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.GetStatus(t.Context(), &hostv1.GetStatusRequest{}); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}

func TestOnlyTheOwnerMayAsk(t *testing.T) {
	t.Parallel()
	dir := serve(t, daemon{})
	path, err := api.SocketPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v, want 0600", info.Mode().Perm())
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if l, err := api.Listen(open); err == nil {
		_ = l.Close()
		t.Error("a folder that everybody can write to was taken")
	}
}

func TestNoDaemon(t *testing.T) {
	t.Parallel()
	_, err := api.Dial(t.Context(), t.TempDir())
	if !errors.Is(err, api.ErrNoDaemon) || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("got %v: it must say what to do", err)
	}
}

func TestLongDataDirectoryStillGetsASocket(t *testing.T) {
	t.Parallel()
	path, err := api.SocketPath("/" + strings.Repeat("x", 200))
	if err != nil || len(path) > 100 {
		t.Errorf("%q (%d bytes), %v", path, len(path), err)
	}
}
