package gcp_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/clouds/gcp"
)

func TestUses(t *testing.T) {
	a := start(t)
	for _, name := range []string{"linux-1", "linux-2", "linux-20"} {
		a.image(t, name, ours("r"), `, "family": "linux"`)
	}
	const prefix = "projects/dry-run/global/images/"
	a.instance(t, "one", prefix+"linux-1", nil)
	a.instance(t, "two", prefix+"linux-2", nil)
	a.instance(t, "three", prefix+"linux-2", nil)
	a.instance(t, "other", debian, nil)
	a.call(t, "DELETE", zone+"instances/three", "") // its disk stays, and needs no image
	for name, source := range map[string]string{
		"by-link": "https://www.googleapis.com/compute/v1/" + prefix + "linux-2", "by-path": prefix + "linux-1", "by-family": "global/images/family/linux",
	} {
		a.call(t, "POST", global+"instanceTemplates", `{"name": "`+name+`", "properties": {"disks": [{}, {"initializeParams": {"sourceImage": "`+source+`"}}]}}`)
	}
	a.call(t, "POST", global+"images/linux-1/setIamPolicy", `{"policy": {"bindings": [
		{"role": "roles/compute.imageUser", "members": ["user:someone@example.com", "serviceAccount:w@dry-run.iam.gserviceaccount.com"]},
		{"role": "roles/owner", "members": ["projectOwner:dry-run", "projectOwner:other", "user:someone@example.com"]}]}}`)
	for image, want := range map[string][]string{
		"linux-1": {
			"instance zones/europe-west1-b/instances/one", "instance template global/instanceTemplates/by-path",
			"shared with projectOwner:other", "shared with user:someone@example.com",
		},
		"linux-2":  {"instance zones/europe-west1-b/instances/two", "instance template global/instanceTemplates/by-link"},
		"linux-20": {"instance template global/instanceTemplates/by-family"},
		"gone":     nil,
	} {
		if uses, err := a.cloud.Uses(t.Context(), clouds.Image{ID: image}); err != nil || !slices.Equal(uses, want) {
			t.Errorf("%s: %q, %v; want %q", image, uses, err, want)
		}
	}
	a.Trouble(t, "gcp", "compute.images.getIamPolicy", "forbidden", 1)
	if uses, err := a.cloud.Uses(t.Context(), clouds.Image{ID: "linux-20"}); err != nil || len(uses) != 2 || !strings.Contains(uses[1], "compute.images.getIamPolicy") {
		t.Errorf("what could not be seen: %q, %v", uses, err)
	}
	for _, call := range []string{"compute.disks.aggregatedList", "compute.instanceTemplates.aggregatedList", "compute.images.get"} {
		a.Trouble(t, "gcp", call, "forbidden", 1)
		if uses, err := a.cloud.Uses(t.Context(), clouds.Image{ID: "linux-2"}); err == nil {
			t.Errorf("%s is forbidden, and yet: %q", call, uses)
		}
	}
}

// TestLeftoversOfAnInstance: packer's instance does not take its boot disk along, which has no
// labels in some versions of packer.
func TestLeftoversOfAnInstance(t *testing.T) {
	a := start(t)
	a.call(t, "POST", zone+"instances", `{"name": "packer-1", "labels": `+text(ours("r1"))+`, "disks": [{"boot": true, "autoDelete": false, "initializeParams": {"sourceImage": "`+debian+`"}}]}`)
	all, err := a.cloud.Leftovers(t.Context())
	if err != nil || len(all) != 1 || all[0].Kind != "instance" || all[0].Region != "europe-west1-b" || all[0].Made.IsZero() {
		t.Fatalf("%+v, %v", all, err)
	}
	if err := a.cloud.Remove(t.Context(), all[0]); err != nil {
		t.Fatal(err)
	}
	if answer, err := http.Get(a.URL + zone + "disks/packer-1"); err != nil || answer.StatusCode != http.StatusNotFound {
		t.Errorf("the boot disk is still there: %v, %v", answer, err)
	}
}

// TestLeftoverDisk: a disk is listed only once its instance has gone.
func TestLeftoverDisk(t *testing.T) {
	a := start(t)
	a.instance(t, "packer-2", debian, ours("r2"))
	a.call(t, "DELETE", zone+"instances/packer-2", "")
	all, err := a.cloud.Leftovers(t.Context())
	if err != nil || len(all) != 1 || all[0].Kind != "disk" || all[0].Run != "r2" {
		t.Fatalf("%+v, %v", all, err)
	}
	stale := all[0]
	stale.Run = "r1"
	if err := a.cloud.Remove(t.Context(), stale); err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("a disk of another run was removed: %v", err)
	}
	for range 2 {
		if err := a.cloud.Remove(t.Context(), all[0]); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := a.cloud.Leftovers(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if err := a.cloud.Remove(t.Context(), clouds.Resource{Kind: "network", ID: "default"}); err == nil {
		t.Error("a network was removed")
	}
}

// TestDeleteWaits: the operation of a deletion is followed to its end, and its error is ours.
func TestDeleteWaits(t *testing.T) {
	a := start(t)
	for name, c := range map[string]struct{ end, want string }{
		"done":   {`{"name": "o", "status": "DONE"}`, ""},
		"failed": {`{"name": "o", "status": "DONE", "error": {"errors": [{"code": "RESOURCE_IN_USE", "message": "still used"}]}}`, "RESOURCE_IN_USE: still used"},
	} {
		t.Run(name, func(t *testing.T) {
			waits := 0
			client := &http.Client{Transport: answers(func(r *http.Request) (int, string) {
				switch {
				case r.URL.Path == "/token":
					return http.StatusOK, `{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}`
				case r.Method == http.MethodGet:
					return http.StatusOK, `{"name": "i", "labels": ` + text(ours("r")) + `}`
				case r.Method == http.MethodDelete:
					return http.StatusOK, `{"name": "o", "status": "PENDING"}`
				case waits == 0:
					waits++
					return http.StatusOK, `{"name": "o", "status": "RUNNING"}`
				}
				waits++
				return http.StatusOK, c.end
			})}
			cloud, err := gcp.New(a.Context(), gcp.Options{HTTP: client})
			if err != nil {
				t.Fatal(err)
			}
			err = cloud.Delete(t.Context(), clouds.Image{ID: "i", Run: "r"})
			if waits != 2 || (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v after %d waits", err, waits)
			}
		})
	}
}
