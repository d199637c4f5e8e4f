package emulator

import (
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// guard refuses requests for another host: a page elsewhere may point a name of its own at this machine
// and would then pass for ours. With a control token the emulator may be reached under any name, and the
// control API and the page want the token instead. It also sets what browsers shall not do with our
// answers.
func (e *Emulator) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		switch token := e.settings.ControlToken; {
		case token == "" && !ownHost(r.Host) && (isControl(r.URL.Path) || !metaHosts[r.Host]):
			http.Error(w, "the emulator answers on the loopback interface only", http.StatusMisdirectedRequest)
			return
		case token != "" && isControl(r.URL.Path):
			if !e.admit(w, r, token) {
				return
			}
		}
		if !metaHosts[r.Host] {
			e.base.Store("http://" + r.Host)
		}
		next.ServeHTTP(w, r)
	})
}

// metaHosts are the names by which a library that cannot be told another address calls what it takes for
// Meta, through a proxy or a transport of its own.
var metaHosts = map[string]bool{"graph.facebook.com": true, "lookaside.fbsbx.com": true}

// isControl tells what acts for people from what is Meta's, which has a token of its own.
func isControl(path string) bool {
	return path == "/" || strings.HasPrefix(path, "/_emulator/") && path != "/_emulator/healthz"
}

const cookie = "aof-emulator"

// admit lets in who has the token. A browser shows it once, in the address, and gets a cookie.
func (e *Emulator) admit(w http.ResponseWriter, r *http.Request, token string) bool {
	same := func(s string) bool { return subtle.ConstantTimeCompare([]byte(s), []byte(token)) == 1 }
	if shown := r.URL.Query().Get("token"); r.URL.Path == "/" && same(shown) {
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return false
	}
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if c, err := r.Cookie(cookie); same(bearer) || err == nil && same(c.Value) {
		return true
	}
	http.Error(w, "the emulator wants its --control-token: Authorization: Bearer <token>, or open /?token=<token>", http.StatusUnauthorized)
	return false
}

func ownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	return isLoopback(host)
}
