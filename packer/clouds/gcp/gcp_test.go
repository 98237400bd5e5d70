package gcp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/clouds/cloudstest"
	"github.com/workerkit/workerkit/packer/clouds/gcp"
)

// child makes of the test's program one that calls the cloud as its environment says.
const child = "GCP_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(cloudstest.Main(m))
	}
	cloud, err := gcp.New(context.Background(), gcp.Options{})
	if err == nil {
		_, err = cloud.Images(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

const (
	global = "/compute/v1/projects/dry-run/global/"
	zone   = "/compute/v1/projects/dry-run/zones/europe-west1-b/"
)

// at is a stand, and the cloud that calls it.
type at struct {
	testing.TB
	cloudstest.Stand
	cloud clouds.Cloud
}

func start(t testing.TB) at {
	t.Helper()
	s := cloudstest.Start(t)
	s.Setenv(t, "GOOGLE_")
	t.Setenv("GOOGLE_CLOUD_PROJECT", "") // the credentials have one
	cloud, err := gcp.New(t.Context(), gcp.Options{HTTP: s.Client(t)})
	if err != nil {
		t.Fatal(err)
	}
	return at{t, s, cloud}
}

// call makes a call to the stand that must succeed.
func (a at) call(t testing.TB, method, path, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, a.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s: %s", method, path, answer.Status, text)
	}
}

func text(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

// image makes an image; more are further members.
func (a at) image(t testing.TB, name string, labels map[string]string, more string) {
	t.Helper()
	a.call(t, "POST", global+"images", fmt.Sprintf(
		`{"name": %q, "labels": %s, "sourceImage": "projects/debian-cloud/global/images/family/debian-12" %s}`, name, text(labels), more))
}

// instance makes an instance with a boot disk, which both have the labels.
func (a at) instance(t testing.TB, name, source string, labels map[string]string) {
	t.Helper()
	a.call(t, "POST", zone+"instances", fmt.Sprintf(`{"name": %q, "labels": %[2]s, "disks": [{"boot": true, "autoDelete": false,
		"initializeParams": {"sourceImage": %[3]q, "labels": %[2]s}}]}`, name, text(labels), source))
}

const debian = "projects/debian-cloud/global/images/family/debian-12"

func ours(run string) map[string]string {
	return map[string]string{clouds.TagName: "linux", clouds.TagRun: run}
}

func TestCloud(t *testing.T) {
	a := start(t)
	leftovers := 0
	cloudstest.Run(t, a.cloud, cloudstest.Fixtures{
		Base:    packer.Base{Project: "debian-cloud", Family: "debian-12"},
		Missing: packer.Base{Project: "dry-run", Family: "debian-12"},
		Image: func(t testing.TB, name string, tags map[string]string) string {
			a.image(t, name, tags, "")
			return name
		},
		Leftover: func(t testing.TB, tags map[string]string) string {
			leftovers++
			name := fmt.Sprintf("packer-%d", leftovers)
			a.instance(t, name, debian, tags)
			return name
		},
		Refuse:  func(t testing.TB) { a.Trouble(t, "gcp", "", "forbidden", 0) },
		Secrets: []string{"PRIVATE KEY", "assertion"},
	})
}

// TestEnvironment: a process finds proxy, certificate, credentials and project in its environment.
func TestEnvironment(t *testing.T) {
	s := cloudstest.Start(t)
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), child+"=1", "GOOGLE_CLOUD_PROJECT="), s.Env...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	s.Trouble(t, "gcp", "compute.images.list", "forbidden", 0)
	c = exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), child+"=1", "GOOGLE_CLOUD_PROJECT="), s.Env...)
	if out, err := c.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("list the images of the project dry-run: Required permission is missing (403)")) {
		t.Errorf("it did not call the stand: %v: %s", err, out)
	}
}

func TestNewest(t *testing.T) {
	a := start(t)
	a.image(t, "linux-1", nil, `, "family": "linux"`)
	a.image(t, "linux-2", nil, `, "family": "linux"`)
	a.image(t, "linux-3", nil, `, "family": "linux"`)
	a.call(t, "POST", global+"images/linux-3/deprecate", `{"state": "OBSOLETE"}`)
	for name, c := range map[string]struct {
		base packer.Base
		arch string
		want string // "" is clouds.ErrNotFound
	}{
		"the newest that is not deprecated": {packer.Base{Project: "dry-run", Family: "linux"}, "amd64", "linux-2"},
		"of the own project":                {packer.Base{Family: "linux"}, "arm64", "linux-2"}, // says nothing of it
		"by name":                           {packer.Base{Project: "dry-run", ID: "linux-1"}, "amd64", "linux-1"},
		"a family wins over a pin":          {packer.Base{Project: "dry-run", Family: "linux", ID: "linux-1"}, "amd64", "linux-2"},
		"for arm64":                         {packer.Base{Project: "debian-cloud", Family: "debian-12-arm64"}, "arm64", "debian-12-arm64-v20260101"},
		"for another architecture":          {packer.Base{Project: "debian-cloud", Family: "debian-12-arm64"}, "amd64", ""},
		"no such family":                    {packer.Base{Project: "dry-run", Family: "windows"}, "amd64", ""},
		"no such image":                     {packer.Base{Project: "dry-run", ID: "linux-9"}, "amd64", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := a.cloud.Newest(t.Context(), c.base, c.arch)
			if found.ID != c.want || errors.Is(err, clouds.ErrNotFound) != (c.want == "") {
				t.Errorf("%+v, %v", found, err)
			}
			if err == nil && found.Made.IsZero() {
				t.Error("it was made at no time")
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	s := cloudstest.Start(t)
	refused := &http.Client{Transport: answers(func(r *http.Request) (int, string) {
		return http.StatusBadRequest, `{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}`
	})}
	unknown := &http.Client{Transport: answers(func(r *http.Request) (int, string) {
		if r.URL.Path == "/token" {
			return http.StatusOK, `{"access_token": "hush", "token_type": "Bearer", "expires_in": 3600}`
		}
		return http.StatusUnauthorized, `{"error": {"code": 401, "message": "Invalid Credentials"}}`
	})}
	good := s.Getenv("GOOGLE_APPLICATION_CREDENTIALS")
	for name, c := range map[string]struct {
		file string
		http *http.Client
		says string
	}{
		"no file":        {filepath.Join(t.TempDir(), "none.json"), nil, "none.json"},
		"a refused key":  {good, refused, "Invalid JWT Signature."},
		"no valid token": {good, unknown, "list the images of the project p"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", c.file)
			cloud, err := gcp.New(t.Context(), gcp.Options{Project: "p", HTTP: c.http})
			if err == nil {
				_, err = cloud.Images(t.Context())
			}
			if !errors.Is(err, clouds.ErrCredentials) || !strings.Contains(fmt.Sprint(err), "gcloud auth application-default login") || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v", err)
			}
			if text := err.Error(); strings.Contains(text, "hush") || strings.Contains(text, "PRIVATE") || strings.Contains(text, "\n") {
				t.Errorf("%q", text)
			}
		})
	}
}

// answers answers all calls itself.
type answers func(r *http.Request) (status int, body string)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := a(r)
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}
