// Package api emulates the calls of Azure Resource Manager that making and keeping images needs:
// resource groups, deployments of templates, virtual machines, managed images and galleries, the
// versions of images in the marketplace, and the tokens to call all that with. It answers in Azure's own words also where something is wrong.
package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/workerkit/workerkit/local/clouds"
)

// Host names that the API is known by.
const (
	Host      = "management.azure.com"
	LoginHost = "login.microsoftonline.com"
)

// API is one emulated Azure. Tokens are given to whoever asks, and are not checked. Every
// subscription exists. It is safe for concurrent use.
type API struct {
	// Troubles are the calls that are going to fail, named by the operation that a role would
	// have to allow ("Microsoft.Resources/deployments/write").
	Troubles clouds.Troubles

	options clouds.BuildOptions
	special map[string]handler // by operation, in lower case

	mu        sync.Mutex
	resources map[string]*resource // by their id in lower case
	running   map[string]bool      // virtual machines, by their id in lower case
}

// New makes an Azure with nothing in it.
func New(o clouds.BuildOptions) *API {
	a := &API{options: o.WithDefaults(), resources: map[string]*resource{}, running: map[string]bool{}}
	a.special = map[string]handler{}
	for operation, do := range map[string]handler{
		"Microsoft.Resources/deployments/write":               a.deploy,
		"Microsoft.Resources/deployments/validate/action":     a.validate,
		"Microsoft.Resources/deployments/operations/read":     a.deploymentOperations,
		"Microsoft.Compute/virtualMachines/write":             a.writeMachine,
		"Microsoft.Compute/virtualMachines/start/action":      a.startMachine,
		"Microsoft.Compute/virtualMachines/powerOff/action":   a.stopMachine,
		"Microsoft.Compute/virtualMachines/deallocate/action": a.stopMachine,
		"Microsoft.Compute/virtualMachines/generalize/action": a.generalize,
		"Microsoft.Compute/images/write":                      a.writeImage,
		"Microsoft.Compute/galleries/images/versions/write":   a.writeVersion,
	} {
		a.special[strings.ToLower(operation)] = do
	}
	return a
}

// Existing makes a resource group, gallery or the like that is there before a build, of its id.
// What it is in is made as well. It is no leftover, and no image that was made.
func (a *API) Existing(id string) error {
	p, err := parse(id)
	if err != nil || p.name == "" {
		return invalid("InvalidResourceId", "%q is no id of a resource", id)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for ; p.name != ""; p = p.parent() {
		if _, there := a.resources[p.key()]; !there {
			a.put(p, object{"location": "westeurope"}).existing = true
		}
	}
	return nil
}

// made tells which kinds are what a build is for; all else is only needed on the way there.
func made(kind string) bool {
	return strings.EqualFold(kind, "Microsoft.Compute/images") || strings.EqualFold(kind, "Microsoft.Compute/galleries/images/versions")
}

// Images are the managed images and the versions in galleries that were made here, by their
// id. A managed image that was made in a group of the build's own has gone with it.
func (a *API) Images() []clouds.Resource { return a.collect(made) }

// Leftovers are what costs money or is in the way after a build: all that is neither an image
// nor was there before, the resource group of the build among it.
func (a *API) Leftovers() []clouds.Resource {
	return a.collect(func(kind string) bool { return !made(kind) })
}

// collect is all resources of the kinds that were not there before, in the order of their ids.
func (a *API) collect(wanted func(kind string) bool) []clouds.Resource {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []clouds.Resource
	for _, key := range slices.Sorted(maps.Keys(a.resources)) {
		if r := a.resources[key]; !r.existing && wanted(r.where.kind) {
			all = append(all, clouds.Resource{Kind: r.where.kind, ID: r.where.id, Tags: r.tags()})
		}
	}
	return all
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "/oauth2/") || strings.Contains(r.URL.Path, "/.well-known/") || strings.HasPrefix(r.URL.Path, "/common/") {
		a.login(w, r)
		return
	}
	a.manage(w, r)
}
