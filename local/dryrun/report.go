package dryrun

import (
	"encoding/json"
	"fmt"
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

// URL is where all three APIs answer without TLS, each at its own paths, where GET /reports has the
// Reports as JSON, and where POST /troubles takes what goes wrong from then on.
func (s *Stand) URL() string { return s.url }

// route finds out by the path whom a request is for: no two clouds have one in common.
func (s *Stand) route(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/reports":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Reports()) // the client may be gone
	case path == "/troubles":
		s.trouble(w, r)
	case strings.HasPrefix(path, "/compute/"), path == "/token":
		s.GCE.ServeHTTP(w, r)
	case path == "/":
		s.EC2.ServeHTTP(w, r)
	default:
		s.Azure.ServeHTTP(w, r)
	}
}

// trouble makes calls to one of the clouds fail, as clouds.Troubles.Add has it.
func (s *Stand) trouble(w http.ResponseWriter, r *http.Request) {
	var order struct {
		Cloud string         `json:"cloud"`
		Call  string         `json:"call"`
		Kind  clouds.Trouble `json:"kind"`
		Times int            `json:"times"`
	}
	const limit = 1 << 12
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit)).Decode(&order); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	troubles, known := map[string]*clouds.Troubles{
		"aws": &s.EC2.Troubles, "gcp": &s.GCE.Troubles, "azure": &s.Azure.Troubles,
	}[order.Cloud]
	if !known {
		http.Error(w, fmt.Sprintf("there is no cloud %q; known are aws, gcp and azure", order.Cloud), http.StatusBadRequest)
		return
	}
	if err := troubles.Add(order.Call, order.Kind, order.Times); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
