package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/aof-dev/aofd/host/internal/catalog/process"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/wire"
)

// instance is one running process of a plugin.
type instance struct {
	process  *process.Process
	client   *plugin.Client
	plugin   *wire.PluginClient
	platform *wire.PlatformClient
	parser   parser
	stream   *wire.ParseClient // the parser, when it is one; else nil
	health   grpc_health_v1.HealthClient
	info     chat.PluginInfo
	dir      string

	mu       sync.Mutex
	inFlight int
	leaving  bool
	idle     chan struct{} // closed when leaving and nothing is in flight
}

// parser is how a plugin is asked to parse: by calls of their own, or over one stream.
type parser interface {
	ParseMessage(ctx context.Context, r chat.Request) (chat.Batch, error)
}

const infoTimeout = 2 * time.Second

// permanentError is a failure that a restart does not heal.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// launch starts a process of the plugin and asks it what it is.
func launch(ctx context.Context, s Settings, run *runDir, f Found) (in *instance, err error) {
	path, err := take(f.Path, run.store())
	if err != nil {
		return nil, err
	}
	dir, err := run.process()
	if err != nil {
		return nil, err
	}
	in = &instance{
		dir: dir, idle: make(chan struct{}),
		process: process.New(process.Settings{Path: path, Logger: s.Logger.With("plugin", f.ID)}),
	}
	defer func() {
		if p := recover(); p != nil { // go-plugin panics on handshakes that it did not expect
			err = permanentError{fmt.Errorf("its handshake made go-plugin panic: %v", p)}
		}
		if err != nil {
			in.destroy()
			in = nil
		}
	}()
	conn, err := in.connect(ctx, s)
	if err != nil {
		return in, err
	}
	in.plugin, in.platform = wire.NewPluginClient(conn), wire.NewPlatformClient(conn)
	in.health = grpc_health_v1.NewHealthClient(conn)
	ask, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	if in.info, err = in.plugin.GetInfo(ask, s.HostVersion); err != nil {
		in.process.End()
		return in, fmt.Errorf("it does not say what it is: %w%s", err, in.words())
	}
	in.parser = in.platform
	if slices.Contains(in.info.Capabilities, chat.CapParseStream) {
		in.stream = wire.NewParseClient(conn)
		in.parser = in.stream
	}
	return in, check(in.info, f, s.HostVersion)
}

// connect starts the process through go-plugin and returns the connection to it.
func (in *instance) connect(ctx context.Context, s Settings) (*grpc.ClientConn, error) {
	keys, err := wire.IssueKeys()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := keys.ClientTLS()
	if err != nil {
		return nil, err
	}
	env, err := in.environment(s, keys)
	if err != nil {
		return nil, err
	}
	stdout, stderr := in.process.Streams()
	in.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: wire.Handshake, Plugins: plugin.PluginSet{"aof": connection{}}, TLSConfig: tlsConfig,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC}, SkipHostEnv: true,
		StartTimeout: s.Timing.Start + time.Minute, // ours comes first, and holds for the first connection, too
		Logger:       hclog.NewNullLogger(), SyncStdout: stdout, SyncStderr: stderr, UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: in.dir},
		GRPCDialOptions: wire.DialOptions(wire.MaxMessageBytes),
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			in.process.Env = append(env, cmd.Env...)
			return in.process, nil
		},
	})
	ctx, cancel := context.WithTimeout(ctx, s.Timing.Start)
	defer cancel()
	// go-plugin has no context: what it waits for ends with the process.
	watch := context.AfterFunc(ctx, in.process.End)
	protocol, err := in.client.Client()
	if !watch() {
		err = errors.Join(err, ctx.Err())
	}
	if err != nil {
		return nil, in.explain(ctx, err, s.Timing.Start)
	}
	conn, err := protocol.Dispense("aof")
	if err != nil {
		return nil, err
	}
	return conn.(*grpc.ClientConn), nil
}

// explain says what kept the plugin from starting. The process is gone after it.
func (in *instance) explain(ctx context.Context, err error, limit time.Duration) error {
	in.process.End()
	switch {
	case in.process.PID() == 0:
		return fmt.Errorf("it does not start: %w", err)
	case !in.process.Killed():
		return fmt.Errorf("it ended before its handshake (%s)%s", in.process.ExitReason(), in.words())
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("its handshake did not come within %s: %w%s", limit, ctx.Err(), in.words())
	case ctx.Err() != nil:
		return fmt.Errorf("its start was broken off: %w", ctx.Err())
	case in.process.Complaint() != nil:
		err = in.process.Complaint()
	}
	return fmt.Errorf("it does not speak the plugin handshake: %w%s", err, in.words())
}

