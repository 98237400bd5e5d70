package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/gce/api"
)

const (
	zone   = "/compute/v1/projects/p/zones/europe-west1-b/"
	global = "/compute/v1/projects/p/global/"
)

// insert is an instance as clients ask for it: the second item of metadata has no value.
const insert = `{"name": "vm", "labels": {"run": "r1"},
	"metadata": {"items": [{"key": "ssh-keys", "value": "packer:ssh-rsa AAAAkey packer"}, {"key": "empty"}]},
	"disks": [{"boot": true, "autoDelete": %t, "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/family/debian-12", "diskSizeGb": "20"}}]}`

// call makes a call and returns its JSON.
func call(t *testing.T, a *api.API, method, path, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, w.Body)
	}
	return w.Code, answer
}

// good makes a call that must succeed.
func good(t *testing.T, a *api.API, method, path, body string) map[string]any {
	t.Helper()
	status, answer := call(t, a, method, path, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %v", method, path, status, answer)
	}
	return answer
}

func ids(all []clouds.Resource) []string {
	var ids []string
	for _, r := range all {
		ids = append(ids, r.String())
	}
	return ids
}

// TestLife is what a build does, with what is there at each step.
func TestLife(t *testing.T) {
	var booted []string
	var halted string
	a := api.New(clouds.BuildOptions{
		Boot: func(_ string, keys []string) error {
			booted = keys
			return nil
		},
		Halt: func(id string) { halted = id },
	})
	operation := good(t, a, "POST", zone+"instances", fmt.Sprintf(insert, false))
	if !slices.Equal(booted, []string{"ssh-rsa AAAAkey packer"}) {
		t.Errorf("booted with the keys %q", booted)
	}
	done := good(t, a, "GET", zone+"operations/"+operation["name"].(string), "")
	if done["status"] != "DONE" || done["error"] != nil {
		t.Errorf("operation %v", done)
	}
	const vm, disk = "instance projects/p/zones/europe-west1-b/instances/vm", "disk projects/p/zones/europe-west1-b/disks/vm"
	if got := ids(a.Leftovers()); !slices.Equal(got, []string{disk, vm}) {
		t.Errorf("there is %v", got)
	}
	instance := good(t, a, "GET", zone+"instances/vm", "")
	if text := fmt.Sprint(instance["networkInterfaces"]); instance["status"] != "RUNNING" || !strings.Contains(text, "natIP:127.0.0.1") {
		t.Errorf("instance %v", instance)
	}
	if status, answer := call(t, a, "POST", global+"images", `{"name": "worker", "sourceDisk": "zones/europe-west1-b/disks/vm"}`); status != http.StatusBadRequest {
		t.Errorf("an image of a disk in use: %d %v", status, answer)
	}
	good(t, a, "DELETE", zone+"instances/vm", "")
	if !strings.HasSuffix(vm, halted) || halted == "" {
		t.Errorf("halted %q", halted)
	}
	good(t, a, "POST", global+"images", `{"name": "worker", "family": "workers", "labels": {"run": "r1"}, "sourceDisk": "https://compute.googleapis.com/compute/v1/p/zones/europe-west1-b/disks/vm"}`)
	good(t, a, "DELETE", zone+"disks/vm", "")
	if left := a.Leftovers(); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	image := good(t, a, "GET", global+"images/family/workers", "")
	if image["name"] != "worker" || image["diskSizeGb"] != "20" {
		t.Errorf("image %v", image)
	}
	images := a.Images()
	if len(images) != 1 || images[0].Tags["run"] != "r1" || images[0].String() != "image projects/p/global/images/worker" {
		t.Errorf("images %v", images)
	}
}

