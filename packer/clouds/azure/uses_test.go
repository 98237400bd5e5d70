package azure_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/clouds/azure"
)

func TestUses(t *testing.T) {
	a := start(t)
	managed := a.put(t, a.images()+"images/linux-1", ours("r"), "")
	image := a.gallery(t, "x64", map[string]string{"1.9.0": "", "1.10.0": ""})
	older, newest := image+"/versions/1.9.0", image+"/versions/1.10.0"
	storage := func(reference string) string { return `"storageProfile": {"imageReference": {` + reference + `}}` }
	for name, reference := range map[string]string{
		"one": `"id": "` + strings.ToUpper(managed) + `"`, "two": `"id": "` + older + `"`, "three": `"id": "` + image + `", "exactVersion": "1.9.0"`,
		"four": `"publisher": "Debian"`,
	} {
		a.put(t, a.images()+"virtualMachines/"+name, nil, storage(reference))
	}
	a.put(t, a.images()+"virtualMachineScaleSets/exact", nil, `"virtualMachineProfile": {`+storage(`"id": "`+older+`"`)+`}`)
	a.put(t, a.images()+"virtualMachineScaleSets/newest", nil, `"virtualMachineProfile": {`+storage(`"id": "`+image+`"`)+`}`)
	a.put(t, a.images()+"virtualMachineScaleSets/flexible", nil, "")
	check := func(id string, want ...string) {
		t.Helper()
		if uses, err := a.cloud.Uses(t.Context(), clouds.Image{ID: id}); err != nil || !slices.Equal(uses, want) {
			t.Errorf("%s: %q, %v; want %q", id, uses, err, want)
		}
	}
	check(managed, "virtual machine dry-run/one")
	check(older, "virtual machine dry-run/three", "virtual machine dry-run/two", "scale set dry-run/exact")
	check(newest, "scale set dry-run/newest")
	check(a.images() + "galleries/gone/images/i/versions/1.0.0")
	gallery, _, _ := strings.Cut(image, "/images/")
	a.put(t, gallery, nil, `"sharingProfile": {"permissions": "Groups", "groups": [{"type": "Subscriptions", "ids": ["s1", "s2"]}, {"type": "AADTenants", "ids": ["t1"]}]}`)
	check(newest, "scale set dry-run/newest", "shared with aadtenant t1, by the gallery g", "shared with subscription s1, by the gallery g", "shared with subscription s2, by the gallery g")
	a.put(t, gallery, nil, `"sharingProfile": {"permissions": "Community"}`)
	check(newest, "scale set dry-run/newest", "shared with everybody, by the gallery g")
	for _, call := range []string{"virtualMachines", "virtualMachineScaleSets", "galleries", "galleries/images/versions"} {
		a.Trouble(t, "azure", "Microsoft.Compute/"+call+"/read", "forbidden", 1)
		if uses, err := a.cloud.Uses(t.Context(), clouds.Image{ID: newest}); err == nil {
			t.Errorf("%s is forbidden, and yet: %q", call, uses)
		}
	}
	if uses, err := a.cloud.Uses(t.Context(), clouds.Image{ID: "linux"}); err == nil {
		t.Errorf("uses of no image: %q", uses)
	}
}

func TestVersionsInGalleries(t *testing.T) {
	a := start(t)
	image := a.gallery(t, "x64", map[string]string{"1.0.0": "", "2.0.0": ""})
	all, err := a.cloud.Images(t.Context())
	if err != nil || len(all) != 2 || all[0].Name != "g/linux/1.0.0" || all[0].Region != "westeurope" || all[0].Run != "r" {
		t.Fatalf("%+v, %v", all, err)
	}
	stale := all[0]
	stale.Run = "r0"
	if err := a.cloud.Delete(t.Context(), stale); err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("the image of another run: %v", err)
	}
	for range 2 {
		if err := a.cloud.Delete(t.Context(), all[0]); err != nil {
			t.Fatal(err)
		}
	}
	if status, _ := a.ask(t, "GET", image+"/versions/1.0.0", ""); status != http.StatusNotFound {
		t.Errorf("the version is still there: %d", status)
	}
	if status, _ := a.ask(t, "GET", image+"/versions/2.0.0", ""); status != http.StatusOK {
		t.Errorf("the other version is %d", status)
	}
	for _, id := range []string{"linux", image, "/subscriptions/other/resourceGroups/g/providers/Microsoft.Compute/images/i"} {
		if err := a.cloud.Delete(t.Context(), clouds.Image{ID: id, Run: "r"}); err == nil {
			t.Errorf("%s was deleted", id)
		}
	}
}

