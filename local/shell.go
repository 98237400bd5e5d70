package local

import (
	"net/http"
	"net/url"
	"strings"
)

// ShellPath is where the artifacts of interactive tasks lead to: a deployment has a page with a
// terminal there, which is told the address of the shells. Here the worker's own page takes its
// place, which is at that address, with a slash at its end.
const ShellPath = "/shell/"

// shell leads on to the page of the worker that serves the shells.
func shell(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	page, err := url.Parse(query.Get("socketUrl"))
	if err != nil || page.Host == "" || (page.Scheme != "ws" && page.Scheme != "wss") || !strings.Contains(page.Path, ShellPath) {
		http.Error(w, "socketUrl is not the address of a task's shells", http.StatusBadRequest)
		return
	}
	page.Scheme = "http" + strings.TrimPrefix(page.Scheme, "ws")
	page = page.JoinPath("/")
	page.RawQuery = url.Values{"taskId": query["taskId"], "runId": query["runId"]}.Encode()
	w.Header().Set("Referrer-Policy", "no-referrer") // the address lets in
	http.Redirect(w, r, page.String(), http.StatusFound)
}