func TestDisksThatGoWithTheInstance(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	good(t, a, "POST", zone+"instances", fmt.Sprintf(insert, true))
	if status, _ := call(t, a, "DELETE", zone+"disks/vm", ""); status != http.StatusBadRequest {
		t.Errorf("a disk in use was deleted: %d", status)
	}
	good(t, a, "DELETE", zone+"instances/vm", "")
	if left := a.Leftovers(); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestImages is what keeping images needs: filters, deprecation, labels, deletion.
func TestImages(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	for _, name := range []string{"one", "two"} {
		good(t, a, "POST", global+"images", `{"name": "`+name+`", "family": "f", "labels": {"n": "`+name+`"}, "sourceImage": "projects/debian-cloud/global/images/debian-12-v1"}`)
	}
	if list := good(t, a, "GET", global+"images?filter=labels.n%3Dtwo", ""); len(list["items"].([]any)) != 1 {
		t.Errorf("list %v", list)
	}
	good(t, a, "POST", global+"images/two/deprecate", `{"state": "OBSOLETE"}`)
	if newest := good(t, a, "GET", global+"images/family/f", ""); newest["name"] != "one" {
		t.Errorf("newest of the family: %v", newest["name"])
	}
	good(t, a, "POST", global+"images/two/deprecate", `{}`)
	if newest := good(t, a, "GET", global+"images/family/f", ""); newest["name"] != "two" {
		t.Errorf("newest of the family: %v", newest["name"])
	}
	if status, _ := call(t, a, "POST", global+"images/one/setLabels", `{"labels": {"a": "b"}, "labelFingerprint": "old"}`); status != http.StatusPreconditionFailed {
		t.Errorf("labels over labels that were not seen: %d", status)
	}
	fingerprint := good(t, a, "GET", global+"images/one", "")["labelFingerprint"].(string)
	good(t, a, "POST", global+"images/one/setLabels", `{"labels": {"a": "b"}, "labelFingerprint": "`+fingerprint+`"}`)
	good(t, a, "DELETE", global+"images/two", "")
	if images := a.Images(); len(images) != 1 || images[0].Tags["a"] != "b" {
		t.Errorf("images %v", images)
	}
}

func TestErrors(t *testing.T) {
	a := api.New(clouds.BuildOptions{Base: func(name string) bool { return name != "debian-cloud/debiam" }})
	good(t, a, "POST", zone+"instances", fmt.Sprintf(insert, false))
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		reason             string
	}{
		"unknown call":      {"POST", global + "firewalls", "{}", 501, "notImplemented"},
		"unknown instance":  {"GET", zone + "instances/x", "", 404, "notFound"},
		"delete unknown":    {"DELETE", zone + "instances/x", "", 404, "notFound"},
		"unknown disk":      {"DELETE", zone + "disks/x", "", 404, "notFound"},
		"unknown operation": {"GET", zone + "operations/x", "", 404, "notFound"},
		"unknown zone":      {"GET", "/compute/v1/projects/p/zones/nowhere", "", 404, "notFound"},
		"unknown type":      {"GET", zone + "machineTypes/big", "", 404, "notFound"},
		"unknown image":     {"GET", global + "images/x", "", 404, "notFound"},
		"no such family":    {"GET", global + "images/family/x", "", 404, "notFound"},
		"base that is not":  {"GET", "/compute/v1/projects/debian-cloud/global/images/family/debiam", "", 404, "notFound"},
		"image of nothing":  {"POST", global + "images", `{"name": "i", "sourceDisk": "zones/europe-west1-b/disks/x"}`, 404, "notFound"},
		"image of no disk":  {"POST", global + "images", `{"name": "i"}`, 400, "invalid"},
		"instance twice":    {"POST", zone + "instances", fmt.Sprintf(insert, false), 409, "alreadyExists"},
		"without a name":    {"POST", zone + "instances", `{}`, 400, "required"},
		"not JSON":          {"POST", zone + "instances", `{`, 400, "parseError"},
		"strange filter":    {"GET", global + "images?filter=name%3E1", "", 400, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := call(t, a, c.method, c.path, c.body)
			problem, _ := answer["error"].(map[string]any)
			if status != c.status || !strings.Contains(fmt.Sprint(problem["errors"]), "reason:"+c.reason) || problem["code"] != float64(c.status) {
				t.Errorf("%d %v, want %d %s", status, answer, c.status, c.reason)
			}
		})
	}
	if left := a.Leftovers(); len(left) != 2 {
		t.Errorf("calls that failed left %v", left)
	}
}

// TestTroubles: a lack of capacity shows in the operation, everything else at once.
func TestTroubles(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	for kind, want := range map[clouds.Trouble]string{
		clouds.Throttled: "rateLimitExceeded", clouds.Broken: "backendError", clouds.Forbidden: "forbidden",
	} {
		if err := a.Troubles.Add("compute.instances.insert", kind, 1); err != nil {
			t.Fatal(err)
		}
		if status, answer := call(t, a, "POST", zone+"instances", fmt.Sprintf(insert, false)); status < 400 || !strings.Contains(fmt.Sprint(answer), want) {
			t.Errorf("%s: %d %v", kind, status, answer)
		}
	}
	if err := a.Troubles.Add("compute.instances.insert", clouds.NoCapacity, 1); err != nil {
		t.Fatal(err)
	}
	if answer := good(t, a, "POST", zone+"instances", fmt.Sprintf(insert, false)); !strings.Contains(fmt.Sprint(answer["error"]), "ZONE_RESOURCE_POOL_EXHAUSTED") {
		t.Errorf("operation %v", answer)
	}
	if left := a.Leftovers(); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestTokensStayOutOfTheLog(t *testing.T) {
	var logged bytes.Buffer
	a := api.New(clouds.BuildOptions{Log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	token := good(t, a, "POST", "/token", "assertion=signed")["access_token"].(string)
	good(t, a, "POST", zone+"instances", fmt.Sprintf(insert, false))
	if text := logged.String(); strings.Contains(text, token) || strings.Contains(text, "signed") || !strings.Contains(text, "call=compute.instances.insert") {
		t.Errorf("log: %s", text)
	}
}
