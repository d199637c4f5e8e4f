package agent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/aof-dev/aofd/sdk/wire"
)

// EnvAddr is the environment variable with the address to listen on, when --listen is not given.
const EnvAddr = "AOF_AGENT_ADDR"

// DefaultAddr is the address to listen on when nothing else is said.
const DefaultAddr = "127.0.0.1:50051"

// stopTime is how long the runs that are going on may take once the process is asked to end.
const stopTime = 10 * time.Second

// ServiceName is the service as health checks name it.
const ServiceName = "aof.agent.v1.AgentService"

// Main runs the agent and does not return. It serves on --listen, else on AOF_AGENT_ADDR, else on
// DefaultAddr: a host and port, where a missing host means the loopback, or unix:/path/to/socket. SIGTERM
// and SIGINT end it: runs that are going on have ten seconds to finish. The exit code is 0 after a clean
// end, 1 when it cannot serve, and 2 when the arguments are wrong. Logs go to slog's default logger.
func Main(s Spec) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, s, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, s Spec, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(s.Name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { explain(flags, s) }
	addr := flags.String("listen", "", "`address` to listen on: host:port, or unix:/path/to/socket; "+
		"else $"+EnvAddr+", else "+DefaultAddr)
	version := flags.Bool("version", false, "print the version")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		_, _ = fmt.Fprintf(stderr, "%s takes no arguments, got %q: see --help\n", s.Name, flags.Arg(0))
		return 2
	case *version:
		_, _ = fmt.Fprintln(stdout, s.Name, s.Version)
		return 0
	}
	if *addr == "" {
		*addr = os.Getenv(EnvAddr)
	}
	if *addr == "" {
		*addr = DefaultAddr
	}
	if err := serve(ctx, s, *addr); err != nil {
		_, _ = fmt.Fprintf(stderr, "%s: %v\n", s.Name, err)
		return 1
	}
	return 0
}

func explain(flags *flag.FlagSet, s Spec) {
	_, _ = fmt.Fprintf(flags.Output(), `%[1]s is an agent for aofd. %[2]s
It serves aof.agent.v1 over gRPC. An agent file leads to it:

    kind: Agent
    metadata: {name: %[1]s}
    spec:
      grpc: {address: "%[3]s"}

`, s.Name, s.Description, DefaultAddr)
	flags.PrintDefaults()
}

// serve answers runs until ctx ends.
func serve(ctx context.Context, s Spec, addr string) error {
	r, err := newRuns(s)
	if err != nil {
		return err
	}
	l, err := listen(addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	server := grpc.NewServer(wire.ServerOptions()...)
	wire.RegisterAgent(server, r)
	checks := health.NewServer()
	checks.SetServingStatus(ServiceName, healthv1.HealthCheckResponse_SERVING)
	healthv1.RegisterHealthServer(server, checks)
	reflection.Register(server)

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	slog.Info("the agent listens", "agent", s.Name, "address", address(l))
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	checks.Shutdown() // from now on health checks say that it does not serve
	r.stop()
	end(server, r)
	return <-failed
}

// end waits for the runs that are going on, then cancels them, then cuts what is left.
func end(server *grpc.Server, r *runs) {
	done := make(chan struct{})
	go func() { defer close(done); server.GracefulStop() }()
	cancel := time.AfterFunc(stopTime, func() { r.cancelAll("the agent is stopping") })
	defer cancel.Stop()
	cut := time.AfterFunc(stopTime+time.Second, server.Stop)
	defer cut.Stop()
	<-done
}

// listen opens the address. Without a host it is the loopback, as nothing protects the connection.
func listen(addr string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return listenUnix(path)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err == nil && !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		slog.Warn("others on the network can reach the agent, and the connection is not encrypted", "address", l.Addr().String())
	}
	return l, err
}

// listenUnix takes over a socket that a dead process left behind, but never one that somebody serves. Only
// this user may connect.
func listenUnix(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if conn, err := net.Dial("unix", path); err == nil {
			_ = conn.Close()
			return nil, errors.New("another process serves this socket")
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket that was left behind: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func address(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix:" + l.Addr().String()
	}
	return l.Addr().String()
}
