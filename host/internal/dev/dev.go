package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/host/internal/console"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// Settings of a playground.
type Settings struct {
	// Config is the user's own configuration; empty: Folder has one, or gets the examples.
	Config string
	// Folder is where configuration, agents and data are; empty: a temporary one, gone at the end.
	Folder string
	// Listen is the address of the page, on the loopback interface.
	Listen string
	// PluginDirs are where plugins are looked for.
	PluginDirs []string
	// Serve are more arguments for `aofd serve`.
	Serve []string
	// Ready is called once with what there is.
	Ready func(Ready)
	// Log takes what the daemon and the emulators say.
	Log io.Writer
}

// Ready says where everything is.
type Ready struct {
	URL       string            // of the page
	Phones    map[string]string // pages of the emulators, by platform
	Config    string            // file
	Agents    string            // folder
	Temporary bool              // the folder goes at the end
}

// Run plays until ctx ends; nothing is left behind then. An error says why there was no playground, or what of
// it broke.
func Run(ctx context.Context, s Settings) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &playground{Settings: s, breaks: cancel}
	defer p.close()
	if err := p.build(ctx); err != nil {
		return err
	}
	err := p.play(ctx)
	if cause := context.Cause(ctx); errors.As(cause, new(*brokenError)) {
		err = cause
	}
	return err
}

// ErrConfig means that the daemon did not take its configuration. It has said why to Settings.Log.
var ErrConfig = errors.New("the configuration cannot be used: see above")

// brokenError is the end of something without which there is no playground.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

// playground is one run.
type playground struct {
	Settings
	breaks context.CancelCauseFunc

	temporary string // folder to be removed
	data      string
	config    string
	emulators []*emulator
	service   *service
	listener  net.Listener
	server    *http.Server
	stopping  chan struct{}
}

// build starts everything but the daemon and opens the page's listener.
func (p *playground) build(ctx context.Context) error {
	found, refused, err := emulators(ctx, p.PluginDirs)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		text := "there is no plugin with an emulator in " + strings.Join(p.PluginDirs, " or ")
		if len(refused) > 0 {
			text += "; not used: " + strings.Join(refused, "; ")
		}
		return errors.New(text)
	}
	if err := p.listen(); err != nil {
		return err
	}
	if err := p.folder(found); err != nil {
		return err
	}
	webhooks, err := freeAddress()
	if err != nil {
		return err
	}
	overlay := map[string]map[string]string{}
	for _, f := range found {
		e, err := startEmulator(ctx, f, webhooks, p.Log)
		if err != nil {
			return err
		}
		p.emulators = append(p.emulators, e)
		overlay[f.ID] = e.ready.Config
		go p.watch(e)
	}
	return p.assemble(webhooks, overlay)
}

// watch ends the playground when an emulator does.
func (p *playground) watch(e *emulator) {
	<-e.child.gone
	p.breaks(&brokenError{fmt.Errorf("the emulator of %s ended: %s", e.platform, strings.TrimSpace(e.child.last.String()))})
}

func (p *playground) listen() (err error) {
	host, _, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return fmt.Errorf("--listen takes an address and a port, such as 127.0.0.1:8080: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("a playground is for this machine only: --listen %s is not on the loopback interface", p.Listen)
	}
	if p.listener, err = net.Listen("tcp", p.Listen); err != nil {
		return fmt.Errorf("listen for the page: %w: choose another --listen", err)
	}
	return nil
}

