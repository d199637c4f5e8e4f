package media_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/media"
	"github.com/aof-dev/aofd/sdk/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "EAAsecrettoken4711"

// meta is the Graph API and the store of files.
type meta struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int // calls by path
	info  func(m *meta) map[string]any
	file  http.HandlerFunc
}

func newMeta(t *testing.T) *meta {
	t.Helper()
	m := &meta{asked: map[string]int{}}
	m.info = func(m *meta) map[string]any { return describe(m.URL+"/store?x=1", picture) }
	m.file = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(picture) }
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		m.asked[r.URL.Path]++
		m.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer "+token && !strings.HasPrefix(r.URL.Path, "/elsewhere") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch {
		case r.URL.Path == "/store":
			m.file(w, r)
		case strings.HasPrefix(r.URL.Path, "/v26.0/") && r.URL.Query().Get("phone_number_id") == "42":
			_ = json.NewEncoder(w).Encode(m.info(m))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *meta) calls(path string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[path]
}

var picture = bytes.Repeat([]byte("\x89PNG night shift "), 20000) // 320 kB

func describe(url string, content []byte) map[string]any {
	sum := sha256.Sum256(content)
	return map[string]any{
		"messaging_product": "whatsapp", "url": url, "mime_type": "image/png", "sha256": hex.EncodeToString(sum[:]),
		"file_size": fmt.Sprint(len(content)), "id": "7",
	}
}

func (m *meta) fetcher(t *testing.T, change func(*media.Settings)) *media.Fetcher {
	t.Helper()
	api := graph.New(graph.Settings{BaseURL: m.URL, Version: "v26.0", PhoneNumberID: "42", Token: token})
	s := media.Settings{API: api, BaseURL: m.URL, Token: token}
	if change != nil {
		change(&s)
	}
	f, err := media.New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); api.Close() })
	return f
}

// got is what came of a fetch.
type got struct {
	info   chat.MediaInfo
	data   []byte
	pieces int
	begun  int
}

func fetch(ctx context.Context, f *media.Fetcher, id string, most uint64) (g got, err error) {
	err = f.Fetch(ctx, id, most, func(i chat.MediaInfo) error {
		g.info = i
		g.begun++
		return nil
	}, func(p []byte) error {
		g.data = append(g.data, p...)
		g.pieces++
		return nil
	})
	return g, err
}

func TestFetch(t *testing.T) {
	t.Parallel()
	m := newMeta(t)
	f := m.fetcher(t, nil)
	g, err := fetch(t.Context(), f, "7", 0)
	if err != nil || !bytes.Equal(g.data, picture) || g.begun != 1 || g.pieces < 5 {
		t.Fatalf("%v: %d bytes in %d pieces, begun %d", err, len(g.data), g.pieces, g.begun)
	}
	sum := sha256.Sum256(picture)
	if want := (chat.MediaInfo{MimeType: "image/png", Size: uint64(len(picture)), SHA256: hex.EncodeToString(sum[:])}); g.info != want {
		t.Errorf("%+v", g.info)
	}
}

