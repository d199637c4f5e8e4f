package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/host/internal/console"
	"github.com/aof-dev/aofd/host/internal/ingress"
	"github.com/aof-dev/aofd/host/internal/turn"
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

// servers are the listeners: webhooks for the world behind a reverse proxy, the admin socket for this machine's
// operator, and, when one is configured, the admin listener for browsers and other machines.
type servers struct {
	list     []*server
	stopping chan struct{} // closed when they are to end, so that streams do
	once     sync.Once
}

// server is one listener and what is served there.
type server struct {
	*http.Server
	at                net.Listener
	certFile, keyFile string // both or neither
}

// build opens all listeners; nothing is served yet.
func (s *servers) build(d *daemon) error {
	s.stopping = make(chan struct{})
	quiet := slog.NewLogLogger(d.log.Handler(), slog.LevelDebug)
	services := api.Handler(api.Settings{Daemon: d, Store: d.store, Stats: d.stats})
	socket, err := api.Listen(d.cfg.DataDir)
	if err != nil {
		return err
	}
	s.list = append(s.list, &server{Server: adminServer(services, quiet), at: socket})
	if admin := d.cfg.Admin; admin.Listen != "" {
		page := console.Handler(console.Settings{})
		srv := adminServer(api.Guard{Token: admin.Token, Logger: d.log}.Protect(services, page), quiet)
		at, err := s.listen(srv, admin.Listen, admin.TLSCertFile, admin.TLSKeyFile)
		if err != nil {
			return fmt.Errorf("listen for the admin API on %s: %w: choose another spec.admin.listen", admin.Listen, err)
		}
		d.adminAddress = at
	}
	cfg := d.cfg.Server
	address := net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
	if d.address, err = s.listen(&http.Server{
		Handler: d.routes(), ErrorLog: quiet, MaxHeaderBytes: 64 << 10,
		ReadHeaderTimeout: min(10*time.Second, cfg.Timeout), ReadTimeout: cfg.Timeout,
		WriteTimeout: cfg.Timeout + storeTimeout, IdleTimeout: 2 * time.Minute,
	}, address, cfg.TLSCertFile, cfg.TLSKeyFile); err != nil {
		return fmt.Errorf("listen for webhooks on %s: %w: choose another spec.server.port or --port", address, err)
	}
	return nil
}

// adminServer takes gRPC beside HTTP/1.1.
func adminServer(h http.Handler, quiet *log.Logger) *http.Server {
	srv := &http.Server{
		Handler: h, ErrorLog: quiet, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10,
		IdleTimeout: 2 * time.Minute, Protocols: new(http.Protocols),
	}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(true)
	srv.Protocols.SetUnencryptedHTTP2(true) // for gRPC clients
	return srv
}

// listen opens a TCP listener and returns its address.
func (s *servers) listen(srv *http.Server, address, certFile, keyFile string) (string, error) {
	at, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	s.list = append(s.list, &server{srv, netutil.LimitListener(at, maxConnections), certFile, keyFile})
	return at.Addr().String(), nil
}

// serve serves until ctx ends or a listener fails, and stops. It returns the error of the listener, nil at
// the end of ctx. ready is called once when requests are taken.
func (s *servers) serve(ctx context.Context, ready func()) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, srv := range s.list {
		group.Go(func() error {
			if srv.certFile != "" {
				return srv.ServeTLS(srv.at, srv.certFile, srv.keyFile)
			}
			return srv.Serve(srv.at)
		})
	}
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
	s.once.Do(func() {
		if s.stopping != nil {
			close(s.stopping)
		}
	})
	for _, srv := range s.list {
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close() // the deadline is over; what was not answered is delivered again
		}
	}
	for _, srv := range s.list {
		_ = srv.at.Close() // closed already when it was served
	}
}

// Stopping implements api.Daemon.
func (d *daemon) Stopping() <-chan struct{} { return d.servers.stopping }

// maxPerUser is how many messages of one sender may wait or run. A burst that is answered together counts as one
// task, so it must fit in.
func (d *daemon) maxPerUser() int {
	n := d.cfg.Runtime.MaxTasksPerUser
	if d.cfg.Runtime.CoalesceWindow > 0 {
		n += turn.MaxBurst
	}
	return n
}

// routes are the paths of the webhook listener.
func (d *daemon) routes() http.Handler {
	mux := http.NewServeMux()
	d.webhooks = map[string]http.Handler{}
	budget := semaphore.NewWeighted(max(inFlightBytes, 2*d.cfg.Server.MaxBodyBytes))
	for _, p := range d.platforms {
		h := ingress.New(ingress.Settings{
			Platform: p.id, ContentTypes: p.contentTypes, Parser: p, Inbox: d.store, Lane: d.current.lane,
			Arrived: d.turn.Wake, MaxPerUser: d.maxPerUser(),
			MaxBodyBytes: d.cfg.Server.MaxBodyBytes, Timeout: storeTimeout, InFlight: budget,
			Metrics: d.metrics, Tracer: d.tracer, Logger: d.log,
		})
		d.webhooks[p.id] = h
		mux.Handle("/webhook/"+p.id, h)
	}
	// The paths of triggers may change while the daemon runs.
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		for id, h := range d.webhooks {
			if slices.Contains(d.webhookPaths(id), r.URL.Path) {
				h.ServeHTTP(w, r)
				return
			}
		}
		http.NotFound(w, r)
	})
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
	for _, t := range d.current.get().cfg.Triggers {
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
