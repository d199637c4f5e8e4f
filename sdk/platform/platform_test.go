package platform_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/platform"
	"github.com/aof-dev/aofd/sdk/wire"
)

// The test binary is the plugin, too: started with the cookie or by hand, it is what an author writes.
func TestMain(m *testing.M) {
	if os.Getenv(wire.CookieKey) != "" || os.Getenv("TEST_BY_HAND") != "" {
		platform.Main(spec)
	}
	os.Exit(m.Run())
}

var spec = platform.Spec{
	Info: platform.Info{
		ID: "test", DisplayName: "Test", Version: "1.2.3", Description: "For tests.",
		Capabilities: []string{chat.CapInteractive}, WebhookContentTypes: []string{"text/plain"},
		WebhookHeaders: []string{"x-signature"},
		Limits:         chat.Limits{TextMax: 10},
	},
	New: platform.Configured(func(c config) (platform.Platform, error) { return adapter{config: c}, nil }),
	Commands: []platform.Command{{Name: "greet", Short: "greets", Run: func(_ context.Context, args []string) int {
		fmt.Println("hello", args)
		return 7
	}}, {Name: "configured", Short: "prints its configuration", Run: func(context.Context, []string) int {
		config, given, err := platform.GivenConfig()
		fmt.Printf("%s %v %v\n", config, given, err)
		return 0
	}}},
}

type config struct {
	Token string   `json:"token" aof:"secret,minLength=1" jsonschema:"what the platform knows us by"`
	Names []string `json:"names,omitempty" aof:"minItems=1"`
	Mode  string   `json:"mode,omitempty" aof:"pattern=^[a-z]+$"`
	Count int      `json:"count,omitempty"`
}

func (c config) Validate() []chat.Diagnostic {
	if c.Mode == "odd" {
		return []chat.Diagnostic{{Severity: chat.SeverityError, Pointer: "/mode", Summary: "odd is not a mode"}}
	}
	return []chat.Diagnostic{{Severity: chat.SeverityWarning, Summary: "be careful"}}
}

type adapter struct {
	platform.Base
	config config
}

func (a adapter) VerifySignature(context.Context, chat.Request) (chat.Verification, error) {
	return chat.Verification{Verdict: chat.VerdictValid}, nil
}

func (a adapter) ParseMessage(_ context.Context, r chat.Request) (chat.Batch, error) {
	switch string(r.Body) {
	case "panic":
		panic("parser broke")
	case "log":
		slog.Warn("careful", "n", 3)
	case "print":
		fmt.Println("to stdout")
	}
	return chat.Batch{
		Verification: chat.Verification{Verdict: chat.VerdictValid},
		Messages:     []chat.Message{{ID: fmt.Sprint(len(r.Body)), Account: a.config.Mode}},
	}, nil
}

func (a adapter) SendResponse(ctx context.Context, d chat.Delivery) (chat.Sent, error) {
	switch d.Response.Text {
	case "panic":
		panic("sender broke")
	case "slow":
		if err := os.WriteFile(d.ChannelID, nil, 0o600); err != nil {
			return chat.Sent{}, err
		}
		time.Sleep(300 * time.Millisecond)
	}
	return chat.Sent{MessageIDs: []string{"m"}}, nil
}

func (a adapter) Accounts() []chat.Account { return []chat.Account{{ID: "acc", DisplayName: "Acc"}} }

// process is a running plugin.
type process struct {
	client   *plugin.Client
	plugin   *wire.PluginClient
	platform *wire.PlatformClient
	stderr   *buffer
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// grpcConn lets go-plugin hand out the connection.
type grpcConn struct {
	plugin.NetRPCUnsupportedPlugin
}

func (grpcConn) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return errors.New("host side") }

func (grpcConn) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

// start runs the plugin over TLS with keys that the test issued, as the host does.
func start(t *testing.T) *process {
	t.Helper()
	keys, err := wire.IssueKeys()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{wire.EnvLogLevel + "=debug", "PLUGIN_UNIX_SOCKET_DIR=" + dir}
	for name, pem := range map[string][]byte{
		wire.EnvTLSCert: keys.ServerCert, wire.EnvTLSKey: keys.ServerKey, wire.EnvTLSClientCA: keys.ClientCert,
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, name+"="+file)
	}
	tlsConfig, err := keys.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{stderr: &buffer{}}
	p.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: wire.Handshake, Plugins: plugin.PluginSet{"aof": grpcConn{}}, Cmd: cmd, TLSConfig: tlsConfig,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC}, SkipHostEnv: true, StartTimeout: 10 * time.Second,
		Stderr: p.stderr, Logger: hclog.NewNullLogger(),
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(wire.MaxMessageBytes))},
	})
	t.Cleanup(p.client.Kill)
	rpc, err := p.client.Client()
	if err != nil {
		t.Fatalf("%v\n%s", err, p.stderr)
	}
	conn, err := rpc.Dispense("aof")
	if err != nil {
		t.Fatal(err)
	}
	p.plugin = wire.NewPluginClient(conn.(*grpc.ClientConn))
	p.platform = wire.NewPlatformClient(conn.(*grpc.ClientConn))
	return p
}

