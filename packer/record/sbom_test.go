package record_test

import (
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/workerkit/workerkit/packer/inventory"
	"github.com/workerkit/workerkit/packer/record"
)

func bill(t *testing.T) (cdx.BOM, string) {
	t.Helper()
	dir, _ := written(t, nil)
	text := read(t, dir, record.SBOMFile)
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(strings.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	return bom, text
}

func TestSBOM(t *testing.T) {
	bom, _ := bill(t)
	if bom.SpecVersion != cdx.SpecVersion1_6 || !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bom.SerialNumber) {
		t.Errorf("version %s, serial number %s", bom.SpecVersion, bom.SerialNumber)
	}
	if c := bom.Metadata.Component; c.Name != "linux" || c.Version != "20261122" || bom.Metadata.Timestamp != "2026-11-22T09:01:30Z" {
		t.Errorf("metadata: %+v", bom.Metadata)
	}
	type line struct{ kind, version, purl, hash string }
	got := map[string]line{}
	for _, c := range *bom.Components {
		l := line{string(c.Type), c.Version, c.PackageURL, ""}
		if c.Hashes != nil {
			l.hash = (*c.Hashes)[0].Value
		}
		if _, twice := got[c.Name]; twice {
			t.Errorf("%s is there twice", c.Name)
		}
		got[c.Name] = l
	}
	for name, want := range map[string]line{
		"debian":         {"operating-system", "12", "", ""},
		"start-worker":   {"application", "0.1.0", "", sum},
		"generic-worker": {"application", "0.1.1", "", sum},
		"/opt/one":       {"file", "", "", sum},
		"/opt/tree":      {"file", "", "", ""},
		"/etc/motd":      {"file", "", "", sum},
		"g++":            {"library", "4:12.2.0-3", "pkg:deb/debian/g%2B%2B@4%3A12.2.0-3?arch=amd64&distro=debian-12", ""},
		"zstd":           {"library", "1.5.4+dfsg2-5", "pkg:deb/debian/zstd@1.5.4%2Bdfsg2-5?arch=amd64&distro=debian-12", ""},
	} {
		if got[name] != want {
			t.Errorf("%s: got %+v, want %+v", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("more: %v", got)
	}
	if refs := (*bom.Dependencies)[0]; refs.Ref != bom.Metadata.Component.BOMRef || len(*refs.Dependencies) != len(*bom.Components) {
		t.Errorf("dependencies: %+v", refs)
	}
}

// TestSBOMIsValid asks CycloneDX's own schema, which its library brings along in its source.
func TestSBOMIsValid(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Skip("go cannot tell where the library's source is: ", err)
	}
	folder := filepath.Join(strings.TrimSpace(string(out)), "schema")
	compiler := jsonschema.NewCompiler()
	for name, address := range map[string]string{
		"bom-1.6.schema.json": "http://cyclonedx.org/schema/bom-1.6.schema.json", "spdx.schema.json": "http://cyclonedx.org/schema/spdx.schema.json",
		"jsf-0.82.schemax.json": "http://cyclonedx.org/schema/jsf-0.82.schema.json",
	} {
		file, err := os.Open(filepath.Join(folder, name))
		if err != nil {
			t.Skip("the library's source has no schema: ", err)
		}
		defer file.Close()
		schema, err := jsonschema.UnmarshalJSON(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(address, schema); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	_, text := bill(t)
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Error(err)
	}
}

// TestPage: what a definition says stays text, and the page needs nothing but itself.
func TestPage(t *testing.T) {
	dir, _ := written(t, key())
	page := read(t, dir, record.PageFile)
	for _, want := range []string{
		html.EscapeString(`<b>"worker"</b> & more`), "&lt;script&gt;", "width:100.0%", "width:50.0%", "60.0 s", "ami-1</code> in us-east-1", "5.0 GiB", "3.0 MiB",
		strings.ReplaceAll(record.Fingerprint(public(key())), "+", "&#43;"), "22 November 2026, 09:00:00 UTC, in 90.0 s", "g&#43;&#43;", "chrony.service", "git runs", "/etc/motd", "sha256:1",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in the page", want)
		}
	}
	for _, bad := range []string{"<script", "<b>", "ZgotmplZ", `src="`, "<link", "url(", "@import", `href="http`} {
		if strings.Contains(page, bad) {
			t.Errorf("%s is in the page", bad)
		}
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		read(t, dir, link[1])
	}
}

// TestEmptyInventory: of a build that takes none there is a record all the same.
func TestEmptyInventory(t *testing.T) {
	r, _ := sample()
	r.Resolved.OS, r.Steps = "windows-2022", nil
	dir := filepath.Join(t.TempDir(), "record")
	if _, err := record.Write(dir, r, inventory.Inventory{}, os.DevNull, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Verify(dir); err != nil {
		t.Error(err)
	}
}
