package api

import (
	"net/http"
	"slices"
	"strings"
)

// marketKind is the type of the versions of images of the marketplace.
const marketKind = "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions"

// versions are those that each image of the marketplace has, in the order in which Azure has them:
// that of their text.
func versions() []string { return []string{"0.20260101.10", "0.20260101.9", "0.20251201.100"} }

// market lists the versions of an image of the marketplace, or reads one of them.
func (a *API) market(p where) (any, error) {
	// …/locations/L/publishers/P/artifacttypes/vmimage/offers/O/skus/S/versions
	const publisher, offer, sku = 7, 11, 13
	image := strings.Join([]string{p.words[publisher], p.words[offer], p.words[sku]}, ":")
	if !a.options.Base(image + ":latest") {
		return nil, problem(http.StatusNotFound, "NotFound", "Artifact: VMImage was not found: '%s'.", image)
	}
	architecture := "x64"
	if strings.Contains(p.words[offer]+p.words[sku], "arm64") {
		architecture = "Arm64"
	}
	at := strings.TrimSuffix(p.id, "/"+p.name)
	item := func(version string) object {
		return object{"id": at + "/" + version, "name": version, "location": p.words[5]}
	}
	if p.name == "" {
		var all []object
		for _, v := range versions() {
			all = append(all, item(v))
		}
		return all, nil
	}
	if !slices.Contains(versions(), p.name) {
		return nil, problem(http.StatusNotFound, "NotFound", "Artifact: VMImage was not found: '%s:%s'.", image, p.name)
	}
	one := item(p.name)
	one["properties"] = object{"architecture": architecture, "hyperVGeneration": "V2"}
	return one, nil
}
