package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/host/internal/ingress"
	"github.com/aof-dev/aofd/sdk/version"
)

// How much of webhooks may be read and worked on at the same time. A large body takes several times its size
// on its way through the plugin.
const (
	inFlightBytes  = 48 << 20 // of all bodies together; see ingress.Settings.InFlight
	maxConnections = 1024
)

// storeTimeout is how long a webhook may wait for memory, the plugin and the disk before the platform is
// asked to deliver it again.
const storeTimeout = 10 * time.Second

// servers are the two listeners: webhooks for the world behind a reverse proxy, and the admin socket for
// this machine's operator.
type servers struct {
	web, admin        *http.Server
	webAt, adminAt    net.Listener
	certFile, keyFile string
}

// build opens both listeners; nothing is served yet.
func (s *servers) build(d *daemon, plan *planner) (err error) {
	cfg := d.cfg.Server
	s.certFile, s.keyFile = cfg.TLSCertFile, cfg.TLSKeyFile
	quiet := slog.NewLogLogger(d.log.Handler(), slog.LevelDebug)
	s.web = &http.Server{
		Handler: d.routes(plan), ErrorLog: quiet, MaxHeaderBytes: 64 << 10,
		ReadHeaderTimeout: min(10*time.Second, cfg.Timeout), ReadTimeout: cfg.Timeout,
		WriteTimeout: cfg.Timeout + storeTimeout, IdleTimeout: 2 * time.Minute,
	}
	s.admin = &http.Server{Handler: api.Handler(d), ErrorLog: quiet, ReadHeaderTimeout: 10 * time.Second}
	s.admin.Protocols = new(http.Protocols)
	s.admin.Protocols.SetHTTP1(true)
	s.admin.Protocols.SetUnencryptedHTTP2(true) // for gRPC clients
	if s.adminAt, err = api.Listen(d.cfg.DataDir); err != nil {
		return err
	}
	address := net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
	if s.webAt, err = net.Listen("tcp", address); err != nil {
		return fmt.Errorf("listen for webhooks on %s: %w: choose another spec.server.port or --port", address, err)
	}
	d.address = s.webAt.Addr().String()
	s.webAt = netutil.LimitListener(s.webAt, maxConnections)
	return nil
}

// serve serves until ctx ends or a listener fails, and stops. It returns the error of the listener, nil at
// the end of ctx. ready is called once when requests are taken.
func (s *servers) serve(ctx context.Context, ready func()) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if s.certFile != "" {
			return s.web.ServeTLS(s.webAt, s.certFile, s.keyFile)
		}
		return s.web.Serve(s.webAt)
	})
	group.Go(func() error { return s.admin.Serve(s.adminAt) })
	ready()
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopHTTP)
	defer cancel()
	s.stop(stop)
	if err := group.Wait(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// stop lets the requests in flight end until ctx does, then cuts them. It may be called again.
func (s *servers) stop(ctx context.Context) {
	for _, srv := range []*http.Server{s.web, s.admin} {
		if srv != nil && srv.Shutdown(ctx) != nil {
			_ = srv.Close() // the deadline is over; what was not answered is delivered again
		}
	}
	for _, l := range []net.Listener{s.webAt, s.adminAt} {
		if l != nil {
			_ = l.Close() // closed already when it was served
		}
	}
}

// routes are the paths of the webhook listener.
func (d *daemon) routes(plan *planner) http.Handler {
	mux := http.NewServeMux()
	budget := semaphore.NewWeighted(max(inFlightBytes, 2*d.cfg.Server.MaxBodyBytes))
	for _, p := range d.platforms {
		h := ingress.New(ingress.Settings{
			Platform: p.id, ContentTypes: p.contentTypes, Parser: p, Inbox: d.store, Lane: plan.lane,
			Arrived: d.turn.Wake, MaxPerUser: d.cfg.Runtime.MaxTasksPerUser,
			MaxBodyBytes: d.cfg.Server.MaxBodyBytes, Timeout: storeTimeout, InFlight: budget,
			Metrics: d.metrics, Logger: d.log,
		})
		for _, path := range d.webhookPaths(p.id) {
			mux.Handle(path, h)
		}
	}
	mux.HandleFunc("GET /{$}", d.about)
	mux.HandleFunc("GET /health", d.health)
	mux.HandleFunc("GET /ready", d.ready)
	mux.HandleFunc("GET /platforms", d.listPlatforms)
	mux.Handle("GET /metrics", d.metrics.Handler())
	if d.cfg.Server.CORS {
		return allowOrigins(mux)
	}
	return mux
}

// webhookPaths are the paths on which a platform's webhooks are taken.
func (d *daemon) webhookPaths(id string) []string {
	paths := []string{"/webhook/" + id}
	for _, t := range d.cfg.Triggers {
		if t.Platform == id && t.WebhookPath != "" && !slices.Contains(paths, t.WebhookPath) {
			paths = append(paths, t.WebhookPath)
		}
	}
	return paths
}

// about says what answers here.
func (d *daemon) about(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, map[string]any{
		"service": "aofd", "version": version.String(), "status": "running",
	})
}

// health says that the process lives, whatever its plugins and its store do.
func (d *daemon) health(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, map[string]any{"status": "ok", "timestamp": time.Now().UTC()})
}

// ready says whether everything that is configured runs; if not, why.
func (d *daemon) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if reasons := d.reasons(ctx); len(reasons) > 0 {
		respond(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "reasons": reasons})
		return
	}
	respond(w, http.StatusOK, map[string]any{"status": "ready"})
}

// listPlatforms says how each configured platform is and where its webhooks go.
func (d *daemon) listPlatforms(w http.ResponseWriter, _ *http.Request) {
	type entry struct {
		ID       string   `json:"id"`
		Ready    bool     `json:"ready"`
		State    string   `json:"state"`
		Version  string   `json:"version,omitempty"`
		Webhooks []string `json:"webhooks"`
	}
	list := []entry{}
	for _, p := range d.platforms {
		st := p.status()
		list = append(list, entry{
			ID: p.id, Ready: st.State == catalog.StateReady, State: string(st.State), Version: st.Version,
			Webhooks: d.webhookPaths(p.id),
		})
	}
	respond(w, http.StatusOK, map[string]any{"platforms": list})
}

// allowOrigins lets web pages read what the daemon tells about itself; webhooks come from no page.
func allowOrigins(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Access-Control-Allow-Origin", "*")
		}
		next.ServeHTTP(w, r)
	})
}

func respond(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}
