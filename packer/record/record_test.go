package record_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/inventory"
	"github.com/workerkit/workerkit/packer/record"
)

const sum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// key is always the same one.
func key() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func sample() (record.Record, inventory.Inventory) {
	began := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	r := record.Record{
		Image: "linux", Version: "20261122", Target: packer.AWS, Run: "r-1", Definition: "sha256:" + sum,
		Parts: map[string]string{"packages": "sha256:1", "base": "sha256:2"}, Base: "ami-0", Revision: "abc", Tool: "0.1.0", Packer: "1.6.6",
		Resolved: packer.Image{
			Name: "linux", Description: `A <b>"worker"</b> & more`, OS: "debian-12", Arch: "amd64", Targets: []packer.Target{packer.AWS},
			Bases:     map[packer.Target]packer.Base{packer.AWS: {Owner: "1", Filter: "debian-12-*", Region: "us-east-1"}},
			Worker:    packer.Worker{Version: "0.1.0"},
			Downloads: []packer.Download{{URL: "https://example.com/one", SHA256: sum, Path: "/opt/one"}, {URL: "https://example.com/tree.tar", SHA256: sum, Path: "/opt/tree", Unpack: true}},
			Scripts:   []packer.Script{{Name: "setup", Content: "true", Secrets: map[string]packer.Secret{"TOKEN": "env:BUILD_TOKEN"}}},
		},
		Artifacts: []record.Artifact{{Region: "us-east-1", ID: "ami-1"}, {File: "disk.qcow2", Bytes: 5 << 30, SHA256: sum}},
		Began:     began, Took: 90, Steps: []record.Step{{Name: "packages", Took: 60}, {Name: "<script>", Took: 30}},
	}
	inv := inventory.Inventory{
		System: "Debian GNU/Linux 12 (bookworm)", Kernel: "6.1.0-28-cloud-amd64", Taken: began,
		Packages: []inventory.Package{
			{Name: "g++", Version: "4:12.2.0-3", Arch: "amd64", Bytes: 2048, Source: "gcc-defaults", Licence: "GPL-3+, Expat"},
			{Name: "zstd", Version: "1.5.4+dfsg2-5", Arch: "amd64", Bytes: 3 << 20, Source: "libzstd"},
		},
		Services: []inventory.Service{{Name: "chrony.service", State: "enabled"}},
		Files: []inventory.File{
			{Path: "/etc/motd", Bytes: 5, Mode: "0640", SHA256: sum}, {Path: "/opt/one", Bytes: 5, Mode: "0644", SHA256: sum},
			{Path: "/usr/local/bin/generic-worker", Bytes: 9, Mode: "0755", SHA256: sum}, {Path: "/usr/local/bin/start-worker", Bytes: 9, Mode: "0755", SHA256: sum},
		},
		Folders:  map[string]int64{"/": 3 << 30, "/usr": 1 << 20},
		Tests:    []inventory.Test{{Name: "git runs", Passed: true, Took: 0.25}},
		Versions: map[string]string{"start-worker": "0.1.0", "generic-worker": "(insecure engine) 0.1.1 workerkit"},
	}
	return r, inv
}

// written writes the sample and returns its folder.
func written(t *testing.T, key ed25519.PrivateKey) (string, record.Digests) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte("==> done\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, inv := sample()
	dir := record.Ref{Image: r.Image, Version: r.Version, Target: r.Target}.Dir(filepath.Join(t.TempDir(), "records"))
	d, err := record.Write(dir, r, inv, log, key)
	if err != nil {
		t.Fatal(err)
	}
	return dir, d
}

func read(t *testing.T, parts ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func hexSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	dir, d := written(t, key())
	r, inv := sample()
	gotRecord, gotInventory, err := record.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, gotRecord, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(inv, gotInventory); diff != "" {
		t.Error(diff)
	}
	if d.Sums != hexSum(read(t, dir, record.SumsFile)) || d.SBOM != hexSum(read(t, dir, record.SBOMFile)) {
		t.Errorf("digests: %+v", d)
	}
	v, err := record.Verify(dir, public(key()))
	if err != nil || !v.Signed || v.Digests != d || !v.Key.Equal(public(key())) {
		t.Errorf("verify: %+v, %v", v, err)
	}
	again, _ := written(t, key())
	for _, name := range []string{record.ManifestFile, record.InventoryFile, record.SBOMFile, record.LogFile, record.PageFile, record.SumsFile, record.SignatureFile} {
		if read(t, dir, name) != read(t, again, name) {
			t.Errorf("%s is another the second time", name)
		}
	}
}