func configured(t *testing.T) *process {
	t.Helper()
	p := start(t)
	if _, _, err := p.plugin.Configure(t.Context(), []byte(`{"token":"canary-4711"}`), 1); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) parse(t *testing.T, body string) (chat.Batch, error) {
	t.Helper()
	return p.platform.ParseMessage(t.Context(), chat.Request{Method: "POST", URI: "/", Body: []byte(body)})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

func TestInfo(t *testing.T) {
	t.Parallel()
	info, err := start(t).plugin.GetInfo(t.Context(), "9.9.9")
	if err != nil {
		t.Fatal(err)
	}
	if info.ID != "test" || info.Kind != chat.PluginPlatform || info.Platform.Limits.TextMax != 10 {
		t.Errorf("info %+v", info)
	}
	var schema struct {
		Required   []string
		Properties map[string]struct {
			Type, Description, Pattern string
			WriteOnly                  bool
			MinItems                   int
		}
		AdditionalProperties any
	}
	if err := json.Unmarshal(info.ConfigSchema, &schema); err != nil {
		t.Fatal(err)
	}
	p := schema.Properties
	if len(schema.Required) != 1 || !p["token"].WriteOnly || p["token"].Description == "" || p["names"].Type != "array" ||
		p["names"].MinItems != 1 || p["mode"].Pattern != "^[a-z]+$" || schema.AdditionalProperties == nil {
		t.Errorf("schema %s", info.ConfigSchema)
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	p := start(t)
	if _, err := p.parse(t, "x"); chat.AsError(err).Reason != chat.ReasonNotConfigured {
		t.Errorf("before Configure: %v", err)
	}
	bad := map[string]string{
		`[]`: "", `{}`: "/token", `{"token":""}`: "/token", `{"token":5}`: "/token", `{"token":"canary-4711","names":[]}`: "/names",
		`{"token":"canary-4711","x/y":1}`: "/x~1y", `{"token":"canary-4711","mode":"A"}`: "/mode", `{"token":"canary-4711","mode":"odd"}`: "/mode",
		`{"token":"canary-4711","names":null}`: "/names",
	}
	for config, pointer := range bad {
		found, err := p.plugin.ValidateConfig(t.Context(), []byte(config))
		if err != nil || len(found) != 1 || found[0].Pointer != pointer || found[0].Severity != chat.SeverityError {
			t.Errorf("%s: %+v, %v", config, found, err)
		}
		if strings.Contains(fmt.Sprint(found), "canary") {
			t.Errorf("a finding quotes the secret: %v", found)
		}
		_, _, err = p.plugin.Configure(t.Context(), []byte(config), 1)
		if chat.AsError(err).Reason != chat.ReasonConfigInvalid || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", config, err)
		}
	}
	accounts, found, err := p.plugin.Configure(t.Context(), []byte(`{"token":"t","mode":"a"}`), 2)
	if err != nil || len(accounts) != 1 || len(found) != 1 {
		t.Fatalf("%v, %v, %v", accounts, found, err)
	}
	if _, _, err := p.plugin.Configure(t.Context(), []byte(`{"token":"t"}`), 1); chat.AsError(err).Reason != chat.ReasonStaleGeneration {
		t.Errorf("an older generation: %v", err)
	}
	if _, _, err := p.plugin.Configure(t.Context(), []byte(`{}`), 3); err == nil {
		t.Error("a bad configuration replaced a good one")
	}
	if b, err := p.parse(t, "x"); err != nil || b.Messages[0].Account != "a" {
		t.Errorf("the former configuration is gone: %v, %v", b, err)
	}
}

func TestPanicCostsOneCall(t *testing.T) {
	t.Parallel()
	p := configured(t)
	if _, err := p.parse(t, "panic"); chat.AsError(err).Reason != chat.ReasonPluginPanic {
		t.Errorf("parse: %v", err)
	}
	_, err := p.platform.SendResponse(t.Context(), chat.Delivery{Response: chat.Response{Text: "panic"}})
	if e := chat.AsError(err); e.Reason != chat.ReasonPluginPanic || e.Sent != chat.SentUnknown {
		t.Errorf("send: %+v", e)
	}
	if _, err := p.parse(t, "fine"); err != nil {
		t.Errorf("after a panic: %v", err)
	}
	eventually(t, "the stack in the log", func() bool { return strings.Contains(p.stderr.String(), "parser broke") })
}

func TestLargeBody(t *testing.T) {
	t.Parallel()
	p := configured(t)
	b, err := p.parse(t, strings.Repeat("x", 5<<20))
	if err != nil || b.Messages[0].ID != fmt.Sprint(5<<20) {
		t.Errorf("%v, %v", b.Messages, err)
	}
}

func TestLogKeepsLevelsAndSecrets(t *testing.T) {
	t.Parallel()
	p := configured(t)
	for _, body := range []string{"log", "print", "panic"} {
		_, _ = p.parse(t, body)
	}
	eventually(t, "a warning as JSON", func() bool {
		for line := range strings.Lines(p.stderr.String()) {
			var record map[string]any
			if json.Unmarshal([]byte(line), &record) == nil && record["@level"] == "warn" &&
				record["@message"] == "careful" && record["n"] == 3.0 && record["@timestamp"] != "" {
				return true
			}
		}
		return false
	})
	if strings.Contains(p.stderr.String(), "canary") {
		t.Errorf("the log holds the secret:\n%s", p.stderr)
	}
}

func TestDrainFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	p := configured(t)
	mark := filepath.Join(t.TempDir(), "begun")
	result := make(chan error, 1)
	go func() {
		_, err := p.platform.SendResponse(context.WithoutCancel(t.Context()),
			chat.Delivery{ChannelID: mark, Response: chat.Response{Text: "slow"}})
		result <- err
	}()
	eventually(t, "the send to begin", func() bool { _, err := os.Stat(mark); return err == nil })
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.plugin.Drain(short); err == nil {
		t.Error("drained while a call was running")
	}
	if _, err := p.parse(t, "x"); chat.AsError(err).Reason != chat.ReasonDraining {
		t.Errorf("while draining: %v", err)
	}
	if err := p.plugin.Drain(t.Context()); err != nil {
		t.Errorf("drain: %v", err)
	}
	if err := <-result; err != nil {
		t.Errorf("the call in flight was cut: %v", err)
	}
}

