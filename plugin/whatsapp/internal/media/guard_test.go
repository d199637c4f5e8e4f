package media_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/media"
	"github.com/aof-dev/aofd/sdk/chat"
)

// at says where a file is.
type at string

func (a at) Stored(context.Context, string) (graph.Stored, error) {
	return graph.Stored{URL: string(a)}, nil
}

// Whatever Meta's answer says, nothing but Meta's hosts on the public internet is asked.
func TestAddresses(t *testing.T) {
	t.Parallel()
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("somebody inside was asked") }))
	defer inside.Close()
	port := inside.URL[strings.LastIndexByte(inside.URL, ':'):]
	for _, url := range []string{
		inside.URL, "http://lookaside.fbsbx.com/x", "https://lookaside.fbsbx.com:8443/x", "https://evil.example/x",
		"https://lookaside.fbsbx.com.evil.example/", "https://fbsbx.com.evil.example", "https://evilfbsbx.com/",
		"https://127.0.0.1" + port, "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://2130706433/", "https://0x7f.1/",
		"https://169.254.169.254/latest/meta-data/", "https://graph.facebook.com@127.0.0.1/", "https://u:p@graph.facebook.com/",
		"file:///etc/passwd", "//lookaside.fbsbx.com/x", "", "https://", "gopher://lookaside.fbsbx.com/",
		"https://graph.facebook.com:80/", "http://graph.facebook.com/",
	} {
		f, err := media.New(media.Settings{API: at(url), BaseURL: "https://graph.facebook.com", Token: token})
		if err != nil {
			t.Fatal(err)
		}
		_, err = fetch(t.Context(), f, "7", 0)
		if e := chat.AsError(err); e == nil || e.Reason != chat.ReasonUpstreamError || !e.Permanent {
			t.Errorf("%s: %+v", url, e)
		}
		f.Close()
	}
}

// A name that leads into this network is found when the connection is made. The names are in the base URL, so that
// they pass the check of names.
func TestNamesThatLeadInside(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"https://10.0.0.1", "https://192.168.1.1", "https://169.254.169.254", "https://100.64.0.1", "https://[fd00::1]", "https://[fe80::1]",
		"https://[64:ff9b::7f00:1]", "https://[::ffff:10.0.0.1]", "https://[2002:7f00:1::]", "https://0.0.0.0",
	} {
		f, err := media.New(media.Settings{API: at(base + "/file"), BaseURL: base, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		_, err = fetch(t.Context(), f, "7", 0)
		if err == nil || !strings.Contains(err.Error(), "prohibited") {
			t.Errorf("%s: %v", base, err)
		}
		f.Close()
	}
}

// A redirect is followed to Meta's hosts only, and takes no token along.
func TestRedirects(t *testing.T) {
	t.Parallel()
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("somebody inside was asked") }))
	defer inside.Close()
	m := newMeta(t)
	hops := 0
	for name, to := range map[string]string{"inside": inside.URL, "plain": "http://lookaside.fbsbx.com/", "elsewhere": "https://evil.example/"} {
		m.file = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
		_, err := fetch(t.Context(), m.fetcher(t, nil), "7", 0)
		if err == nil || !strings.Contains(err.Error(), "a redirect was not followed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.file = func(w http.ResponseWriter, r *http.Request) {
		hops++
		http.Redirect(w, r, m.URL+"/store", http.StatusFound)
	}
	if _, err := fetch(t.Context(), m.fetcher(t, nil), "7", 0); err == nil || hops != 4 {
		t.Errorf("%d hops, %v", hops, err)
	}
	once := false
	m.file = func(w http.ResponseWriter, r *http.Request) {
		if !once {
			once = true
			http.Redirect(w, r, "/store?second=1", http.StatusFound)
			return
		}
		if r.Header.Get("Referer") != "" {
			t.Errorf("it tells where it was before: %s", r.Header.Get("Referer"))
		}
		_, _ = w.Write(picture)
	}
	if g, err := fetch(t.Context(), m.fetcher(t, nil), "7", 0); err != nil || len(g.data) != len(picture) {
		t.Errorf("%v", err)
	}
}
