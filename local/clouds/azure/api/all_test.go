package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/azure/api"
)

// get makes a call and decodes its answer, whatever that is.
func get(t *testing.T, a *api.API, path, filter string, into any) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+"?api-version=1&$filter="+url.QueryEscape(filter), nil)
	r.Header.Set("Authorization", "Bearer t")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("%s: %v: %s", path, err, w.Body)
	}
	return w.Code
}

func TestAllResources(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := deployed(t, clouds.BuildOptions{Clock: func() time.Time { return at }})
	good(t, a, "PUT", compute+"images/i", `{"location": "westeurope", "tags": {"run": "r1"}}`)
	at = at.Add(time.Hour)
	good(t, a, "PUT", compute+"images/i", `{"location": "westeurope", "tags": {"run": "r2"}}`)
	for name, c := range map[string]struct {
		filter string
		want   []string
	}{
		"all":       {"", []string{"disks", "images", "virtualMachines", "publicIPAddresses", "galleries", "galleries/images"}},
		"one type":  {"resourceType eq 'Microsoft.Compute/Images'", []string{"images"}},
		"two types": {"resourceType eq 'Microsoft.Compute/images' or resourceType eq 'Microsoft.Compute/disks'", []string{"disks", "images"}},
		"no type":   {"resourceType eq 'Microsoft.Compute/snapshots'", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var list struct {
				Value []struct {
					Type        string
					CreatedTime time.Time
					Tags        map[string]string
				}
			}
			get(t, a, "/subscriptions/s/resources", c.filter, &list)
			var types []string
			for _, r := range list.Value {
				types = append(types, r.Type[len("Microsoft.Compute/"):])
				if r.Type == "Microsoft.Compute/images" && (r.Tags["run"] != "r2" || !r.CreatedTime.Equal(at.Add(-time.Hour))) {
					t.Errorf("%+v", r)
				}
			}
			if !slices.Equal(types, c.want) {
				t.Errorf("%q, want %q", types, c.want)
			}
		})
	}
	var other struct{ Value []any }
	if get(t, a, "/subscriptions/t/resources", "", &other); len(other.Value) > 0 {
		t.Errorf("another subscription has %v", other.Value)
	}
	if status := get(t, a, "/subscriptions/s/resources", "tagName eq 'run'", &map[string]any{}); status != http.StatusBadRequest {
		t.Errorf("a filter that is not emulated: %d", status)
	}
}

func TestMarket(t *testing.T) {
	a := api.New(clouds.BuildOptions{Base: func(name string) bool { return name != "p:none:s:latest" }})
	path := func(offer string) string {
		return fmt.Sprintf("/subscriptions/s/providers/Microsoft.Compute/locations/westeurope/publishers/p/artifacttypes/vmimage/offers/%s/skus/s/versions", offer)
	}
	var versions []struct{ Name, Location string }
	if get(t, a, path("o"), "", &versions); len(versions) < 2 || versions[0].Location != "westeurope" {
		t.Fatalf("versions %v", versions)
	}
	for offer, want := range map[string]string{"o": "x64", "o-arm64": "Arm64"} {
		var one struct {
			Name       string
			Properties struct{ Architecture string }
		}
		if get(t, a, path(offer)+"/"+versions[0].Name, "", &one); one.Name != versions[0].Name || one.Properties.Architecture != want {
			t.Errorf("%s: %+v", offer, one)
		}
	}
	for _, p := range []string{path("none"), path("o") + "/9.9.9"} {
		if status := get(t, a, p, "", &map[string]any{}); status != http.StatusNotFound {
			t.Errorf("%s: %d", p, status)
		}
	}
}
