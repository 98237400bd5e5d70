package sbom_test

import (
	"bytes"
	"debug/buildinfo"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/workerkit/workerkit/packaging/release/licence"
	"github.com/workerkit/workerkit/packaging/release/sbom"
)

// TestBill builds the program beside this package, for a program with modules in it.
func TestBill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tester.exe")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := release(t, path)
	t.Run("what is in it", func(t *testing.T) { whatIsInIt(t, r) })
	t.Run("the same release makes the same bytes", func(t *testing.T) { sameBytes(t, r) })
	t.Run("bad input", func(t *testing.T) { badInput(t, r) })
}

func release(t *testing.T, path string) sbom.Release {
	t.Helper()
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	known := []licence.Module{{Path: "std", IDs: []string{"BSD-3-Clause", "ISC"}}}
	for _, m := range info.Deps {
		known = append(known, licence.Module{Path: m.Path, IDs: []string{"MIT"}})
	}
	return sbom.Release{
		Name: "workerkit", Version: "1.2.3", Revision: "abc", Platform: "linux/amd64", Time: time.Unix(1_700_000_000, 0),
		Programs: []string{path}, Licences: known, Standard: "std", Module: "example.org/m",
	}
}

func whatIsInIt(t *testing.T, r sbom.Release) {
	data, err := sbom.Make(r)
	if err != nil {
		t.Fatal(err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(data), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if bom.SpecVersion != cdx.SpecVersion1_6 || bom.Metadata.Timestamp != "2023-11-14T22:13:20Z" || bom.Metadata.Component.Version != "1.2.3" {
		t.Errorf("got %+v of %+v", bom.Metadata, bom.SpecVersion)
	}
	find := func(name string) cdx.Component {
		at := slices.IndexFunc(*bom.Components, func(c cdx.Component) bool { return c.Name == name })
		if at < 0 {
			t.Fatalf("there is no %s in\n%s", name, data)
		}
		return (*bom.Components)[at]
	}
	if p := find("tester"); p.Type != cdx.ComponentTypeApplication || len((*p.Hashes)[0].Value) != 64 {
		t.Errorf("the program: %+v", p)
	}
	library := find("github.com/CycloneDX/cyclonedx-go")
	if !strings.HasPrefix(library.PackageURL, "pkg:golang/github.com/CycloneDX/cyclonedx-go@v") || (*library.Licenses)[0].License.ID != "MIT" {
		t.Errorf("a module: %+v", library)
	}
	if std := find("std"); (*std.Licenses)[0].Expression != "BSD-3-Clause AND ISC" {
		t.Errorf("Go: %+v", std)
	}
	if d := (*bom.Dependencies)[1]; d.Ref != "program:tester" || !slices.Contains(*d.Dependencies, library.BOMRef) {
		t.Errorf("what needs what: %+v", d)
	}
}

func sameBytes(t *testing.T, r sbom.Release) {
	first, second := numbered(t, r), numbered(t, r)
	r.Version = "1.2.4"
	third := numbered(t, r)
	if !bytes.Equal(first, second) {
		t.Error("two bills of the same release differ")
	}
	number := func(data []byte) string {
		_, rest, _ := bytes.Cut(data, []byte("urn:uuid:"))
		return string(rest[:36])
	}
	if number(first) == number(third) || number(first)[14] != '8' {
		t.Errorf("the numbers are %s and %s", number(first), number(third))
	}
}

func numbered(t *testing.T, r sbom.Release) []byte {
	t.Helper()
	data, err := sbom.Make(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func badInput(t *testing.T, r sbom.Release) {
	r.Licences = r.Licences[:1]
	if _, err := sbom.Make(r); err == nil || !strings.Contains(err.Error(), "its licence is not in the list") {
		t.Errorf("a module without licence: %v", err)
	}
	r.Programs = []string{"sbom_test.go"}
	if _, err := sbom.Make(r); err == nil {
		t.Error("a program that is none will do")
	}
}
