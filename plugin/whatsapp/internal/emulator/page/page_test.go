package page_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/page"
)

// most is what the whole page may weigh, packed, in bytes.
const most = 150_000

func get(t *testing.T, path, encoding string) *http.Response {
	t.Helper()
	mux := http.NewServeMux()
	page.Handle(mux)
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPageIsServedPackedAndPlain(t *testing.T) {
	t.Parallel()
	plain := get(t, "/", "")
	html := body(t, plain)
	if plain.StatusCode != http.StatusOK || plain.Header.Get("Cache-Control") != "no-cache" ||
		!strings.HasPrefix(plain.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("the page: %v %v", plain.Status, plain.Header)
	}
	assets := regexp.MustCompile(`(?:src|href)="\./(assets/[^"]+)"`).FindAllSubmatch(html, -1)
	if len(assets) < 3 { // script, style, icon
		t.Fatalf("the page names %d files: %s", len(assets), html)
	}
	for _, a := range assets {
		name := "/" + string(a[1])
		whole := get(t, name, "identity")
		if whole.StatusCode != http.StatusOK || !strings.Contains(whole.Header.Get("Cache-Control"), "immutable") ||
			whole.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %v %v", name, whole.Status, whole.Header)
		}
		packed := get(t, name, "gzip, deflate")
		if packed.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not packed: %v", name, packed.Header)
			continue
		}
		unpacked, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(unpacked)
		if err != nil || !bytes.Equal(got, body(t, whole)) {
			t.Errorf("%s is something else when it is packed: %v", name, err)
		}
		if br := get(t, name, "gzip, deflate, br, zstd"); br.Header.Get("Content-Encoding") != "br" {
			t.Errorf("%s with br: %v", name, br.Header)
		}
	}
	if r := get(t, "/assets/gone.js", ""); r.StatusCode != http.StatusNotFound {
		t.Errorf("a file that is not there: %v", r.Status)
	}
}

// Nothing on the page may run or load but what the binary holds.
func TestPageIsClosed(t *testing.T) {
	t.Parallel()
	r := get(t, "/", "")
	policy := r.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self';"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %q: %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy lets inline code run: %s", policy)
	}
	html := string(body(t, r))
	if regexp.MustCompile(`<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=|https?://`).MatchString(html) {
		t.Errorf("the page holds code, style or an address of another place: %s", html)
	}
}

func TestPageIsSmall(t *testing.T) {
	t.Parallel()
	var sum int64
	err := fs.WalkDir(os.DirFS("dist"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".gz") {
			return err
		}
		info, err := d.Info()
		sum += info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum == 0 || sum > most {
		t.Errorf("the packed page has %d bytes, want at most %d", sum, most)
	}
}
