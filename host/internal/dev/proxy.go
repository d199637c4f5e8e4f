package dev

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"

	"connectrpc.com/connect"

	"github.com/aof-dev/aofd/host/internal/api"
)

// proxy passes calls on to the daemon's admin socket. While the daemon is down it answers so.
func proxy(dataDir string) (http.Handler, error) {
	socket, err := api.SocketPath(dataDir)
	if err != nil {
		return nil, err
	}
	down := connect.NewErrorWriter()
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "aofd"
			r.Out.Header.Del("Origin") // it was judged before
		},
		FlushInterval: -1, // streams tell what happens as it happens
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "unix", socket)
			},
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, _ error) {
			err := api.Refuse(connect.CodeUnavailable, "DAEMON_DOWN", "the daemon does not run now: it is being started")
			if down.IsSupported(r) {
				_ = down.Write(w, r, err) // the page is gone if this fails
				return
			}
			http.Error(w, errors.Unwrap(err).Error(), http.StatusServiceUnavailable)
		},
	}, nil
}
