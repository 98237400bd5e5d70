// Package api emulates the calls of Compute Engine that making and keeping images needs: instances
// to provision, their disks, the images that come of them, who uses those, and the operations by
// which all of it is told. It speaks the REST API v1, and answers in Google's own words also where something
// is wrong.
package api

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/workerkit/workerkit/local/clouds"
)

// Host names that the API is known by.
const (
	ComputeHost = "compute.googleapis.com"
	TokenHost   = "oauth2.googleapis.com" //nolint:gosec // a host's name, no credential
	OldHost     = "www.googleapis.com"    // older clients call both of them by it
)

// API is one emulated Compute Engine, and the token service in front of it. Tokens are given to
// whoever asks, and are not checked. It is safe for concurrent use.
type API struct {
	// Troubles are the calls that are going to fail, named by their method
	// ("compute.instances.insert").
	Troubles clouds.Troubles

	options clouds.BuildOptions
	mux     *http.ServeMux

	mu         sync.Mutex
	resources  map[string]*resource // by their path, "projects/p/zones/z/disks/d"
	operations map[string]operation // by their path
	bases      map[string]*resource // images to build upon, by their path
	policies   map[string]object    // of images, by the image's path
	last       uint64               // numeric id that was given out
}

// New makes a Compute Engine with nothing in it.
func New(o clouds.BuildOptions) *API {
	a := &API{
		options: o.WithDefaults(), mux: http.NewServeMux(),
		resources: map[string]*resource{}, operations: map[string]operation{}, bases: map[string]*resource{}, policies: map[string]object{},
	}
	a.mux.HandleFunc("/", a.unknown)
	for _, path := range []string{"/token", "/oauth2/v4/token", "/o/oauth2/token"} {
		a.mux.HandleFunc("POST "+path, a.token)
	}
	const zone, global = "zones/{zone}/", "global/"
	for _, c := range []struct {
		name, verb, path string
		do               handler
	}{
		{"compute.projects.get", "GET", "", a.getProject},
		{"compute.zones.get", "GET", "zones/{zone}", a.getZone},
		{"compute.machineTypes.get", "GET", zone + "machineTypes/{name}", a.getMachineType},
		{"compute.instances.insert", "POST", zone + "instances", a.insertInstance},
		{"compute.instances.get", "GET", zone + "instances/{name}", a.get},
		{"compute.instances.list", "GET", zone + "instances", a.list},
		{"compute.instances.aggregatedList", "GET", "aggregated/instances", a.aggregatedList},
		{"compute.instances.setDiskAutoDelete", "POST", zone + "instances/{name}/setDiskAutoDelete", a.setDiskAutoDelete},
		{"compute.instances.delete", "DELETE", zone + "instances/{name}", a.deleteInstance},
		{"compute.instances.getSerialPortOutput", "GET", zone + "instances/{name}/serialPort", a.serialPort},
		{"compute.disks.get", "GET", zone + "disks/{name}", a.get},
		{"compute.disks.list", "GET", zone + "disks", a.list},
		{"compute.disks.aggregatedList", "GET", "aggregated/disks", a.aggregatedList},
		{"compute.disks.delete", "DELETE", zone + "disks/{name}", a.deleteDisk},
		{"compute.images.insert", "POST", global + "images", a.insertImage},
		{"compute.images.get", "GET", global + "images/{name}", a.getImage},
		{"compute.images.getFromFamily", "GET", global + "images/family/{family}", a.getFamily},
		{"compute.images.list", "GET", global + "images", a.list},
		{"compute.images.delete", "DELETE", global + "images/{name}", a.deleteImage},
		{"compute.images.deprecate", "POST", global + "images/{name}/deprecate", a.deprecateImage},
		{"compute.images.setLabels", "POST", global + "images/{name}/setLabels", a.labelImage},
		{"compute.images.getIamPolicy", "GET", global + "images/{name}/{part}", a.getPolicy},
		{"compute.images.setIamPolicy", "POST", global + "images/{name}/setIamPolicy", a.setPolicy},
		{"compute.instanceTemplates.insert", "POST", global + "instanceTemplates", a.insertTemplate},
		{"compute.instanceTemplates.aggregatedList", "GET", "aggregated/instanceTemplates", a.aggregatedList},
		{"compute.zoneOperations.get", "GET", zone + "operations/{operation}", a.getOperation},
		{"compute.zoneOperations.wait", "POST", zone + "operations/{operation}/wait", a.getOperation},
		{"compute.globalOperations.get", "GET", global + "operations/{operation}", a.getOperation},
		{"compute.globalOperations.wait", "POST", global + "operations/{operation}/wait", a.getOperation},
	} {
		pattern := strings.TrimSuffix(c.verb+" /compute/v1/projects/{project}/"+c.path, "/")
		a.mux.HandleFunc(pattern, a.handle(c.name, c.do))
	}
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Images are what was made here, each with its labels, by their path: "projects/p/global/images/i".
func (a *API) Images() []clouds.Resource { return a.collect("images") }

// Leftovers are what costs money after a build: instances, and disks.
func (a *API) Leftovers() []clouds.Resource {
	return append(a.collect("disks"), a.collect("instances")...)
}

// collect is all resources of a kind, in the order of their paths.
func (a *API) collect(kind string) []clouds.Resource {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []clouds.Resource
	for path, r := range a.resources {
		if r.kind == kind {
			all = append(all, clouds.Resource{Kind: strings.TrimSuffix(kind, "s"), ID: path, Tags: r.labels()})
		}
	}
	slices.SortFunc(all, func(x, y clouds.Resource) int { return strings.Compare(x.ID, y.ID) })
	return all
}
