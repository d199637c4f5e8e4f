package console

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func TestServesThePageAndItsAssets(t *testing.T) {
	t.Parallel()
	h := handler{policy: policy([]string{"http://127.0.0.1:4004"}), files: fstest.MapFS{
		"index.html":       {Data: []byte("<page>")},
		"assets/a-1.js":    {Data: []byte("plain")},
		"assets/a-1.js.br": {Data: []byte("brotli")},
		"assets/a-1.js.gz": {Data: []byte("gzip")},
	}}
	for _, c := range []struct {
		path, accept                     string
		status                           int
		body, encoding, contentType, age string
	}{
		{"/", "", 200, "<page>", "", "text/html; charset=utf-8", "no-cache"},
		{"/trace/x", "br", 200, "<page>", "", "text/html; charset=utf-8", "no-cache"},
		{"/assets/a-1.js", "", 200, "plain", "", "text/javascript; charset=utf-8", "immutable"},
		{"/assets/a-1.js", "gzip, deflate, br", 200, "brotli", "br", "text/javascript; charset=utf-8", "immutable"},
		{"/assets/a-1.js", "gzip, br;q=0", 200, "gzip", "gzip", "text/javascript; charset=utf-8", "immutable"},
		{"/assets/gone.js", "", 404, "404", "", "text/plain; charset=utf-8", ""},
		{"/../index.html", "", 200, "<page>", "", "text/html; charset=utf-8", "no-cache"},
		{"/assets", "", 200, "<page>", "", "text/html; charset=utf-8", "no-cache"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:1/", nil)
		r.URL.Path = c.path
		r.Header.Set("Accept-Encoding", c.accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		res := w.Result()
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != c.status || !strings.HasPrefix(string(body), c.body) ||
			res.Header.Get("Content-Encoding") != c.encoding || res.Header.Get("Content-Type") != c.contentType ||
			!strings.Contains(res.Header.Get("Cache-Control"), c.age) {
			t.Errorf("%s (%s): %d %q %v", c.path, c.accept, res.StatusCode, body, res.Header)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "frame-src http://127.0.0.1:4004;", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %s: %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("the policy lets inline code run: %s", csp)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestTheBinaryHasAPage(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	Handler(Settings{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if want := map[bool]int{true: 200, false: 404}[assets != nil]; w.Code != want {
		t.Errorf("%d, want %d", w.Code, want)
	}
}

// The whole console, packed, stays small enough to be there at once on a slow line.
func TestTheConsoleIsSmall(t *testing.T) {
	t.Parallel()
	if assets == nil {
		t.Skip("there is no console in this build")
	}
	const most = 150_000
	packed, err := fs.Glob(assets, "assets/*.gz")
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, name := range packed {
		body, err := fs.ReadFile(assets, name)
		if err != nil {
			t.Fatal(err)
		}
		sum += len(body)
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := fs.ReadFile(assets, strings.TrimSuffix(name, ".gz")); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s is not what is packed in it: %v", name, err)
		}
	}
	if sum == 0 || sum > most {
		t.Errorf("the packed console has %d bytes, want at most %d", sum, most)
	}
}
