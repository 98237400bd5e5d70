package dryrun_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/dryrun"
)

// TestRehearsedBuild: without Run nothing that a template provisions runs, and a script that is
// no shell fails the build all the same.
func TestRehearsedBuild(t *testing.T) {
	s := stand(t, dryrun.Options{})
	mark := filepath.Join(t.TempDir(), "ran")
	c, out := build(t, s, "aws", t.TempDir(), "touch "+mark)
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the command ran")
	}
	if r := s.Reports()["aws"]; len(r.Images) != 1 || len(r.Leftovers) > 0 {
		t.Errorf("%+v", r)
	}
	if c, out := build(t, s, "gcp", t.TempDir(), "if then"); c.Run() == nil || !strings.Contains(out.String(), "yntax error") {
		t.Errorf("a script with a syntax error went well:\n%s", out)
	}
}

// TestTroubleInABuild: what a cloud says reaches the log of packer, and nothing stays.
func TestTroubleInABuild(t *testing.T) {
	for target, c := range map[string]struct {
		call string
		kind clouds.Trouble
		says string
	}{
		"aws":   {"RunInstances", clouds.Forbidden, "UnauthorizedOperation"},
		"gcp":   {"compute.instances.insert", clouds.Forbidden, "Required permission is missing"},
		"azure": {"Microsoft.Resources/deployments/write", clouds.NoCapacity, "SkuNotAvailable"},
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			s := stand(t, dryrun.Options{Run: true})
			troubles := map[string]*clouds.Troubles{"aws": &s.EC2.Troubles, "gcp": &s.GCE.Troubles, "azure": &s.Azure.Troubles}[target]
			if err := troubles.Add(c.call, c.kind, 0); err != nil {
				t.Fatal(err)
			}
			b, out := build(t, s, target, t.TempDir(), "true")
			if err := b.Run(); err == nil || !strings.Contains(out.String(), c.says) {
				t.Errorf("%v, want %s in\n%s", err, c.says, out)
			}
			nothing(t, s, target)
		})
	}
}

// TestBaseThatIsNot: a base that the options do not know fails a build at its beginning.
func TestBaseThatIsNot(t *testing.T) {
	s := stand(t, dryrun.Options{Base: func(string) bool { return false }})
	c, out := build(t, s, "aws", t.TempDir(), "true")
	if err := c.Run(); err == nil || !strings.Contains(out.String(), "No AMI was found") {
		t.Errorf("%v\n%s", err, out)
	}
	nothing(t, s, "aws")
}

// TestURL: every API and the reports are at one address.
func TestURL(t *testing.T) {
	s := plain(t, dryrun.Options{})
	for path, want := range map[string]int{
		"/reports": http.StatusOK, "/?Action=DescribeRegions": http.StatusOK, "/compute/v1/projects/p": http.StatusOK,
		"/compute/v1/projects/dry-run/global/images/i": http.StatusNotFound, "/compute/v1/projects/golden/global/images/family/f": http.StatusOK,
		"/subscriptions/s?api-version=1": http.StatusUnauthorized,
	} {
		response, err := http.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, response.Status, want)
		}
		var reports map[string]dryrun.Report
		if path == "/reports" && (json.NewDecoder(response.Body).Decode(&reports) != nil || len(reports) != 3) {
			t.Errorf("reports %v", reports)
		}
		_ = response.Body.Close()
	}
}

// TestEnv: the files that the environment names are there, and are the owner's only.
func TestEnv(t *testing.T) {
	s := plain(t, dryrun.Options{})
	files := 0
	for _, line := range s.Env() {
		name, value, _ := strings.Cut(line, "=")
		if !slices.Contains([]string{"SSL_CERT_FILE", "AWS_CA_BUNDLE", "GOOGLE_APPLICATION_CREDENTIALS"}, name) {
			continue
		}
		files++
		info, err := os.Stat(value)
		if err != nil {
			t.Error(err)
		} else if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v", name, info.Mode())
		}
	}
	if files != 3 || !slices.Contains(s.Env(), "DRYRUN_URL="+s.URL()) {
		t.Errorf("environment %q", s.Env())
	}
}

func TestBadOptions(t *testing.T) {
	if _, err := dryrun.Start(t.Context(), dryrun.Options{Dir: t.TempDir(), Existing: []string{"images"}}); err == nil {
		t.Error("an id of nothing was taken")
	}
}

// TestNoMachine: the APIs need no sshd, and troubles can be ordered from outside.
func TestNoMachine(t *testing.T) {
	s, err := dryrun.Start(t.Context(), dryrun.Options{Dir: t.TempDir(), NoMachine: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if port, there := s.Vars()["ssh_port"]; there {
		t.Errorf("SSH is at %s, where nothing is", port)
	}
	for body, want := range map[string]int{
		`{"cloud":"aws","call":"DescribeRegions","kind":"forbidden","times":1}`: http.StatusNoContent,
		`{"cloud":"moon","kind":"forbidden"}`:                                   http.StatusBadRequest,
		`{"cloud":"aws","kind":"rainy"}`:                                        http.StatusBadRequest,
		`{`:                                                                     http.StatusBadRequest,
	} {
		reply, err := http.Post(s.URL()+"/troubles", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = reply.Body.Close()
		if reply.StatusCode != want {
			t.Errorf("%s: %s, want %d", body, reply.Status, want)
		}
	}
	for _, want := range []int{http.StatusForbidden, http.StatusOK} {
		reply, err := http.Get(s.URL() + "/?Action=DescribeRegions")
		if err != nil {
			t.Fatal(err)
		}
		_ = reply.Body.Close()
		if reply.StatusCode != want {
			t.Errorf("DescribeRegions: %s, want %d", reply.Status, want)
		}
	}
}