func TestUnsigned(t *testing.T) {
	dir, _ := written(t, nil)
	if v, err := record.Verify(dir); err != nil || v.Signed {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := record.Verify(dir, public(key())); !errors.Is(err, record.ErrUnsigned) {
		t.Errorf("got %v", err)
	}
	if page := read(t, dir, record.PageFile); !strings.Contains(page, "not signed") {
		t.Error("the page does not say so")
	}
}

// TestWriteOnce: many write one record; one of them does, and what it wrote is whole.
func TestWriteOnce(t *testing.T) {
	r, inv := sample()
	dir := filepath.Join(t.TempDir(), "record")
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = record.Write(dir, r, inv, log, nil) })
	}
	wg.Wait()
	good := 0
	for _, err := range errs {
		if err == nil {
			good++
		} else if !errors.Is(err, record.ErrExists) {
			t.Error(err)
		}
	}
	if _, err := record.Verify(dir); err != nil || good != 1 {
		t.Errorf("%d wrote it; %v", good, err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestAllOrNothing(t *testing.T) {
	r, inv := sample()
	records := t.TempDir()
	if _, err := record.Write(filepath.Join(records, "a"), r, inv, filepath.Join(records, "no.log"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(records); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := os.Mkdir(filepath.Join(records, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Write(filepath.Join(records, "empty"), r, inv, os.DevNull, nil); !errors.Is(err, record.ErrExists) {
		t.Errorf("got %v", err)
	}
}

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	other := ed25519.NewKeyFromSeed([]byte("another one, another one, anothe"))
	write := func(t *testing.T, path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  error
		says  string
	}{
		"a file":           {func(t *testing.T, dir string) { write(t, dir+"/"+record.SBOMFile, "{}") }, record.ErrChanged, record.SBOMFile},
		"no file":          {func(_ *testing.T, dir string) { _ = os.Remove(dir + "/" + record.LogFile) }, record.ErrMissing, record.LogFile},
		"one more":         {func(t *testing.T, dir string) { write(t, dir+"/notes.txt", "") }, record.ErrExtra, "notes.txt"},
		"one that is not":  {func(t *testing.T, dir string) { spoilPage(t, dir) }, record.ErrExtra, record.PageFile},
		"no checksums":     {func(_ *testing.T, dir string) { _ = os.Remove(dir + "/" + record.SumsFile) }, record.ErrMissing, record.SumsFile},
		"other checksums":  {func(t *testing.T, dir string) { write(t, dir+"/"+record.SumsFile, "") }, record.ErrSignature, ""},
		"signed over none": {func(t *testing.T, dir string) { sign(t, dir, "", key()) }, record.ErrMissing, record.ManifestFile},
		"signed nonsense":  {func(t *testing.T, dir string) { sign(t, dir, sum+"  ../../etc/passwd\n", key()) }, nil, "line 1 is no checksum"},
		"another key":      {func(t *testing.T, dir string) { sign(t, dir, read(t, dir, record.SumsFile), other) }, record.ErrKey, record.Fingerprint(public(other))},
		"no signature":     {func(_ *testing.T, dir string) { _ = os.Remove(dir + "/" + record.SignatureFile) }, record.ErrMissing, record.SignatureFile},
		"no key":           {func(_ *testing.T, dir string) { _ = os.Remove(dir + "/" + record.KeyFile) }, record.ErrMissing, record.KeyFile},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := written(t, key())
			c.spoil(t, dir)
			_, err := record.Verify(dir, public(key()))
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// spoilPage puts a link in the place of a file.
func spoilPage(t *testing.T, dir string) {
	t.Helper()
	page := filepath.Join(dir, record.PageFile)
	if err := os.Rename(page, dir+"-page"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir+"-page", page); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
}

func sign(t *testing.T, dir, sums string, k ed25519.PrivateKey) {
	t.Helper()
	pem, err := record.PublicPEM(public(k))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{record.SumsFile: sums, record.SignatureFile: string(ed25519.Sign(k, []byte(sums))), record.KeyFile: string(pem)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestList(t *testing.T) {
	dir, _ := written(t, nil)
	records := filepath.Dir(filepath.Dir(filepath.Dir(dir)))
	if err := os.CopyFS(filepath.Join(records, "linux", "20261122", ".new-1"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	got, err := record.List(records)
	if want := []record.Ref{{Image: "linux", Version: "20261122", Target: packer.AWS}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if got[0].Dir(records) != dir || got[0].String() != "linux/20261122/aws" {
		t.Errorf("got %s at %s", got[0], got[0].Dir(records))
	}
	if got, err := record.List(filepath.Join(records, "none")); err != nil || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
}
