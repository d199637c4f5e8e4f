package platform

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/aof-dev/aofd/sdk/wire"
)

// drainTime is how long calls in flight may take once the process is asked to end.
const drainTime = 5 * time.Second

// flushTime is how long the last answers may take to leave.
const flushTime = 200 * time.Millisecond

// gcPercent lets the heap grow to five times what lives, which is little: most of it is of messages that are gone
// in milliseconds, for which Go's default of 100 collects many times a second.
const gcPercent = 400

// Main runs the plugin and does not return: it serves when aofd started the process, and explains itself
// when a person did.
func Main(s Spec) {
	if os.Getenv(wire.CookieKey) != wire.CookieValue {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := s.byHand(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	keepPrivate()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		// The host needs the other half: threads that wake each other are most of what a small call costs.
		runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0)/2, 1))
	}
	logTo(os.Stderr)
	serve(s)
	os.Exit(0)
}

// serve speaks with the host until it asks for the end: by Shutdown, SIGTERM, or the end of stdin, which is
// also what is left of a host that was killed.
func serve(s Spec) {
	l := newLife(s)
	server := make(chan *grpc.Server, 1)
	go func() {
		terminated := make(chan os.Signal, 1)
		signal.Notify(terminated, syscall.SIGTERM)
		select {
		case <-terminated:
		case <-hostGone():
		}
		ctx, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		_ = l.Drain(ctx) // what is still running now is cut; the host knows that
		finish(ctx, server)
		os.Exit(0)
	}()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: wire.Handshake,
		Plugins:         plugin.PluginSet{"aof": rpc{life: l}},
		TLSProvider:     tlsProvider(),
		Logger:          hclog.New(&hclog.LoggerOptions{Output: os.Stderr, JSONFormat: true, Level: hclog.Warn}),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			g := grpc.NewServer(append(opts, wire.ServerOptions()...)...)
			server <- g
			return g
		},
	})
}

// finish lets the answers that are on their way leave. The streams that go-plugin keeps open never end by
// themselves, so it stops waiting soon.
func finish(ctx context.Context, server <-chan *grpc.Server) {
	select {
	case g := <-server:
		stopped := make(chan struct{})
		go func() { g.GracefulStop(); close(stopped) }()
		select {
		case <-stopped:
		case <-time.After(flushTime):
		case <-ctx.Done():
		}
	default: // it never served
	}
}

// hostGone is closed when the host's end of stdin is. A stdin that is no pipe, such as /dev/null, says
// nothing about the host.
func hostGone() <-chan struct{} {
	gone := make(chan struct{})
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return gone
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // whatever ends it, the host is gone
		close(gone)
	}()
	return gone
}

// tlsProvider takes the certificate that the host issued. A host that issued none speaks go-plugin's own
// TLS or, on a developer's machine, none.
func tlsProvider() func() (*tls.Config, error) {
	cert := os.Getenv(wire.EnvTLSCert)
	if cert == "" {
		return nil
	}
	return func() (*tls.Config, error) {
		return wire.ServerTLS(cert, os.Getenv(wire.EnvTLSKey), os.Getenv(wire.EnvTLSClientCA))
	}
}

// rpc puts the services on go-plugin's server.
type rpc struct {
	plugin.NetRPCUnsupportedPlugin
	life *life
}

func (r rpc) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	wire.RegisterPlugin(s, r.life)
	wire.RegisterPlatform(s, r.life)
	return nil
}

func (rpc) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("this is the plugin's side")
}

// byHand answers a person and returns the exit code.
func (s Spec) byHand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		s.explain(stdout)
		return 0
	}
	fail := func(err error) int {
		fmt.Fprintf(stderr, "aof-platform-%s: %v\n", s.ID, err)
		return 1
	}
	switch args[0] {
	case "--help", "-h", "help":
		s.explain(stdout)
		return 0
	case "--version", "version":
		fmt.Fprintf(stdout, "aof-platform-%s %s\n", s.ID, s.Version)
		return 0
	case "--manifest", "--config-schema":
		m, err := s.manifest()
		if err != nil {
			return fail(err)
		}
		var out any = m
		if args[0] == "--config-schema" {
			out = json.RawMessage(m.ConfigSchema)
		}
		if err := printJSON(stdout, out); err != nil {
			return fail(err)
		}
		return 0
	}
	for _, c := range s.Commands {
		if c.Name == args[0] {
			return c.Run(ctx, args[1:])
		}
	}
	fmt.Fprintf(stderr, "aof-platform-%s: unknown command %q: see --help\n", s.ID, args[0])
	return 2
}

func (s Spec) explain(w io.Writer) {
	fmt.Fprintf(w, `aof-platform-%[1]s %[2]s: the %[3]s plugin of aofd. %[4]s

aofd starts this program by itself: put it into aofd's plugins folder and add a block to the
configuration:

    spec:
      platforms:
        %[1]s:
          ...

By hand it takes:
    --config-schema   the keys of that block, as JSON Schema
    --manifest        what the plugin is, as JSON
    --version         the version
`, s.ID, s.Version, s.DisplayName, s.Description)
	for _, c := range s.Commands {
		fmt.Fprintf(w, "    %-17s %s\n", c.Name, c.Short)
	}
}
