package diff_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/diff"
	"github.com/workerkit/workerkit/packer/inventory"
	"github.com/workerkit/workerkit/packer/record"
)

func side() diff.Side {
	return diff.Side{
		Record: record.Record{
			Image: "linux", Version: "1", Target: packer.AWS, Base: "ami-1", Tool: "0.1.0", Packer: "1.6.6",
			Parts: map[string]string{"packages": "aa", "base": "bb"}, Resolved: packer.Image{Arch: "amd64"}, Took: 1,
		},
		Inventory: inventory.Inventory{
			System: "Debian GNU/Linux 12 (bookworm)", Kernel: "6.1.0-28", Taken: time.Unix(1, 0),
			Packages: []inventory.Package{{Name: "git", Version: "1:2.39", Arch: "amd64"}, {Name: "zip", Version: "3.0", Arch: "amd64"}},
			Services: []inventory.Service{{Name: "chrony.service", State: "enabled"}},
			Files:    []inventory.File{{Path: "/etc/motd", Mode: "0644", SHA256: strings.Repeat("a", 64), Bytes: 1}},
			Folders:  map[string]int64{"/": 100 << 20, "/usr": 90 << 20},
			Tests:    []inventory.Test{{Name: "git", Passed: true, Took: 1}},
			Versions: map[string]string{"start-worker": "0.1.0"},
		},
	}
}

// other is another version with one change of each kind.
func other() diff.Side {
	s := side()
	s.Record.Version, s.Record.Took = "2", 2
	s.Record.Parts = map[string]string{"packages": "cc", "base": "bb"}
	s.Inventory.Taken = time.Unix(2, 0)
	s.Inventory.Packages = []inventory.Package{{Name: "git", Version: "1:2.40", Arch: "amd64"}, {Name: "jq", Version: "1.6", Arch: "amd64"}}
	s.Inventory.Services = []inventory.Service{{Name: "chrony.service", State: "disabled"}}
	s.Inventory.Files = []inventory.File{{Path: "/etc/motd", Mode: "0600", SHA256: strings.Repeat("a", 64), Bytes: 1}}
	s.Inventory.Folders = map[string]int64{"/": 102 << 20, "/usr": 90<<20 + 5000}
	s.Inventory.Tests = []inventory.Test{{Name: "git", Took: 2}}
	s.Inventory.Versions = map[string]string{"start-worker": "0.2.0"}
	return s
}

func TestCompare(t *testing.T) {
	a, b := strings.Repeat("a", 64), ""
	want := []diff.Change{
		{Kind: "about", Name: "start-worker", A: "0.1.0", B: "0.2.0"},
		{Kind: "definition", Name: "packages", A: "aa", B: "cc"},
		{Kind: "packages", Name: "git", A: "1:2.39", B: "1:2.40"},
		{Kind: "packages", Name: "jq", A: b, B: "1.6"},
		{Kind: "packages", Name: "zip", A: "3.0"},
		{Kind: "services", Name: "chrony.service", A: "enabled", B: "disabled"},
		{Kind: "files", Name: "/etc/motd", A: "0644 " + a, B: "0600 " + a},
		{Kind: "sizes", Name: "/", A: "100.0 MiB", B: "102.0 MiB"},
		{Kind: "tests", Name: "git", A: "passed", B: "failed"},
	}
	r := diff.Compare(side(), other())
	if d := cmp.Diff(want, r.Changes); d != "" {
		t.Error(d)
	}
	if r.A != "linux/1/aws" || r.B != "linux/2/aws" || !slices.Equal(r.Kinds, diff.Kinds()) {
		t.Errorf("of %s and %s: %v", r.A, r.B, r.Kinds)
	}
	if got := r.Count(); got != "1 about the image, 1 of the definition, 3 packages, 1 service, 1 file, 1 size, 1 test" {
		t.Errorf("count: %s", got)
	}
	some := diff.Compare(side(), other(), diff.Files, diff.Packages)
	if d := cmp.Diff(slices.Concat(want[2:5], want[6:7]), some.Changes); d != "" {
		t.Error(d)
	}
}

// TestSame: another time, another duration and a few kilobytes are no difference.
func TestSame(t *testing.T) {
	b := side()
	b.Record.Took, b.Inventory.Taken, b.Inventory.Tests = 9, time.Unix(9, 0), []inventory.Test{{Name: "git", Passed: true, Took: 9}}
	b.Inventory.Folders = map[string]int64{"/": 100<<20 + 4096, "/usr": 90<<20 - 4096}
	r := diff.Compare(side(), b)
	if len(r.Changes) > 0 {
		t.Errorf("got %v", r.Changes)
	}
	var out strings.Builder
	if err := r.Print(&out); err != nil || !strings.HasSuffix(out.String(), "\nthe same\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestTwoTargets: the packages of two architectures are compared by their names, and what is
// there for several architectures by both.
func TestTwoTargets(t *testing.T) {
	a, b := side(), side()
	b.Record.Target, b.Record.Base, b.Record.Resolved.Arch = packer.GCP, "debian-12-arm64-v1", "arm64"
	a.Inventory.Packages = []inventory.Package{{Name: "git", Version: "1", Arch: "amd64"}, {Name: "libc6", Version: "2", Arch: "amd64"}, {Name: "libc6", Version: "2", Arch: "i386"}}
	b.Inventory.Packages = []inventory.Package{{Name: "git", Version: "1", Arch: "arm64"}, {Name: "google-guest-agent", Version: "3", Arch: "arm64"}, {Name: "libc6", Version: "2", Arch: "arm64"}}
	want := []diff.Change{
		{Kind: "about", Name: "architecture", A: "amd64", B: "arm64"}, {Kind: "about", Name: "base", A: "ami-1", B: "debian-12-arm64-v1"},
		{Kind: "packages", Name: "google-guest-agent", B: "3"}, {Kind: "packages", Name: "libc6:amd64", A: "2"},
		{Kind: "packages", Name: "libc6:arm64", B: "2"}, {Kind: "packages", Name: "libc6:i386", A: "2"},
	}
	if d := cmp.Diff(want, diff.Compare(a, b).Changes); d != "" {
		t.Error(d)
	}
}

func TestPrint(t *testing.T) {
	var out strings.Builder
	if err := diff.Compare(side(), other(), diff.Packages, diff.Files).Print(&out); err != nil {
		t.Fatal(err)
	}
	const want = `linux/1/aws -> linux/2/aws

packages
~ git  1:2.39 -> 1:2.40
+ jq   1.6
- zip  3.0

files
~ /etc/motd  0644 aaaaaaaaaaaa… -> 0600 aaaaaaaaaaaa…

4 differ: 3 packages, 1 file
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}