// What Meta says of a file in other words means the same, and what it does not say is not needed.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256(picture)
	for name, change := range map[string]func(map[string]any){
		"digest in base64": func(d map[string]any) { d["sha256"] = base64.StdEncoding.EncodeToString(sum[:]) },
		"size as a number": func(d map[string]any) { d["file_size"] = len(picture) },
		"no size":          func(d map[string]any) { delete(d, "file_size") },
		"no digest":        func(d map[string]any) { delete(d, "sha256") },
		"nothing":          func(d map[string]any) { delete(d, "sha256"); delete(d, "file_size"); delete(d, "mime_type") },
	} {
		m := newMeta(t)
		m.info = func(m *meta) map[string]any {
			d := describe(m.URL+"/store", picture)
			change(d)
			return d
		}
		if g, err := fetch(t.Context(), m.fetcher(t, nil), "7", 0); err != nil || !bytes.Equal(g.data, picture) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is wrong with a file, whoever fetches it never has all of its bytes without an error.
func TestNotTheFile(t *testing.T) {
	t.Parallel()
	type change struct {
		info   func(map[string]any)
		file   http.HandlerFunc
		most   uint64
		limits func(*media.Settings)
	}
	write := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) }
	}
	other := append(bytes.Clone(picture[:len(picture)-1]), '!')
	for name, c := range map[string]struct {
		change
		reason    chat.Reason
		permanent bool
	}{
		"another file":     {change{file: write(other)}, chat.ReasonContentRejected, true},
		"shorter":          {change{file: write(picture[:len(picture)-1])}, chat.ReasonContentRejected, true},
		"longer":           {change{file: write(append(bytes.Clone(picture), 'x'))}, chat.ReasonContentRejected, true},
		"too large":        {change{most: uint64(len(picture) - 1)}, chat.ReasonContentRejected, true},
		"too large for us": {change{limits: func(s *media.Settings) { s.MaxBytes = 1000 }}, chat.ReasonContentRejected, true},
		"larger than it says": {
			change{info: func(d map[string]any) { delete(d, "file_size"); delete(d, "sha256") }, file: func(w http.ResponseWriter, _ *http.Request) {
				w.(http.Flusher).Flush() // without a length
				_, _ = w.Write(picture)
			}, most: 5000}, chat.ReasonContentRejected, true,
		},
		"of another type": {change{limits: func(s *media.Settings) { s.Types = []string{"audio/*", "application/pdf"} }}, chat.ReasonContentRejected, true},
		"broken off": {change{info: func(d map[string]any) { delete(d, "sha256"); delete(d, "file_size") }, file: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(picture[:200000])
			panic(http.ErrAbortHandler)
		}}, chat.ReasonUpstreamError, false},
		"server error": {change{file: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }}, chat.ReasonUpstreamError, false},
		"rate limit":   {change{file: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }}, chat.ReasonRateLimited, false},
		"no address":   {change{info: func(d map[string]any) { delete(d, "url") }}, chat.ReasonUpstreamError, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMeta(t)
			if c.file != nil {
				m.file = c.file
			}
			m.info = func(m *meta) map[string]any {
				d := describe(m.URL+"/store", picture)
				if c.info != nil {
					c.info(d)
				}
				return d
			}
			g, err := fetch(t.Context(), m.fetcher(t, c.limits), "7", c.most)
			e := chat.AsError(err)
			if e == nil || e.Reason != c.reason || e.Permanent != c.permanent || e.Sent != chat.SentNo {
				t.Fatalf("%+v", e)
			}
			if g.info.Size > 0 && uint64(len(g.data)) == g.info.Size {
				t.Errorf("all %d bytes came in spite of: %v", len(g.data), err)
			}
			if strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "/store") {
				t.Errorf("it tells a secret: %v", err)
			}
		})
	}
}

// An address that has expired is asked for once more, and no more often.
func TestExpiredAddress(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 404, 410} {
		m := newMeta(t)
		m.file = func(w http.ResponseWriter, _ *http.Request) {
			if m.calls("/store") == 1 {
				w.WriteHeader(status)
				return
			}
			_, _ = w.Write(picture)
		}
		g, err := fetch(t.Context(), m.fetcher(t, nil), "7", 0)
		if err != nil || !bytes.Equal(g.data, picture) || m.calls("/v26.0/7") != 2 {
			t.Errorf("%d: %v, asked %d times", status, err, m.calls("/v26.0/7"))
		}
		m = newMeta(t)
		m.file = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
		if _, err := fetch(t.Context(), m.fetcher(t, nil), "7", 0); chat.AsError(err).Reason != chat.ReasonContentRejected || m.calls("/store") != 2 {
			t.Errorf("%d: %v, fetched %d times", status, err, m.calls("/store"))
		}
	}
}

