package signproxy

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	bewitLife  = time.Hour
	longestURL = 64 << 10
)

// bewit signs the URL in the body, for callers that cannot send headers.
func (p *Proxy) bewit(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		p.refuse(w, http.StatusMethodNotAllowed, "POST the URL that is to be signed")
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestURL))
	if err != nil {
		p.refuse(w, http.StatusBadRequest, "the body cannot be read, or is too long for a URL")
		return
	}
	u, err := url.Parse(strings.TrimSpace(string(text)))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		p.refuse(w, http.StatusBadRequest, "the body is not an http or https URL")
		return
	}
	signed, err := p.signer.signURL(u, bewitLife)
	if err != nil {
		p.refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	p.signer.describe(w.Header(), u)
	w.Header().Set("Location", signed)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusSeeOther)
	_, _ = io.WriteString(w, signed) // whoever asked has gone
}
