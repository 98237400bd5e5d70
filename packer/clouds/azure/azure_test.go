package azure_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/clouds/azure"
	"github.com/workerkit/workerkit/packer/clouds/cloudstest"
)

// child makes of the test's program one that calls the cloud as its environment says.
const child = "AZURE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(cloudstest.Main(m))
	}
	cloud, err := azure.New(context.Background(), azure.Options{})
	if err == nil {
		_, err = cloud.Images(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// at is a stand, and the cloud that calls it.
type at struct {
	cloudstest.Stand
	cloud clouds.Cloud
	sub   string // the id of the subscription
}

func start(t testing.TB) at {
	t.Helper()
	s := cloudstest.Start(t)
	s.Setenv(t, "ARM_")
	cloud, err := azure.New(t.Context(), azure.Options{HTTP: s.Client(t)})
	if err != nil {
		t.Fatal(err)
	}
	return at{s, cloud, "/subscriptions/" + s.Getenv("ARM_SUBSCRIPTION_ID")}
}

// images is the group that is there from the beginning.
func (a at) images() string { return a.sub + "/resourceGroups/dry-run/providers/Microsoft.Compute/" }

// ask makes a call to the stand.
func (a at) ask(t testing.TB, method, id, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, a.URL+id+"?api-version=1", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer t")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// put makes something, and returns its id.
func (a at) put(t testing.TB, id string, tags map[string]string, properties string) string {
	t.Helper()
	var pairs []string
	for name, value := range tags {
		pairs = append(pairs, fmt.Sprintf("%q: %q", name, value))
	}
	body := fmt.Sprintf(`{"location": "westeurope", "tags": {%s}, "properties": {%s}}`, strings.Join(pairs, ", "), properties)
	if status, text := a.ask(t, "PUT", id, body); status != http.StatusOK {
		t.Fatalf("%s: %d %s", id, status, text)
	}
	return id
}

// gallery makes an image in a gallery, with versions of a managed image, and returns its id.
func (a at) gallery(t testing.TB, architecture string, versions map[string]string) string {
	t.Helper()
	source := a.put(t, a.images()+"images/source", nil, "")
	gallery := a.put(t, a.images()+"galleries/g", nil, "")
	image := a.put(t, gallery+"/images/linux", nil, `"architecture": "`+architecture+`"`)
	for version, publishing := range versions {
		a.put(t, image+"/versions/"+version, ours("r"), `"storageProfile": {"source": {"id": "`+source+`"}}, "publishingProfile": {`+publishing+`}`)
	}
	return image
}

func ours(run string) map[string]string {
	return map[string]string{clouds.TagName: "linux", clouds.TagRun: run}
}

func TestCloud(t *testing.T) {
	a := start(t)
	groups := 0
	cloudstest.Run(t, a.cloud, cloudstest.Fixtures{
		Base:    packer.Base{Publisher: "Debian", Offer: "debian-12", SKU: "12-gen2", Region: "westeurope"},
		Missing: packer.Base{Gallery: a.images() + "galleries/none/images/linux"},
		Image: func(t testing.TB, name string, tags map[string]string) string {
			return a.put(t, a.images()+"images/"+name, tags, "")
		},
		Leftover: func(t testing.TB, tags map[string]string) string {
			groups++
			return a.put(t, fmt.Sprintf("%s/resourceGroups/pkr-Resource-Group-%d", a.sub, groups), tags, "")
		},
		Refuse:  func(t testing.TB) { a.Trouble(t, "azure", "", "forbidden", 0) },
		Secrets: []string{a.Getenv("ARM_CLIENT_SECRET")},
	})
}

// TestEnvironment: a process finds proxy, certificate, credentials and subscription in its
// environment.
func TestEnvironment(t *testing.T) {
	s := cloudstest.Start(t)
	run := func() ([]byte, error) {
		c := exec.Command(os.Args[0])
		c.Env = append(append(os.Environ(), child+"=1"), s.Env...)
		return c.CombinedOutput()
	}
	if out, err := run(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	s.Trouble(t, "azure", "", "forbidden", 0)
	if out, err := run(); err == nil || !bytes.Contains(out, []byte("The client does not have authorization to perform the action. (403 AuthorizationFailed)")) {
		t.Errorf("it did not call the stand: %v: %s", err, out)
	}
}

func TestNewestOnMarket(t *testing.T) {
	a := start(t)
	debian := packer.Base{Publisher: "Debian", Offer: "debian-12", SKU: "12-gen2"}
	pinned, older, absent, arm := debian, debian, debian, debian
	pinned.ID, pinned.Version = "0.20251201.100", "latest"
	older.Version, absent.Version, arm.SKU = "0.20251201.100", "1.0.0", "12-arm64"
	for name, c := range map[string]struct {
		base packer.Base
		arch string
		want string // "" is clouds.ErrNotFound
	}{
		"by number, not by text": {debian, "amd64", "0.20260101.10"},
		"whatever is pinned":     {pinned, "amd64", "0.20260101.10"},
		"a version of its own":   {older, "amd64", "0.20251201.100"},
		"no such version":        {absent, "amd64", ""},
		"for arm64":              {arm, "arm64", "0.20260101.10"},
		"another architecture":   {arm, "amd64", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := a.cloud.Newest(t.Context(), c.base, c.arch)
			if found.ID != c.want || errors.Is(err, clouds.ErrNotFound) != (c.want == "") {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
}

// TestNothingOnMarket: Azure answers 404 for an offer that is not there, and nothing for a region
// that lacks it.
func TestNothingOnMarket(t *testing.T) {
	a := start(t)
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"unknown": {http.StatusNotFound, `{"error": {"code": "NotFound", "message": "Artifact: VMImage was not found."}}`},
		"nothing": {http.StatusOK, `[]`},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, err := azure.New(t.Context(), azure.Options{HTTP: a.but(t, "/vmimage/", c.status, c.body)})
			if err != nil {
				t.Fatal(err)
			}
			if found, err := cloud.Newest(t.Context(), packer.Base{Publisher: "p", Offer: "o", SKU: "s"}, "amd64"); !errors.Is(err, clouds.ErrNotFound) || !strings.Contains(err.Error(), "p:o:s in eastus") {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
}

func TestNewestInGallery(t *testing.T) {
	a := start(t)
	image := a.gallery(t, "Arm64", map[string]string{
		"1.9.0": `"publishedDate": "2026-01-02T03:04:05Z"`, "1.10.0": `"publishedDate": "2026-02-02T03:04:05Z"`, "2.0.0": `"excludeFromLatest": true`,
	})
	for name, c := range map[string]struct {
		base packer.Base
		arch string
		want string // "" is clouds.ErrNotFound
	}{
		"the newest":           {packer.Base{Gallery: image}, "arm64", "1.10.0"},
		"a version of its own": {packer.Base{Gallery: image, Version: "1.9.0"}, "arm64", "1.9.0"},
		"by the id":            {packer.Base{Gallery: image + "/versions/2.0.0"}, "arm64", "2.0.0"},
		"no such version":      {packer.Base{Gallery: image, Version: "3.0.0"}, "arm64", ""},
		"another architecture": {packer.Base{Gallery: image}, "amd64", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := a.cloud.Newest(t.Context(), c.base, c.arch)
			if found.ID != c.want || errors.Is(err, clouds.ErrNotFound) != (c.want == "") {
				t.Errorf("%+v, %v", found, err)
			}
			if c.want != "" && c.want != "2.0.0" && (found.Made.IsZero() || found.Name != "g/linux/"+c.want) {
				t.Errorf("%+v", found)
			}
		})
	}
	for _, id := range []string{"linux", a.images() + "images/linux"} {
		if _, err := a.cloud.Newest(t.Context(), packer.Base{Gallery: id}, "amd64"); err == nil || errors.Is(err, clouds.ErrNotFound) {
			t.Errorf("%s is in no gallery: %v", id, err)
		}
	}
}

// TestAgeOfAGroup: a build that makes something is going on, whatever else it has made.
func TestAgeOfAGroup(t *testing.T) {
	a := start(t)
	group := a.put(t, a.sub+"/resourceGroups/pkr-Resource-Group-1", ours("r"), "")
	a.put(t, group+"/providers/Microsoft.Compute/disks/first", ours("r"), "")
	between := time.Now()
	a.put(t, group+"/providers/Microsoft.Compute/disks/second", ours("r"), "")
	left, err := a.cloud.Leftovers(t.Context())
	if err != nil || len(left) != 1 || left[0].Made.Before(between) {
		t.Errorf("%v, %+v; the second was made after %v", err, left, between)
	}
}

func TestCredentials(t *testing.T) {
	a := start(t)
	const invalid = `{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}`
	for name, c := range map[string]struct {
		unset []string
		path  string // whose answer is refused
		body  string
		says  string
	}{
		"no subscription": {[]string{"ARM_SUBSCRIPTION_ID"}, "", "", "ARM_SUBSCRIPTION_ID is not set"},
		"no tenant":       {[]string{"ARM_TENANT_ID"}, "", "", "and not ARM_TENANT_ID"},
		"refused secret":  {nil, "/token", invalid, "AADSTS7000215"},
		"refused token":   {nil, "/resources", `{"error": {"code": "InvalidAuthenticationToken", "message": "hush"}}`, "status 401"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, name := range c.unset {
				t.Setenv(name, "")
			}
			client := a.Client(t)
			if c.path != "" {
				client = a.but(t, c.path, http.StatusUnauthorized, c.body)
			}
			cloud, err := azure.New(t.Context(), azure.Options{HTTP: client})
			if err == nil {
				_, err = cloud.Images(t.Context())
			}
			if !errors.Is(err, clouds.ErrCredentials) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "az login") {
				t.Fatalf("%v", err)
			}
			if text := err.Error(); strings.Contains(text, "\n") || strings.Contains(text, "hush") || strings.Contains(text, a.Getenv("ARM_CLIENT_SECRET")) {
				t.Errorf("%q", text)
			}
		})
	}
}

// TestDefaultCredentials: without a secret it is Microsoft's libraries that look.
func TestDefaultCredentials(t *testing.T) {
	a := start(t)
	for _, name := range []string{"CLIENT_ID", "CLIENT_SECRET", "TENANT_ID"} {
		t.Setenv("ARM_"+name, "")
		t.Setenv("AZURE_"+name, a.Getenv("ARM_"+name))
	}
	cloud, err := azure.New(t.Context(), azure.Options{HTTP: a.Client(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cloud.Images(t.Context()); err != nil {
		t.Error(err)
	}
}

// but is a client whose calls come to the stand, but for those with a part in their path.
func (a at) but(t testing.TB, part string, status int, body string) *http.Client {
	to := a.Client(t).Transport
	return &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		if !strings.Contains(r.URL.Path, part) {
			return to.RoundTrip(r)
		}
		return &http.Response{
			StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Request: r,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
		}, nil
	})}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