func TestTermEndsTheProcessCleanly(t *testing.T) {
	t.Parallel()
	p := configured(t)
	mark := filepath.Join(t.TempDir(), "begun")
	result := make(chan error, 1)
	go func() {
		_, err := p.platform.SendResponse(context.WithoutCancel(t.Context()),
			chat.Delivery{ChannelID: mark, Response: chat.Response{Text: "slow"}})
		result <- err
	}()
	eventually(t, "the send to begin", func() bool { _, err := os.Stat(mark); return err == nil })
	if err := syscall.Kill(p.client.ReattachConfig().Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("the call in flight was cut: %v", err)
	}
	eventually(t, "the process to end", p.client.Exited)
}

// A host that dies in any way closes the plugin's stdin.
func TestEndOfStdinEndsTheProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{wire.CookieKey + "=" + wire.CookieValue, "PLUGIN_PROTOCOL_VERSIONS=1"}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 256)
	n, err := stdout.Read(line)
	if err != nil || !strings.HasPrefix(string(line[:n]), "1|1|unix|") || !strings.Contains(string(line[:n]), "|grpc") {
		t.Errorf("handshake %q, %v", line[:n], err)
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process ended with %v, want 0", err)
	}
}

func TestByHand(t *testing.T) {
	t.Parallel()
	cases := []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{nil, 0, "aofd starts this program by itself", ""},
		{[]string{"--help"}, 0, "plugins folder", ""},
		{[]string{"--version"}, 0, "aof-platform-test 1.2.3", ""},
		{[]string{"--manifest"}, 0, `"config_schema"`, ""},
		{[]string{"--config-schema"}, 0, `"writeOnly": true`, ""},
		{[]string{"greet", "x"}, 7, "hello [x]", ""},
		{[]string{"nonsense"}, 2, "", `unknown command "nonsense"`},
	}
	for _, c := range cases {
		cmd := exec.Command(os.Args[0], c.args...)
		cmd.Env = []string{"TEST_BY_HAND=1"}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != c.code {
			t.Errorf("%v: exit code %d, want %d", c.args, code, c.code)
		}
		if !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%v: stdout %q, stderr %q", c.args, &stdout, &stderr)
		}
	}
}

// A subcommand reads its configuration from the descriptor that the host names, and nothing of it is in its
// arguments or its environment.
func TestGivenConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ fd, config, want string }{
		{"", "", " false <nil>"},
		{"3", `{"token":"t"}`, `{"token":"t"} true <nil>`},
		{"3", `{"token":`, "is not JSON"},
		{"3", `"` + strings.Repeat("x", 1<<20) + `"`, "at most 1048576 bytes"},
		{"1", "", "no number of a file descriptor from 3 on"},
		{"x", "", "no number of a file descriptor from 3 on"},
		{"9999", "", "bad file descriptor"},
	} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = io.WriteString(write, c.config)
			_ = write.Close()
		}()
		cmd := exec.Command(os.Args[0], "configured")
		cmd.Env = []string{"TEST_BY_HAND=1"}
		if c.fd != "" {
			cmd.Env = append(cmd.Env, wire.EnvConfigFD+"="+c.fd)
		}
		cmd.ExtraFiles = []*os.File{read}
		out, err := cmd.CombinedOutput()
		_ = read.Close()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%q from %q: %v, %.200s", c.config, c.fd, err, out)
		}
	}
}
