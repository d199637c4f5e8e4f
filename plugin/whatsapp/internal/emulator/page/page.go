// Package page serves the phone: a page that shows the chats of the emulator and sends what is typed and tapped.
// It speaks the control API and to nothing else. Its source is in ui/ and is built into dist/, which is
// committed and embedded, so that building the plugin needs Go only.
package page

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:dist
var dist embed.FS

// policy lets the page load its own files and talk to its own server, nothing else, and run no script that
// stands in the page: what a stranger's message brings along stays text. A page of this machine may show it in
// a frame, as `aofd dev` does.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors http://127.0.0.1:* http://localhost:*"

// types are what the files are. The machine is not asked: its tables differ.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

// Handle adds the page, at /, and its files to mux. Files whose names change with their content may be kept by
// browsers for good.
func Handle(mux *http.ServeMux) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // dist is a valid path
	}
	mux.Handle("GET /{$}", file(files, "index.html", "no-cache"))
	assets, err := fs.Glob(files, "assets/*")
	if err != nil {
		panic(err) // as is the pattern
	}
	for _, name := range assets {
		if types[path.Ext(name)] != "" { // what is packed belongs to what is not
			mux.Handle("GET /"+name, file(files, name, "public, max-age=31536000, immutable"))
		}
	}
}

// file serves one file, packed when the browser can unpack it.
func file(files fs.FS, name, cache string) http.HandlerFunc {
	plain := read(files, name)
	packed := []struct {
		encoding string
		body     []byte
	}{{"br", read(files, name+".br")}, {"gzip", read(files, name+".gz")}}
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
		h.Set("Content-Type", types[path.Ext(name)])
		h.Set("Cache-Control", cache)
		h.Add("Vary", "Accept-Encoding")
		body := plain
		for _, p := range packed {
			if p.body != nil && accepts(r.Header.Get("Accept-Encoding"), p.encoding) {
				h.Set("Content-Encoding", p.encoding)
				body = p.body
				break
			}
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}
}

// read returns a file of the binary, nil when there is none.
func read(files fs.FS, name string) []byte {
	body, err := fs.ReadFile(files, name)
	if err != nil {
		return nil
	}
	return body
}

// accepts reports whether an Accept-Encoding header names an encoding; with a weight, it is taken to be refused,
// as no browser gives one.
func accepts(header, encoding string) bool {
	for e := range strings.SplitSeq(header, ",") {
		if strings.TrimSpace(e) == encoding {
			return true
		}
	}
	return false
}
