package emulator

import (
	"embed"
	"net/http"
)

//go:embed page/index.html page/*.css page/*.js
var page embed.FS

// policy lets the page load its own files and talk to its own server, nothing else, and run no script
// that stands in the page: what a stranger's message brings along stays text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func pageRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", pageFile("page/index.html"))
	mux.HandleFunc("GET /page.css", pageFile("page/page.css"))
	for _, script := range []string{"page.js", "bubble.js", "markup.js", "sheet.js"} {
		mux.HandleFunc("GET /"+script, pageFile("page/"+script))
	}
}

func pageFile(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		http.ServeFileFS(w, r, page, name)
	}
}