// TestSingleLeftovers: of a group that is not packer's only what packer made in it is removed.
func TestSingleLeftovers(t *testing.T) {
	a := start(t)
	network := strings.Replace(a.images(), "Compute", "Network", 1)
	nic := a.put(t, network+"networkInterfaces/n", ours("r1"), "")
	machine := a.put(t, a.images()+"virtualMachines/m", ours("r1"), "")
	a.put(t, a.images()+"images/i", ours("r1"), "")                      // an image is none
	a.put(t, a.images()+"disks/d", map[string]string{"owner": "me"}, "") // nor is another's
	a.put(t, network+"loadBalancers/l", ours("r1"), "")                  // nor what packer does not make
	mine := a.put(t, a.sub+"/resourceGroups/builds", ours("r1"), "")     // nor a group of another name
	group := a.put(t, a.sub+"/resourceGroups/pkr-resource-group-x", ours("r2"), "")
	inside := a.put(t, group+"/providers/Microsoft.Compute/virtualMachines/m", ours("r2"), "")
	empty := a.put(t, a.sub+"/resourceGroups/pkr-Resource-Group-empty", ours("r3"), "")
	all, err := a.cloud.Leftovers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range all {
		ids = append(ids, r.ID)
		if r.Made.IsZero() != (r.ID == empty) || time.Since(r.Made) > time.Hour && r.ID != empty {
			t.Errorf("%s was made at %v", r.ID, r.Made)
		}
	}
	if want := []string{empty, group, machine, nic}; !slices.Equal(ids, want) {
		t.Fatalf("%q, want %q", ids, want)
	}
	for _, r := range all[1:] {
		for range 2 {
			if err := a.cloud.Remove(t.Context(), r); err != nil {
				t.Error(err)
			}
		}
	}
	for id, want := range map[string]int{inside: 404, machine: 404, nic: 404, empty: 200, mine: 200, a.images() + "images/i": 200} {
		if status, _ := a.ask(t, "GET", id, ""); status != want {
			t.Errorf("%s: %d", id, status)
		}
	}
	for _, id := range []string{mine, a.images() + "images/i", "n", "/subscriptions/other/resourceGroups/pkr-Resource-Group-1", empty} {
		if err := a.cloud.Remove(t.Context(), clouds.Resource{ID: id, Run: "r1"}); err == nil {
			t.Errorf("%s was removed", id)
		}
	}
}

// TestTrouble: what lasts a moment is not seen, and what lasts is said in one line.
func TestTrouble(t *testing.T) {
	a := start(t)
	id := a.put(t, a.images()+"images/linux-1", ours("r"), "")
	for _, kind := range []string{"throttled", "broken"} {
		a.Trouble(t, "azure", "Microsoft.Resources/subscriptions/resources/read", kind, 1)
		begin := time.Now()
		if all, err := a.cloud.Images(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("%s once: %v, %v", kind, all, err)
		}
		if took := time.Since(begin); kind == "throttled" && took < time.Second {
			t.Errorf("Azure asked for a second of patience, and got %v", took)
		}
	}
	a.Trouble(t, "azure", "Microsoft.Compute/images/delete", "forbidden", 0)
	err := a.cloud.Delete(t.Context(), clouds.Image{ID: id, Run: "r"})
	if want := "azure: delete the image " + id + ": The client does not have authorization to perform the action. (403 AuthorizationFailed)"; err == nil || err.Error() != want {
		t.Errorf("forbidden: %v", err)
	}
}

// TestBroken: an error that stays is told once the library gives up.
func TestBroken(t *testing.T) {
	a := start(t)
	calls := 0
	to := a.but(t, "/resources", http.StatusInternalServerError, `{"error": {"code": "InternalServerError", "message": "not\nnow"}}`).Transport
	client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		answer, err := to.RoundTrip(r)
		if err == nil && answer.StatusCode == http.StatusInternalServerError {
			calls++
			answer.Header.Set("Retry-After-Ms", "1")
		}
		return answer, err
	})}
	cloud, err := azure.New(t.Context(), azure.Options{HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cloud.Images(t.Context()); err == nil || errors.Is(err, clouds.ErrCredentials) || !strings.HasSuffix(err.Error(), ": not now (500 InternalServerError)") || calls < 2 {
		t.Errorf("%v after %d calls", err, calls)
	}
}