// folder makes or finds the folder of the playground.
func (p *playground) folder(found []catalog.Found) (err error) {
	dir := p.Folder
	if dir == "" {
		if p.temporary, err = os.MkdirTemp("", "aofd-dev-"); err != nil {
			return err
		}
		dir = p.temporary
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	p.data = filepath.Join(dir, "data")
	if p.config = p.Config; p.config != "" {
		p.config, err = filepath.Abs(p.config)
		return err
	}
	var ids []string
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	p.config, err = furnish(dir, ids)
	return err
}

// assemble puts the daemon, the counters and the page together.
func (p *playground) assemble(webhooks string, overlay map[string]map[string]string) error {
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		return fmt.Errorf("make the playground's data folder: %w", err)
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	secrets := filepath.Join(p.data, "emulators.json")
	if err := os.WriteFile(secrets, text, 0o600); err != nil {
		return fmt.Errorf("tell the daemon where the emulators are: %w", err)
	}
	host, port, err := net.SplitHostPort(webhooks)
	if err != nil {
		return err
	}
	args := append([]string{
		"serve", "-c", p.config, "--host", host, "--port", port, "--data-dir", p.data, "--playground", secrets,
	}, p.Serve...)
	p.stopping = make(chan struct{})
	p.service = &service{
		emulators: p.emulators, configFile: p.config, changed: make(chan struct{}), stopping: p.stopping,
	}
	if p.Config == "" {
		p.service.agentsDir = filepath.Join(filepath.Dir(p.config), "agents")
	}
	p.service.counts = newCounts(p.service.change)
	p.service.daemon = &daemon{args: args, stderr: p.Log, answers: p.answers, changed: p.service.change}
	pass, err := proxy(p.data)
	if err != nil {
		return err
	}
	services := http.NewServeMux()
	services.Handle(hostv1connect.NewDevServiceHandler(p.service))
	services.Handle("/"+hostv1connect.HostServiceName+"/", pass)
	var frames []string
	for _, e := range p.emulators {
		frames = append(frames, e.origin())
	}
	p.server = &http.Server{
		Handler:           api.Guard{}.Protect(services, console.Handler(console.Settings{Frames: frames})),
		ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0), Protocols: new(http.Protocols),
	}
	p.server.Protocols.SetHTTP1(true)
	p.server.Protocols.SetUnencryptedHTTP2(true) // for gRPC clients
	return nil
}

// dial returns a client of the daemon.
func (p *playground) dial() (hostv1connect.HostServiceClient, error) {
	return api.Dial(context.Background(), p.data)
}

// answers reports whether the daemon takes calls.
func (p *playground) answers(ctx context.Context) bool {
	client, err := p.dial()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err = client.GetStatus(ctx, &hostv1.GetStatusRequest{})
	return err == nil
}

// play runs everything until ctx ends. It returns when the daemon is gone.
func (p *playground) play(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	for _, e := range p.emulators {
		work.Go(func() {
			e.follow(ctx, func(m phoneMessage) { p.service.counts.phone(e.platform, m) },
				func(n phoneCounters) { p.service.counts.counters(e.platform, n) })
		})
	}
	work.Go(func() { p.service.counts.run(ctx, p.dial) })
	work.Go(func() { p.service.daemon.run(ctx) })
	work.Go(func() { _ = p.server.Serve(p.listener) }) // ends with close
	defer func() {
		close(p.stopping)
		_ = p.server.Close()
	}()
	if err := p.firstStart(ctx); err != nil {
		p.breaks(err)
		return err
	}
	p.Ready(p.ready())
	<-ctx.Done()
	return nil
}

// firstStart waits for the daemon. A configuration that cannot be used ends the playground here; later it is
// waited for.
func (p *playground) firstStart(ctx context.Context) error {
	for {
		changed := p.service.next()
		switch st := p.service.daemon.now(); st.State {
		case running:
			return nil
		case waiting:
			if st.Misconfigured {
				return &brokenError{ErrConfig}
			}
			return &brokenError{errors.New("the daemon does not start: " + st.Reason)}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

func (p *playground) ready() Ready {
	out := Ready{
		URL: "http://" + p.listener.Addr().String() + "/", Phones: map[string]string{}, Config: p.config,
		Agents: p.service.agentsDir, Temporary: p.temporary != "",
	}
	for _, e := range p.emulators {
		out.Phones[e.platform] = e.ready.Page
	}
	return out
}

// close ends what is left.
func (p *playground) close() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	for _, e := range slices.Backward(p.emulators) {
		e.child.stop(ctx)
	}
	if p.listener != nil {
		_ = p.listener.Close() // closed already when it was served
	}
	if p.temporary != "" {
		_ = os.RemoveAll(p.temporary) // a temporary folder
	}
}

// freeAddress returns an address on the loopback interface that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
