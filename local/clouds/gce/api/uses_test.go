package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/gce/api"
)

const aggregated = "/compute/v1/projects/p/aggregated/"

// found are the names in an aggregated list of disks that a filter lets through.
func found(t *testing.T, a *api.API, kind, filter string) string {
	t.Helper()
	list := good(t, a, "GET", aggregated+kind+"?filter="+url.QueryEscape(filter), "")
	var names []string
	for place, scope := range list["items"].(map[string]any) {
		for _, one := range scope.(map[string]any)[kind].([]any) {
			names = append(names, place+"/"+one.(map[string]any)["name"].(string))
		}
	}
	return strings.Join(names, " ")
}

func TestAggregatedLists(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	good(t, a, "POST", zone+"instances", fmt.Sprintf(insert, false))
	good(t, a, "POST", strings.Replace(zone, "west", "north", 1)+"instances", strings.Replace(fmt.Sprintf(insert, false), `"run": "r1"`, `"ran": "r1"`, 1))
	good(t, a, "POST", strings.Replace(zone, "/p/", "/q/", 1)+"instances", fmt.Sprintf(insert, false))
	good(t, a, "POST", global+"instanceTemplates", `{"name": "t"}`)
	const here = "zones/europe-west1-b/vm"
	for name, c := range map[string]struct{ kind, filter, want string }{
		"with a label":           {"instances", "labels.run:*", here},
		"both labels":            {"instances", "(labels.run:*) (labels.ran:*)", ""},
		"an expression":          {"disks", `sourceImage eq ".*/debian-cloud/global/images/debian-12-v20260101"`, "two"},
		"all of it must match":   {"disks", `sourceImage eq "debian-12-v20260101"`, ""},
		"equality is no pattern": {"instances", "name=v.", ""},
		"templates":              {"instanceTemplates", "", "global/t"},
	} {
		t.Run(name, func(t *testing.T) {
			got := found(t, a, c.kind, c.filter)
			if c.want == "two" && len(strings.Fields(got)) == 2 {
				return
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	for _, filter := range []string{"name:vm", "name!=x", "name", `name eq "["`} {
		if status, _ := call(t, a, "GET", aggregated+"disks?filter="+url.QueryEscape(filter), ""); status != http.StatusBadRequest {
			t.Errorf("filter %s: %d", filter, status)
		}
	}
}

func TestPolicies(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	const image = `{"name": "one", "sourceImage": "projects/debian-cloud/global/images/debian-12-v1"}`
	good(t, a, "POST", global+"images", image)
	for _, body := range []string{`{"policy": {"bindings": [{"members": ["user:u"]}]}}`, `{"bindings": [{"members": ["user:u"]}]}`} {
		good(t, a, "POST", global+"images/one/setIamPolicy", body)
		if policy := good(t, a, "GET", global+"images/one/getIamPolicy", ""); !strings.Contains(fmt.Sprint(policy), "user:u") {
			t.Errorf("policy %v", policy)
		}
	}
	good(t, a, "DELETE", global+"images/one", "")
	good(t, a, "POST", global+"images", image)
	if policy := good(t, a, "GET", global+"images/one/getIamPolicy", ""); policy["bindings"] != nil {
		t.Errorf("an image has the policy of a former one: %v", policy)
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "two/getIamPolicy", 404}, {"POST", "two/setIamPolicy", 404}, {"GET", "one/testIamPermissions", 501}} {
		if status, answer := call(t, a, c.method, global+"images/"+c.path, ""); status != c.status {
			t.Errorf("%s: %d %v", c.path, status, answer)
		}
	}
}

func TestDisksThatAreToGo(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	good(t, a, "POST", zone+"instances", fmt.Sprintf(insert, false))
	const set = "/setDiskAutoDelete?autoDelete=true&deviceName="
	if status, _ := call(t, a, "POST", zone+"instances/vm"+set+"other", ""); status != http.StatusBadRequest {
		t.Errorf("a disk that is not there: %d", status)
	}
	if status, _ := call(t, a, "POST", zone+"instances/x"+set+"persistent-disk-0", ""); status != http.StatusNotFound {
		t.Errorf("an instance that is not there: %d", status)
	}
	good(t, a, "POST", zone+"instances/vm"+set+"persistent-disk-0", "")
	good(t, a, "DELETE", zone+"instances/vm", "")
	if left := a.Leftovers(); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestDisksAreReadMeanwhile: what one client is being sent another may change.
func TestDisksAreReadMeanwhile(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	good(t, a, "POST", zone+"instances", fmt.Sprintf(insert, false))
	var wg sync.WaitGroup
	for _, path := range []string{"GET " + zone + "instances/vm", "POST " + zone + "instances/vm/setDiskAutoDelete?autoDelete=true&deviceName=persistent-disk-0"} {
		method, path, _ := strings.Cut(path, " ")
		wg.Go(func() {
			for range 200 {
				good(t, a, method, path, "")
			}
		})
	}
	wg.Wait()
}
