// Package api emulates the calls of EC2 that making an image needs: instances to provision, the
// key pairs and security groups around them, and the images that come of them. It speaks the
// query protocol that every AWS client speaks, and answers in EC2's own words also where
// something is wrong.
package api

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/workerkit/workerkit/local/clouds"
)

// accountID is the account that owns what is made here.
const accountID = "123456789012"

// API is one emulated EC2. Each region is for itself, as an account has it. Signatures are not
// checked: any credentials do. It is safe for concurrent use.
type API struct {
	// Troubles are the calls that are going to fail, named by their Action ("RunInstances").
	Troubles clouds.Troubles

	options clouds.BuildOptions

	mu      sync.Mutex
	regions map[string]*region
}

// New makes an EC2 with nothing in it.
func New(o clouds.BuildOptions) *API {
	return &API{options: o.WithDefaults(), regions: map[string]*region{}}
}

// region is the region of a name: every name is one.
func (a *API) region(name string) *region {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, there := a.regions[name]
	if !there {
		r = newRegion(name, a.options, a.region)
		a.regions[name] = r
	}
	return r
}

// everywhere is what do finds in all regions, sorted.
func (a *API) everywhere(do func(*region) []clouds.Resource) []clouds.Resource {
	a.mu.Lock()
	regions := slices.Collect(maps.Values(a.regions))
	a.mu.Unlock()
	var all []clouds.Resource
	for _, r := range regions {
		all = append(all, do(r)...)
	}
	return sorted(all)
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := parse(r)
	if err != nil {
		a.answer(w, "", nil, err)
		return
	}
	action := q.get("Action")
	do, known := a.region(q.region).actions[action]
	if !known {
		a.answer(w, action, nil, problem(http.StatusBadRequest, "InvalidAction",
			"The action %s is not valid for this web service: it is not emulated.", action))
		return
	}
	if trouble := a.Troubles.Next(action); trouble != "" {
		a.answer(w, action, nil, inTrouble(trouble))
		return
	}
	result, err := do(q)
	a.answer(w, action, result, err)
}

// Images are what was made here, each with its tags, in the order of their ids.
func (a *API) Images() []clouds.Resource { return a.everywhere((*region).made) }

// Leftovers are what costs money or is in the way after a build: every instance that is not
// terminated, key pair, security group, volume, and snapshot that belongs to no image.
func (a *API) Leftovers() []clouds.Resource { return a.everywhere((*region).leftovers) }

// sorted puts resources in the order of their names.
func sorted(all []clouds.Resource) []clouds.Resource {
	slices.SortFunc(all, func(x, y clouds.Resource) int {
		if x.String() < y.String() {
			return -1
		}
		return 1
	})
	return all
}

// newID makes an id of EC2's form: the kind, and seventeen hexadecimal digits.
func newID(kind string) string {
	const digits = 17
	raw := make([]byte, (digits+1)/2)
	_, _ = rand.Read(raw) // it never fails
	return kind + "-" + hex.EncodeToString(raw)[:digits]
}
