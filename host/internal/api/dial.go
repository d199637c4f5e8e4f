package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// ErrNoDaemon means that no daemon listens there.
var ErrNoDaemon = errors.New("no daemon runs there")

// dialTimeout is how long a daemon may take to accept a connection.
const dialTimeout = 5 * time.Second

// Dial returns a client of the daemon with that data directory. It fails with ErrNoDaemon when none runs.
func Dial(ctx context.Context, dataDir string) (hostv1connect.HostServiceClient, error) {
	path, err := SocketPath(dataDir)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		d := net.Dialer{Timeout: dialTimeout}
		return d.DialContext(ctx, "unix", path)
	}
	conn, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: none has this data directory (%s): start one with `aofd serve`, or name its folder with --data-dir: %w",
			ErrNoDaemon, path, err)
	}
	_ = conn.Close() // it was only to tell early that somebody listens
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}
	return hostv1connect.NewHostServiceClient(client, "http://aofd"), nil
}

// DialAddress returns a client of the admin listener at an address: host:port, or a URL. A token is sent over
// HTTPS or to this machine only. It fails with ErrNoDaemon when nobody listens there.
func DialAddress(ctx context.Context, address, token string) (hostv1connect.HostServiceClient, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("%q is no address of an admin listener: write host:port or https://host:port", address)
	}
	if token != "" && u.Scheme == "http" && !here(u.Hostname()) {
		return nil, fmt.Errorf("the token would cross the network in the clear: write https://%s, or go through a tunnel to this machine", u.Host)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("%w: %w: check --addr, and that spec.admin.listen is set", ErrNoDaemon, err)
	}
	_ = conn.Close() // it was only to tell early that somebody listens
	transport := &http.Transport{
		DialContext: d.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialTimeout,
	}
	client := &http.Client{Transport: bearer{transport, token}}
	return hostv1connect.NewHostServiceClient(client, strings.TrimSuffix(u.String(), "/")), nil
}

// here tells a name or address of this machine itself.
func here(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// bearer sends a token along.
type bearer struct {
	next  http.RoundTripper
	token string
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(r)
}
