package interactive

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
)

// pages is the page with the terminal and all that it needs.
//
//go:embed page
var pages embed.FS

// servePage answers for a file of the page; "" is the page itself. Its address has the secret, so it
// is told to nobody and kept nowhere, and nothing of another site is loaded.
func servePage(w http.ResponseWriter, r *http.Request, name string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	if name == "" {
		name = "index.html"
	}
	data, err := fs.ReadFile(pages, "page/"+name) // refuses names that leave it
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType(name))
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "+
		"img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(data) // whoever asked has gone
}

// contentType does not ask the machine's tables, which may say anything.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	default:
		return "text/plain; charset=utf-8"
	}
}