// words are the last words of a process that ended.
func (in *instance) words() string {
	if t := in.process.Tail(); t != "" {
		return "; its last words: " + t
	}
	return "; it said nothing"
}

// environment is all that the plugin gets beside what go-plugin sets.
func (in *instance) environment(s Settings, keys wire.Keys) ([]string, error) {
	env := append(process.Environment(os.Environ()),
		wire.EnvLogLevel+"="+s.LogLevel,
		// What plugins built with plain go-plugin look for.
		"PLUGIN_CLIENT_CERT="+string(keys.ClientCert))
	for name, pem := range map[string][]byte{
		wire.EnvTLSCert: keys.ServerCert, wire.EnvTLSKey: keys.ServerKey, wire.EnvTLSClientCA: keys.ClientCert,
	} {
		file := filepath.Join(in.dir, name)
		if err := os.WriteFile(file, pem, 0o600); err != nil {
			return nil, fmt.Errorf("hand the plugin its keys: %w", err)
		}
		env = append(env, name+"="+file)
	}
	return env, nil
}

// connection makes go-plugin hand out the connection itself.
type connection struct{ plugin.NetRPCUnsupportedPlugin }

func (connection) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this is the host's side")
}

func (connection) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

// check refuses a plugin that is not what its file says or not made for this host.
func check(info chat.PluginInfo, f Found, hostVersion string) error {
	if info.ID != f.ID || info.Kind != f.Kind {
		return permanentError{fmt.Errorf("the file is aof-%s-%s, but the plugin says that it is the %s %q: rename the file",
			f.Kind, f.ID, info.Kind, info.ID)}
	}
	if info.Kind == chat.PluginPlatform && info.Platform == nil {
		return permanentError{errors.New("it says that it is a platform but describes none: tell its author")}
	}
	if info.HostConstraint == "" {
		return nil
	}
	constraint, err := semver.NewConstraint(info.HostConstraint)
	if err != nil {
		return permanentError{fmt.Errorf("its host constraint %q cannot be read: %w", info.HostConstraint, err)}
	}
	host, err := semver.NewVersion(hostVersion)
	if err == nil && host.Prerelease() == "" && !constraint.Check(host) {
		return permanentError{fmt.Errorf("it needs aofd %s, this is %s: install a matching version", info.HostConstraint, hostVersion)}
	}
	return nil
}

// enter counts a call in; it reports false when the instance takes no more.
func (in *instance) enter() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.leaving {
		return false
	}
	in.inFlight++
	return true
}

func (in *instance) leave() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.inFlight--; in.inFlight == 0 && in.leaving {
		close(in.idle)
	}
}

// quiesce takes no more calls and waits for those in flight.
func (in *instance) quiesce(ctx context.Context) {
	in.mu.Lock()
	if !in.leaving {
		in.leaving = true
		if in.inFlight == 0 {
			close(in.idle)
		}
	}
	in.mu.Unlock()
	select {
	case <-in.idle:
	case <-in.process.Exited():
	case <-ctx.Done():
	}
}

// stop ends the process: politely, then firmly, then by force. It takes a little over twice patience, and no
// more than a moment once force is over.
func (in *instance) stop(force context.Context, patience time.Duration) {
	ctx, cancel := context.WithTimeout(force, patience)
	defer cancel()
	in.quiesce(ctx)
	in.endStream()
	_ = in.plugin.Drain(ctx) // a plugin that cannot is stopped all the same
	killed := make(chan struct{})
	go func() { in.client.Kill(); close(killed) }() // it has no deadline of its own
	if !in.gone(force, patience/2) {
		_ = in.process.Signal(syscall.SIGTERM)
		in.gone(force, patience/2)
	}
	in.process.End()
	<-killed // returns once the process is gone
	_ = os.RemoveAll(in.dir)
}

// gone waits for the end of the process.
func (in *instance) gone(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-in.process.Exited():
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// endStream is for when no call needs it any more: the plugin would wait for its end.
func (in *instance) endStream() {
	if in.stream != nil {
		in.stream.Close()
	}
}

// destroy ends the process at once.
func (in *instance) destroy() {
	in.process.End()
	in.endStream()
	if in.client != nil {
		in.client.Kill()
	}
	_ = os.RemoveAll(in.dir)
}
