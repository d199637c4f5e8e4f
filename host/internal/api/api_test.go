package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/stats"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// daemon tells what the test says.
type daemon struct {
	status  api.Status
	err     error
	store   api.Store
	stopped chan struct{}
}

func (d daemon) Status(context.Context) (api.Status, error) { return d.status, d.err }
func (d daemon) Plugins() []api.Plugin                      { return []api.Plugin{{ID: "echo", State: "ready"}} }

func (d daemon) Agents() []api.Agent              { return []api.Agent{{Name: "a", Runner: "exec"}} }
func (d daemon) ReplyWindow(string) time.Duration { return 24 * time.Hour }
func (d daemon) Resend()                          {}
func (d daemon) Stopping() <-chan struct{}        { return d.stopped }

func (d daemon) Send(ctx context.Context, m api.Outgoing, dry bool) (store.Delivery, []string, error) {
	out := store.Delivery{
		ID: "d-" + m.Key, Cause: "operator/" + m.Key, Ordinal: 1, Platform: m.Platform, Account: m.Account,
		Conversation: m.Platform + "/" + m.Account + "/" + m.ChannelID, ChannelID: m.ChannelID, Response: m.Response, CreatedAt: time.Now(),
	}
	if dry || d.err != nil {
		return out, []string{"nothing is sent"}, d.err
	}
	return out, nil, d.store.Send(ctx, out, []store.TraceEvent{{At: time.Now(), Hop: api.HopOperatorSend}})
}

func (d daemon) Cancel(_ context.Context, cause, _ string) error {
	if strings.HasSuffix(cause, "done") {
		return store.ErrState
	}
	return d.err
}

func (d daemon) Replay(_ context.Context, cause, from string, _ bool) (api.Replayed, error) {
	return api.Replayed{Cause: cause + "~1", Effective: true, Steps: []api.ReplayStep{{Hop: from}}}, nil
}

func (d daemon) RestartPlugin(_ context.Context, id string, _ bool) (int, error) {
	if id != "echo" {
		return 0, api.Refuse(connect.CodeNotFound, "UNKNOWN_PLUGIN", "no")
	}
	return 7, nil
}

func (d daemon) Reload(context.Context) api.Reload {
	return api.Reload{Findings: []api.Finding{{Severity: "error", Place: "c.yaml:1:1", Text: "no"}}}
}

// opened is a store of its own.
func opened(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "aofd.db"), sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// handler is the API of a daemon.
func handler(t *testing.T, d daemon) http.Handler {
	t.Helper()
	if d.store == nil {
		d.store = opened(t)
	}
	return api.Handler(api.Settings{Daemon: d, Store: d.store, Stats: stats.New(prometheus.NewRegistry())})
}

func serve(t *testing.T, d daemon) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "aofd")
	if err != nil {
		t.Fatal(err)
	}
	l, err := api.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: handler(t, d), ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done; _ = os.RemoveAll(dir) })
	return dir
}

func dial(t *testing.T, d daemon) hostv1connect.HostServiceClient {
	t.Helper()
	client, err := api.Dial(t.Context(), serve(t, d))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestAnswersOverTheSocket(t *testing.T) {
	t.Parallel()
	client := dial(t, daemon{status: api.Status{
		Version: "1.2.3", StartedAt: time.Unix(9, 0), Reasons: []string{"platform echo is backoff: crashed"},
		Platforms: []api.Platform{{ID: "echo", State: "backoff", Accounts: []api.Account{{ID: "1"}}, LastIn: time.Unix(7, 0)}},
		Backlog:   store.Backlog{InboxPending: 1, TurnsRunning: 2, OutboxPending: 3, OutboxUnknown: 4, OutboxFailed: 5},
	}})
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
	if l, err := client.ListPlugins(t.Context(), &hostv1.ListPluginsRequest{}); err != nil || l.GetPlugins()[0].GetId() != "echo" {
		t.Errorf("plugins %v, %v", l, err)
	}
	if l, err := client.ListAgents(t.Context(), &hostv1.ListAgentsRequest{}); err != nil || l.GetAgents()[0].GetName() != "a" {
		t.Errorf("agents %v, %v", l, err)
	}
}

func TestStoreDownIsUnavailable(t *testing.T) {
	t.Parallel()
	client := dial(t, daemon{err: errors.New("disk full")})
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