// What Meta did not give is not asked for again; another file is.
func TestNoStorm(t *testing.T) {
	t.Parallel()
	m := newMeta(t)
	m.file = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
	f := m.fetcher(t, nil)
	for range 5 {
		_, err := fetch(t.Context(), f, "7", 0)
		if e := chat.AsError(err); e == nil || e.Reason != chat.ReasonUpstreamError {
			t.Fatal(err)
		}
	}
	_, err := fetch(t.Context(), f, "7", 0)
	if e := chat.AsError(err); m.calls("/store") != 1 || e.RetryAfter <= 0 {
		t.Errorf("asked %d times, %+v", m.calls("/store"), e)
	}
	// After many failures with any files nothing is asked for at all.
	for i := range 30 {
		_, err = fetch(t.Context(), f, fmt.Sprint(100+i), 0)
	}
	if e := chat.AsError(err); e.Reason != chat.ReasonRateLimited || e.RetryAfter < time.Minute || m.calls("/store") != 10 {
		t.Errorf("%d calls, %+v", m.calls("/store"), e)
	}
}

// A storm that is over is forgotten.
func TestRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &scripted{err: &chat.Error{Reason: chat.ReasonUpstreamError, Text: "down"}}
		f, err := media.New(media.Settings{API: api, BaseURL: "https://graph.facebook.com", Token: token})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		ask := func(id string) error { _, err := fetch(t.Context(), f, id, 0); return err }
		_ = ask("1")
		_ = ask("1")
		if time.Sleep(31 * time.Second); api.calls != 1 {
			t.Fatalf("%d calls", api.calls)
		}
		for i := range 20 {
			_ = ask(fmt.Sprint(i))
		}
		if api.calls != 10 {
			t.Errorf("%d calls before the rest", api.calls)
		}
		time.Sleep(6 * time.Minute)
		api.err = &chat.Error{Reason: chat.ReasonContentRejected, Permanent: true, Text: "gone"}
		_, _ = ask("50"), ask("50")
		if api.calls != 11 {
			t.Errorf("%d calls after the rest", api.calls)
		}
	})
}

type scripted struct {
	err   error
	calls int
}

func (s *scripted) Stored(context.Context, string) (graph.Stored, error) {
	s.calls++
	return graph.Stored{}, s.err
}

// What a caller wants less of, or gives up, says nothing about the file.
func TestCallersLimitIsNotRemembered(t *testing.T) {
	t.Parallel()
	m := newMeta(t)
	f := m.fetcher(t, nil)
	if _, err := fetch(t.Context(), f, "7", 10); err == nil {
		t.Fatal("too large, and taken")
	}
	stop := errors.New("stop")
	if err := f.Fetch(t.Context(), "7", 0, func(chat.MediaInfo) error { return nil }, func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	if g, err := fetch(t.Context(), f, "7", 0); err != nil || len(g.data) != len(picture) {
		t.Errorf("%v", err)
	}
}

// The id comes from a webhook and goes into a path.
func TestIDs(t *testing.T) {
	t.Parallel()
	m := newMeta(t)
	f := m.fetcher(t, nil)
	for _, id := range []string{"", "..", "7/../8", "7?x", "a b", strings.Repeat("7", 201)} {
		if _, err := fetch(t.Context(), f, id, 0); chat.AsError(err) == nil {
			t.Errorf("%q is asked for", id)
		}
	}
	if len(m.asked) > 0 {
		t.Errorf("%v", m.asked)
	}
}

// A file that Meta does not know any more is no fault of the configuration.
func TestUnknownFile(t *testing.T) {
	t.Parallel()
	m := newMeta(t)
	m.info = func(*meta) map[string]any {
		return map[string]any{"error": map[string]any{"code": 100, "error_subcode": 33, "message": "Unsupported get request. Object with ID '7' does not exist"}}
	}
	_, err := fetch(t.Context(), m.fetcher(t, nil), "7", 0)
	if e := chat.AsError(err); e == nil || e.Reason != chat.ReasonContentRejected || !e.Permanent || !strings.Contains(e.Hint, "7 days") {
		t.Errorf("%+v", e)
	}
}
