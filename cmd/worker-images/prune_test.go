package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	fakes "github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/dryrun"
	"github.com/workerkit/workerkit/packer"
	cloudapi "github.com/workerkit/workerkit/packer/clouds"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/record"
)

// yard is a folder of definitions, and an EC2 with what was built of them.
type yard struct {
	stand  *dryrun.Stand
	images string
}

const frankfurt = "eu-central-1"

// newYard has the definition of an image linux. The environment points at EC2, and at nothing
// else.
func newYard(t *testing.T) yard {
	t.Helper()
	var calls atomic.Int64 // what is made later is a second younger
	hour := time.Now().Add(-time.Hour)
	clock := func() time.Time { return hour.Add(time.Duration(calls.Add(1)) * time.Second) }
	stand, err := dryrun.Start(t.Context(), dryrun.Options{Dir: t.TempDir(), NoMachine: true, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stand.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, entry := range stand.Env() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL_EC2", stand.URL())
	for _, name := range []string{"TASKCLUSTER_ROOT_URL", "TASKCLUSTER_CLIENT_ID", "TASKCLUSTER_ACCESS_TOKEN", "TASKCLUSTER_CERTIFICATE"} {
		t.Setenv(name, "")
	}
	t.Chdir(t.TempDir())
	y := yard{stand, filepath.Join(t.TempDir(), "images")}
	if err := os.Mkdir(y.images, 0o700); err != nil {
		t.Fatal(err)
	}
	definition := fmt.Sprintf(`image "linux" {
  os   = "debian-12"
  arch = "amd64"
  base "aws" {
    owner  = "136693071363"
    filter = "debian-12-amd64-*"
    region = %q
  }
}
`, frankfurt)
	if err := os.WriteFile(filepath.Join(y.images, "linux.hcl"), []byte(definition), 0o600); err != nil {
		t.Fatal(err)
	}
	return y
}

// run runs the program, which must end with a code.
func (y yard) run(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	if got := run(append(args, "--images", y.images), &out, &said); got != code {
		t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, code, out.Bytes(), said.Bytes())
	}
	return out.String(), said.String()
}

// ec2 makes a call, and returns what is in the first element of a name.
func (y yard) ec2(t *testing.T, region, element, action string, pairs ...string) string {
	t.Helper()
	form := url.Values{"Action": {action}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, y.stand.URL(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20261122/"+region+"/ec2/aws4_request, Signature=1")
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	for d := xml.NewDecoder(reply.Body); ; {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%s: %s: no %s: %v", action, reply.Status, element, err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == element {
			var text string
			if err := d.DecodeElement(&text, &start); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return text
		}
	}
}

// tags are the parameters that give our tags to what a call makes.
func tags(run string, kinds ...string) []string {
	var pairs []string
	for n, kind := range kinds {
		prefix := fmt.Sprintf("TagSpecification.%d.", n+1)
		pairs = append(pairs, prefix+"ResourceType", kind,
			prefix+"Tag.1.Key", cloudapi.TagName, prefix+"Tag.1.Value", "linux",
			prefix+"Tag.2.Key", cloudapi.TagRun, prefix+"Tag.2.Value", run)
	}
	return pairs
}

// machine launches an instance with our tags.
func (y yard) machine(t *testing.T, run string) string {
	t.Helper()
	base := y.ec2(t, frankfurt, "imageId", "DescribeImages", "Owner.1", "136693071363", "Filter.1.Name", "name", "Filter.1.Value.1", "debian-12-*")
	return y.ec2(t, frankfurt, "instanceId", "RunInstances", append(tags(run, "instance", "volume"), "ImageId", base, "MaxCount", "1")...)
}

// image makes an AMI with our tags.
func (y yard) image(t *testing.T, version string) string {
	t.Helper()
	machine := y.machine(t, "run-"+version)
	id := y.ec2(t, frankfurt, "imageId", "CreateImage", append(tags("run-"+version, "image", "snapshot"), "InstanceId", machine, "Name", "linux-"+version)...)
	y.ec2(t, frankfurt, "instanceId", "TerminateInstances", "InstanceId.1", machine)
	return id
}

// built puts a build of each version into the ledger, with an AMI in each region.
func (y yard) built(t *testing.T, version string, artifacts ...record.Artifact) {
	t.Helper()
	hash := "sha256:" + strings.Repeat("0", 64)
	err := ledger.Update(t.Context(), y.ledger(), func(l *ledger.Ledger) error {
		return l.Add(ledger.Build{
			Image: "linux", Version: version, Target: packer.AWS, Made: time.Now().UTC(), Run: "run-" + version,
			Artifacts: artifacts, Definition: hash, Parts: map[string]string{}, Base: "ami-1", Sums: hash, SBOM: hash,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (y yard) ledger() string { return filepath.Join(y.images, ledger.FileName) }

// deleted tells which versions the ledger has as deleted.
func (y yard) deleted(t *testing.T) string {
	t.Helper()
	l, err := ledger.Load(y.ledger())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, b := range l.Builds {
		if b.Deleted != nil {
			all = append(all, b.Version)
		}
	}
	return strings.Join(all, " ")
}

// ids are the images and leftovers in EC2.
func (y yard) ids() string {
	report := y.stand.Reports()["aws"]
	return fmt.Sprint(report.Images, report.Leftovers)
}

// TestPrune: only --yes deletes, only what may go, and the ledger has it.
func TestPrune(t *testing.T) {
	y := newYard(t)
	old := y.image(t, "1")
	copied := y.ec2(t, "us-east-1", "imageId", "CopyImage", append(tags("run-1", "image", "snapshot"), "SourceRegion", frankfurt, "SourceImageId", old, "Name", "linux-1")...)
	y.built(t, "1", record.Artifact{Region: frankfurt, ID: old}, record.Artifact{Region: "us-east-1", ID: copied})
	used, newest, strange := y.image(t, "2"), y.image(t, "3"), y.image(t, "4")
	y.built(t, "2", record.Artifact{Region: frankfurt, ID: used})
	y.built(t, "3", record.Artifact{Region: frankfurt, ID: newest})
	y.ec2(t, frankfurt, "instanceId", "RunInstances", "ImageId", used, "MaxCount", "1")
	all := []string{"prune", "--no-pools", "--keep", "1", "--older-than", "0s"}

	if out, _ := y.run(t, exitFine, "prune", "--no-pools", "--keep", "0"); !strings.Contains(out, "younger than 30 days") || !strings.Contains(out, "0 of 5 images would be deleted") {
		t.Errorf("all are young:\n%s", out)
	}
	out, _ := y.run(t, exitFine, append(all, "--keep", "0")...)
	for _, want := range []string{old + "  ", "delete\n", "in use: instance i-", "has no build in the ledger", "3 of 5 images would be deleted. --yes"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	// The copy is the newest in its region, and keeps the original.
	if out, _ := y.run(t, exitFine, all...); !strings.Contains(out, "copy of "+copied+" in us-east-1 (newest)") {
		t.Errorf("half a build goes:\n%s", out)
	}
	if got := y.deleted(t); got != "" || !strings.Contains(y.ids(), old) {
		t.Fatalf("something was deleted without --yes: %s", got)
	}
	y.built(t, "5", record.Artifact{Region: "us-east-1", ID: y.ec2(t, "us-east-1", "imageId", "CopyImage",
		append(tags("run-5", "image", "snapshot"), "SourceRegion", frankfurt, "SourceImageId", newest, "Name", "linux-5")...)})
	out, _ = y.run(t, exitFine, append(all, "--yes")...)
	if strings.Count(out, "\ndeleted aws ") != 2 || y.deleted(t) != "1" {
		t.Errorf("deleted are %q\n%s", y.deleted(t), out)
	}
	left := y.ids()
	for id, there := range map[string]bool{old: false, copied: false, used: true, newest: true, strange: true} {
		if strings.Contains(left, id) != there {
			t.Errorf("%s: want it there %t: %s", id, there, left)
		}
	}
	if strings.Contains(left, "snapshot") {
		t.Errorf("a snapshot is left: %s", left)
	}
}

// TestPruneGoesOn: one that cannot be deleted is no reason to keep the others, and is not marked.
func TestPruneGoesOn(t *testing.T) {
	y := newYard(t)
	for _, version := range []string{"1", "2"} {
		y.built(t, version, record.Artifact{Region: frankfurt, ID: y.image(t, version)})
	}
	if err := y.stand.EC2.Troubles.Add("DeregisterImage", fakes.Forbidden, 1); err != nil {
		t.Fatal(err)
	}
	out, said := y.run(t, exitFailed, "prune", "--no-pools", "--keep", "0", "--older-than", "0s", "--yes", "--json")
	if !strings.Contains(said, "ec2:DeregisterImage") || len(strings.Fields(y.deleted(t))) != 1 {
		t.Errorf("marked are %q\n%s", y.deleted(t), said)
	}
	var shown []shownImage
	if err := json.Unmarshal([]byte(out), &shown); err != nil || len(shown) != 2 || !shown[0].Delete || shown[0].Deleted == shown[1].Deleted {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestPruneMisused(t *testing.T) {
	y := newYard(t)
	for want, args := range map[string][]string{
		`there is no image "linus"; perhaps you meant linux`: {"linus"},
		`there is no target "aus"; perhaps you meant aws`:    {"--target", "aus"},
		"qemu is no cloud":           {"--target", "qemu"},
		`"a month" is no age`:        {"--older-than", "a month"},
		`"-1d" is no number of days`: {"--older-than=-1d"},
		"--keep cannot be less":      {"--keep", "-1"},
	} {
		if _, said := y.run(t, exitMisused, append([]string{"prune", "--no-pools"}, args...)...); !strings.Contains(said, want) {
			t.Errorf("%v: no %q in\n%s", args, want, said)
		}
	}
}

// TestGC: what is old enough goes, unless its build is still going.
func TestGC(t *testing.T) {
	y := newYard(t)
	first, second := y.machine(t, "run-1"), y.machine(t, "run-2")
	out, _ := y.run(t, exitFine, "gc")
	if strings.Count(out, "keep: its build is younger than 24 hours") != 2 || !strings.Contains(out, "0 of 2 leftovers") {
		t.Errorf("all are young:\n%s", out)
	}
	out, _ = y.run(t, exitFine, "gc", "--older-than", "0s", "--running", "run-2", "--yes")
	if !strings.Contains(out, "removed aws "+frankfurt+" instance "+first) || !strings.Contains(out, "its build is still going") {
		t.Errorf("of two builds one is over:\n%s", out)
	}
	if left := y.ids(); strings.Contains(left, first) || !strings.Contains(left, second) {
		t.Errorf("left are %s", left)
	}
	if out, _ := y.run(t, exitFine, "gc", "--run", "run-1", "--json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("of run-1 there is\n%s", out)
	}
	if err := y.stand.EC2.Troubles.Add("TerminateInstances", fakes.Forbidden, 1); err != nil {
		t.Fatal(err)
	}
	if _, said := y.run(t, exitFailed, "gc", "--older-than", "0s", "--yes"); !strings.Contains(said, "gc: remove instance "+second) {
		t.Errorf("a machine that may not be terminated:\n%s", said)
	}
}

func TestAge(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 30 * oneDay, "0d": 0, "36h": 36 * time.Hour, "0s": 0} {
		var a age
		if err := a.Set(text); err != nil || time.Duration(a) != want {
			t.Errorf("%s: %v, %v", text, time.Duration(a), err)
		}
		if again := a; again.Set(a.String()) != nil || again != a {
			t.Errorf("%s is written as %s", text, a.String())
		}
	}
	for _, text := range []string{"", "d", "30", "-1h", "99999999d"} {
		var a age
		if a.Set(text) == nil {
			t.Errorf("%q is an age of %v", text, time.Duration(a))
		}
	}
}
