package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/diff"
	"github.com/workerkit/workerkit/packer/inventory"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/record"
)

// stand is a folder with records and a ledger.
type stand struct {
	t   *testing.T
	dir string
	key ed25519.PrivateKey
}

func newStand(t *testing.T) *stand {
	return &stand{t, t.TempDir(), ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))}
}

// put writes a record of an image that has one package.
func (s *stand) put(version string, target packer.Target, git string) record.Digests {
	s.t.Helper()
	r := record.Record{
		Image: "linux", Version: version, Target: target, Base: "base of " + string(target), Resolved: packer.Image{Name: "linux", OS: "debian-12", Arch: "amd64"},
		Artifacts: []record.Artifact{{Region: "us-east-1", ID: "ami-" + version}}, Began: time.Unix(0, 0), Took: 2, Steps: []record.Step{{Name: "packages", Took: 2}},
	}
	inv := inventory.Inventory{System: "Debian", Packages: []inventory.Package{{Name: "git", Version: git}}}
	d, err := record.Write(record.Ref{Image: "linux", Version: version, Target: target}.Dir(s.path("records")), r, inv, os.DevNull, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *stand) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// run runs the program, which must end with a code.
func (s *stand) run(code int, args ...string) (out, said string) {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	if got := run(append(args, "--records", s.path("records"), "--images", s.path("images")), &stdout, &stderr); got != code {
		s.t.Errorf("%q: exit code %d, want %d: %s", args, got, code, stderr.String())
	}
	return stdout.String(), stderr.String()
}

// ledgerOf adds a build and promotes it.
func (s *stand) ledgerOf(version string, target packer.Target, d record.Digests) {
	s.t.Helper()
	if err := os.MkdirAll(s.path("images"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	err := ledger.Update(context.Background(), s.path("images", ledger.FileName), func(l *ledger.Ledger) error {
		if l.Channels == nil {
			l.Channels = map[string][]ledger.Version{}
		}
		l.Channels["linux/production"] = []ledger.Version{{Version: version, At: time.Unix(0, 0).UTC(), By: "promote"}}
		return l.Add(ledger.Build{
			Image: "linux", Version: version, Target: target, Made: time.Unix(0, 0).UTC(), Run: "r", Definition: "sha256:" + d.Sums, Parts: map[string]string{"os": "1"},
			Artifacts: []record.Artifact{{Region: "us-east-1", ID: "ami-" + version}}, Base: "b", Sums: d.Sums, SBOM: d.SBOM,
		})
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestDiff(t *testing.T) {
	s := newStand(t)
	s.ledgerOf("1", packer.AWS, s.put("1", packer.AWS, "2.39"))
	s.put("1", packer.GCP, "2.39")
	s.put("2", packer.AWS, "2.40")
	const want = "linux/1/aws -> linux/2/aws\n\npackages\n~ git  2.39 -> 2.40\n\n1 differ: 1 package\n"
	for _, words := range [][]string{{"linux/1/aws", "linux/2/aws"}, {"linux/1", "linux/2"}, {"linux@production", "linux/2/aws"}, {s.path("records", "linux", "1", "aws"), "linux/2"}} {
		if out, _ := s.run(exitFine, "diff", words[0], words[1]); out != want {
			t.Errorf("%q: got\n%s", words, out)
		}
	}
	if out, _ := s.run(exitFine, "diff", "linux/1/aws", "linux/1/gcp", "--only", "packages,services"); !strings.HasSuffix(out, "\nthe same\n") {
		t.Errorf("got\n%s", out)
	}
	if out, _ := s.run(exitFine, "diff", "linux/1/aws", "linux/1/gcp", "--exit-code", "--only", "packages"); out == "" {
		t.Error("nothing is shown")
	}
	if out, said := s.run(exitPending, "diff", "linux/1/aws", "linux/1/gcp", "--exit-code"); !strings.Contains(out, "1 differ") || said != "" {
		t.Errorf("shown %s, said %s", out, said)
	}
	out, _ := s.run(exitFine, "diff", "linux/1/aws", "linux/1/gcp", "--json")
	var report diff.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Changes) != 1 || report.Changes[0].Name != "base" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestDiffMisused(t *testing.T) {
	s := newStand(t)
	_, said := s.run(exitMisused, "diff", "linux/1", "linux/2")
	if !strings.Contains(said, "There are no records in "+s.path("records")) {
		t.Errorf("said %s", said)
	}
	for _, v := range []string{"1", "2"} {
		s.put(v, packer.AWS, "1")
		s.put(v, packer.GCP, "1")
	}
	s.put("3", packer.QEMU, "1")
	for _, c := range []struct{ a, b, want string }{
		{"linux/1", "linux/2", "have the targets aws, gcp in common: which one?\nSay linux/1/aws."},
		{"linux/1", "linux/3", "have no target in common\nThe targets are aws, gcp and qemu."},
		{"linux/1/aws", "linux/4", `there is no record "linux/4"`},
		{"linux/1/aws", "linux/4/aws", "There are linux/1/aws, linux/1/gcp, linux/2/aws, linux/2/gcp, linux/3/qemu."},
		{"linux/1/azure", "linux/2", `there is no record "linux/1/azure"; perhaps you meant linux/1/`},
		{"linux/1/awss", "linux/2", `there is no target "awss"; perhaps you meant aws`},
		{"linux", "linux/2", `"linux" names no record`},
		{"linux//aws", "linux/2", `"linux//aws" names no record`},
		{"linux@canary/aws", "linux/2", "the channel canary of linux has no version"},
		{"../records/linux/1", "linux/2", "names no record"},
	} {
		if _, said := s.run(exitMisused, "diff", c.a, c.b); !strings.Contains(said, c.want) {
			t.Errorf("%s %s: said %s", c.a, c.b, said)
		}
	}
	if _, said := s.run(exitMisused, "diff", "linux/1/aws", "linux/2/aws", "--only", "package"); !strings.Contains(said, "perhaps you meant packages") {
		t.Errorf("said %s", said)
	}
	s.run(exitMisused, "record")
	s.run(exitMisused, "record", "verifi")
}

func TestRecordVerify(t *testing.T) {
	s := newStand(t)
	s.ledgerOf("1", packer.AWS, s.put("1", packer.AWS, "2.39"))
	s.put("1", packer.GCP, "2.39")
	pem := read(t, s.path("records", "linux", "1", "aws", record.KeyFile))
	key := s.path("pub.pem")
	if err := os.WriteFile(key, []byte(pem), 0o600); err != nil {
		t.Fatal(err)
	}
	fingerprint := record.Fingerprint(s.key.Public().(ed25519.PublicKey))
	out, _ := s.run(exitFine, "record", "verify", "linux/1")
	if out != "linux/1/aws: whole, signed by the key that it brings along, "+fingerprint+" (--key says whose it must be), as in the ledger\n"+
		"linux/1/gcp: whole, signed by the key that it brings along, "+fingerprint+" (--key says whose it must be), not in the ledger\n" {
		t.Errorf("got %s", out)
	}
	if out, _ := s.run(exitFine, "record", "verify", "linux/1/aws", "--key", key); out != "linux/1/aws: whole, signed by the key "+fingerprint+", as in the ledger\n" {
		t.Errorf("got %s", out)
	}
	other, _ := s.run(exitFine, "record", "key", s.path("other.pem"))
	if err := os.WriteFile(key, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, said := s.run(exitFailed, "record", "verify", "linux/1/aws", "--key", key); !strings.Contains(said, "signed by another key") {
		t.Errorf("said %s", said)
	}
	if _, said := s.run(exitFailed, "record", "key", s.path("other.pem")); !strings.Contains(said, "exists") {
		t.Errorf("said %s", said)
	}
	if _, said := s.run(exitFailed, "record", "verify", "linux/1/aws", "--key", s.path("other.pem")); !strings.Contains(said, "PRIVATE KEY, and should be a PUBLIC KEY") {
		t.Errorf("said %s", said)
	}
	// Somebody else makes another record with a key of theirs: the ledger knows better.
	if err := os.RemoveAll(s.path("records", "linux", "1", "aws")); err != nil {
		t.Fatal(err)
	}
	s.put("1", packer.AWS, "6.66")
	if _, said := s.run(exitFailed, "record", "verify", "linux/1/aws"); !strings.Contains(said, "the ledger has another record of linux/1/aws") {
		t.Errorf("said %s", said)
	}
	if err := os.Remove(s.path("records", "linux", "1", "gcp", record.LogFile)); err != nil {
		t.Fatal(err)
	}
	if _, said := s.run(exitFailed, "record", "verify", "linux/1/gcp"); !strings.Contains(said, "build.log: a file of the record is missing") {
		t.Errorf("said %s", said)
	}
}

func TestRecordShow(t *testing.T) {
	s := newStand(t)
	s.put("1", packer.AWS, "2.39")
	out, _ := s.run(exitFine, "record", "show", "linux/1")
	for _, part := range []string{"record      linux/1/aws\n", "artifact    us-east-1:ami-1\n", "base        base of aws\n", "2.0 s  packages\n", "1 packages", record.PageFile} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	out, _ = s.run(exitFine, "record", "show", "linux/1/aws", "--json")
	var all []record.Record
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 || all[0].Version != "1" {
		t.Errorf("%v: %s", err, out)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
