package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/time/rate"

	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// Guard stands before the API on a listener that browsers and other machines may reach. The admin socket needs
// none: the file's mode is its permission.
type Guard struct {
	// Token is what callers of the API must know; empty: nothing, on the loopback only.
	Token string
	// Hosts are names, without port, under which the listener may be called beside those of this machine. They
	// are of use behind a reverse proxy without a token.
	Hosts []string
	// Logger hears of refused calls, one a second at most. Nil: nobody does.
	Logger *slog.Logger
}

// Protect returns a handler that lets through what may pass to the API, and everything to pages. A page holds
// no secrets, so it needs no token; what it asks for does.
//
// A page of another origin can neither call the API, since browsers say where a request comes from, nor read
// it under a name of its own that leads to this machine, since only known names are answered. There are no
// cookies that such a page could use.
func (g Guard) Protect(services, page http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	denied := connect.NewErrorWriter()
	told := rate.Sometimes{Interval: time.Second}
	refuse := func(w http.ResponseWriter, r *http.Request, err error) {
		if g.Logger != nil {
			told.Do(func() {
				g.Logger.Warn("a call of the admin API was refused", "from", r.RemoteAddr, "reason", err)
			})
		}
		w.Header().Set("Cache-Control", "no-store")
		if denied.IsSupported(r) {
			_ = denied.Write(w, r, err) // the client is gone if this fails
			return
		}
		status := http.StatusForbidden
		if connect.CodeOf(err) == connect.CodeUnauthenticated {
			status = http.StatusUnauthorized
		}
		http.Error(w, err.Error(), status)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		w.Header().Set("X-Frame-Options", "DENY")
		if g.Token == "" && !g.known(r.Host) {
			refuse(w, r, failure(connect.CodePermissionDenied, "HOST_REFUSED", fmt.Errorf(
				"this listener is not called %q: use 127.0.0.1 or localhost", r.Host)))
			return
		}
		if !isService(r.URL.Path) {
			page.ServeHTTP(w, r)
			return
		}
		if err := sameOrigin.Check(r); err != nil {
			refuse(w, r, failure(connect.CodePermissionDenied, "ORIGIN_REFUSED",
				errors.New("web pages of other origins may not call the daemon")))
			return
		}
		if !g.authorized(r) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="aofd"`)
			refuse(w, r, failure(connect.CodeUnauthenticated, "TOKEN_REJECTED", errors.New(
				"the token is missing or wrong: send Authorization: Bearer <spec.admin.token>, or --token")))
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		services.ServeHTTP(w, r.WithContext(withCaller(r.Context(), caller{near: near(r)})))
	})
}

// isService tells calls of services from files of the page.
func isService(path string) bool {
	return strings.HasPrefix(path, "/"+hostv1connect.HostServiceName+"/") ||
		strings.HasPrefix(path, "/"+hostv1connect.DevServiceName+"/")
}

// known reports whether a request names this machine itself, so that a name of somebody else that was made to
// lead here is not answered.
func (g Guard) known(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost") || slices.ContainsFunc(g.Hosts, func(h string) bool {
		return strings.EqualFold(h, host)
	})
}

// authorized compares the token in a time that does not depend on it.
func (g Guard) authorized(r *http.Request) bool {
	if g.Token == "" {
		return true
	}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	want, got := sha256.Sum256([]byte(g.Token)), sha256.Sum256([]byte(given))
	return ok && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// near reports whether the caller is on this machine itself and no proxy speaks for somebody else.
func near(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// caller is who asks.
type caller struct{ near bool }

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// mayReveal reports whether the caller may see what is masked: on the admin socket, which has no guard, and on
// this machine.
func mayReveal(ctx context.Context) bool {
	c, guarded := ctx.Value(callerKey{}).(caller)
	return !guarded || c.near
}
