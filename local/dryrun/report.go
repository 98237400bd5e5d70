package dryrun

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/workerkit/workerkit/local/clouds"
)

// Report is what there is in one cloud.
type Report struct {
	Images    []clouds.Resource `json:"images"`    // what was made
	Leftovers []clouds.Resource `json:"leftovers"` // what a build should have removed
}

// Reports say what there is in each cloud, by the name of packer's target: "aws", "gcp", "azure".
func (s *Stand) Reports() map[string]Report {
	return map[string]Report{
		"aws":   {s.EC2.Images(), s.EC2.Leftovers()},
		"gcp":   {s.GCE.Images(), s.GCE.Leftovers()},
		"azure": {s.Azure.Images(), s.Azure.Leftovers()},
	}
}

// URL is where all three APIs answer without TLS, each at its own paths, and where GET /reports
// has the Reports as JSON.
func (s *Stand) URL() string { return s.url }

// route finds out by the path whom a request is for: no two clouds have one in common.
func (s *Stand) route(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/reports":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Reports()) // the client may be gone
	case strings.HasPrefix(path, "/compute/"), path == "/token":
		s.GCE.ServeHTTP(w, r)
	case path == "/":
		s.EC2.ServeHTTP(w, r)
	default:
		s.Azure.ServeHTTP(w, r)
	}
}
