// Package console serves the web console: a page that speaks to the admin API and to nothing else. The page is
// built from ui/ into dist/, which is embedded, so that a build of aofd needs Go only. With the build tag noui
// there is no page.
package console

import (
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// Settings of the console.
type Settings struct {
	// Frames are the origins, such as http://127.0.0.1:4004, whose pages may be shown within the console; for
	// `aofd dev`. Empty: none.
	Frames []string
}

// Handler serves the page and its assets. A path that is no file is the page itself, which finds its view in
// the path. The handler may be used by many goroutines.
func Handler(s Settings) http.Handler {
	if assets == nil {
		return http.HandlerFunc(absent)
	}
	return handler{files: assets, policy: policy(s.Frames)}
}

func absent(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "this aofd was built without a console (tag noui); the API is here all the same", http.StatusNotFound)
}

// policy is the Content-Security-Policy: nothing but what the binary holds, and no inline script.
func policy(frames []string) string {
	frame := "'none'"
	if len(frames) > 0 {
		frame = strings.Join(frames, " ")
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
		"connect-src 'self'; frame-src " + frame + "; manifest-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// handler serves files of which some are stored compressed: a.js.br and a.js.gz beside a.js.
type handler struct {
	files  fs.FS
	policy string
}

// hashed is the folder of the files whose names change with their content.
const hashed = "assets/"

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the console is read with GET", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if name == "" || !fs.ValidPath(name) || !h.has(name) {
		if path.Ext(name) != "" {
			http.NotFound(w, r)
			return
		}
		name = "index.html"
	}
	header := w.Header()
	header.Set("Content-Security-Policy", h.policy)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Content-Type", contentType(name))
	header.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, hashed) {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	header.Add("Vary", "Accept-Encoding")
	for _, e := range []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}} {
		if takes(r.Header.Get("Accept-Encoding"), e.name) && h.has(name+e.suffix) {
			header.Set("Content-Encoding", e.name)
			name += e.suffix
			break
		}
	}
	body, err := fs.ReadFile(h.files, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(body)))
}

func (h handler) has(name string) bool {
	info, err := fs.Stat(h.files, name)
	return err == nil && info.Mode().IsRegular()
}

// takes reports whether an Accept-Encoding header names an encoding and does not refuse it.
func takes(accept, encoding string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			return !strings.HasPrefix(strings.ReplaceAll(q, " ", ""), "q=0") || strings.Contains(q, "0.")
		}
	}
	return false
}

// contentType does not ask the machine, whose tables differ.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".json", ".webmanifest":
		return "application/json"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}
