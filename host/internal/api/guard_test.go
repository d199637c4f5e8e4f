package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/host/internal/api"
)

// A page of another origin, a name that somebody else made lead here, and a caller without the token get
// nothing.
func TestGuard(t *testing.T) {
	t.Parallel()
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("page")) })
	const token = "0123456789abcdef"
	const call = "/aof.host.v1.HostService/ListAgents"
	for _, c := range []struct {
		name, token, method, path string
		header                    map[string]string
		host                      string
		status                    int
		reason                    string
	}{
		{name: "a program", path: call, status: 200},
		{name: "by name", path: call, host: "localhost:9090", status: 200},
		{name: "over IPv6", path: call, host: "[::1]:9090", status: 200},
		{name: "the page itself", path: call, header: map[string]string{"Origin": "http://127.0.0.1:9090", "Sec-Fetch-Site": "same-origin"}, status: 200},
		{name: "another page", path: call, header: map[string]string{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, status: 403, reason: "ORIGIN_REFUSED"},
		{name: "another port", path: call, header: map[string]string{"Origin": "http://127.0.0.1:4004", "Sec-Fetch-Site": "same-site"}, status: 403, reason: "ORIGIN_REFUSED"},
		{name: "an old browser", path: call, header: map[string]string{"Origin": "http://evil.example"}, status: 403, reason: "ORIGIN_REFUSED"},
		{name: "a rebound name", path: call, host: "evil.example:9090", status: 403, reason: "HOST_REFUSED"},
		{name: "a rebound page", method: http.MethodGet, path: "/", host: "evil.example:9090", status: 403, reason: "not called"},
		{name: "the page", method: http.MethodGet, path: "/", status: 200},
		{name: "no token", token: token, path: call, host: "bot.example", status: 401, reason: "TOKEN_REJECTED"},
		{name: "a wrong token", token: token, path: call, header: map[string]string{"Authorization": "Bearer " + token + "x"}, status: 401, reason: "TOKEN_REJECTED"},
		{name: "a bare token", token: token, path: call, header: map[string]string{"Authorization": token}, status: 401, reason: "TOKEN_REJECTED"},
		{name: "the token", token: token, path: call, host: "bot.example", header: map[string]string{"Authorization": "Bearer " + token}, status: 200},
		{name: "the page needs no token", token: token, method: http.MethodGet, path: "/", host: "bot.example", status: 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			method := c.method
			if method == "" {
				method = http.MethodPost
			}
			r := httptest.NewRequest(method, "http://127.0.0.1:9090"+c.path, strings.NewReader("{}"))
			if c.host != "" {
				r.Host = c.host
			}
			r.Header.Set("Content-Type", "application/json")
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			api.Guard{Token: c.token}.Protect(handler(t, daemon{}), page).ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.reason) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.status, c.reason)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}
