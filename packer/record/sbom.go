package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/inventory"
)

// sbom is the list of what is in the image, as CycloneDX 1.6 has it. The same record and
// inventory make the same bytes.
func sbom(r Record, inv inventory.Inventory) ([]byte, error) {
	b := bill{record: r, inventory: inv, files: map[string]bool{}}
	b.system()
	b.programs()
	b.downloads()
	b.packages()
	b.rest()
	image := b.image()
	refs := []string{}
	for _, c := range b.components {
		refs = append(refs, c.BOMRef)
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp:  r.Began.Add(time.Duration(r.Took * float64(time.Second))).UTC().Format(time.RFC3339),
		Lifecycles: &[]cdx.Lifecycle{{Phase: cdx.LifecyclePhaseBuild}},
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{
			{Type: cdx.ComponentTypeApplication, Name: "worker-images", Version: r.Tool},
			{Type: cdx.ComponentTypeApplication, Name: "packer", Version: r.Packer},
		}},
		Component: &image,
	}
	bom.Components = &b.components
	bom.Dependencies = &[]cdx.Dependency{{Ref: image.BOMRef, Dependencies: &refs}}
	bom.SerialNumber = serial(r, inv)
	var out bytes.Buffer
	err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
	return out.Bytes(), err
}

// serial is a UUID made of what the list is made of (version 8: of one's own making).
func serial(r Record, inv inventory.Inventory) string {
	sum := sha256.New()
	encoder := json.NewEncoder(sum)
	for _, part := range []any{r, inv} {
		_ = encoder.Encode(part) //nolint:errcheck // write would have failed on it
	}
	id := sum.Sum(nil)[:16]
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// bill collects components.
type bill struct {
	record     Record
	inventory  inventory.Inventory
	components []cdx.Component
	files      map[string]bool // paths of files that are components already
}

func (b *bill) add(c cdx.Component) { b.components = append(b.components, c) }

// image is what all the others are components of.
func (b *bill) image() cdx.Component {
	r := b.record
	p := []cdx.Property{
		{Name: "workerkit:target", Value: string(r.Target)},
		{Name: "workerkit:arch", Value: r.Resolved.Arch},
		{Name: "workerkit:definition", Value: r.Definition},
		{Name: "workerkit:base", Value: r.Base},
	}
	if r.Revision != "" {
		p = append(p, cdx.Property{Name: "workerkit:revision", Value: r.Revision})
	}
	for _, a := range r.Artifacts {
		p = append(p, cdx.Property{Name: "workerkit:artifact", Value: a.String()})
	}
	ref := Ref{r.Image, r.Version, r.Target}.String()
	return cdx.Component{
		BOMRef: "image:" + ref, Type: cdx.ComponentTypePlatform, Name: r.Image, Version: r.Version,
		Description: r.Resolved.Description, Properties: &p,
	}
}

func (b *bill) system() {
	name, version, _ := strings.Cut(b.record.Resolved.OS, "-")
	c := cdx.Component{BOMRef: "os:" + b.record.Resolved.OS, Type: cdx.ComponentTypeOS, Name: name, Version: version, Description: b.inventory.System}
	if b.inventory.Kernel != "" {
		c.Properties = &[]cdx.Property{{Name: "workerkit:kernel", Value: b.inventory.Kernel}}
	}
	b.add(c)
}

func (b *bill) programs() {
	for _, name := range []string{"start-worker", "generic-worker"} {
		c := cdx.Component{BOMRef: "program:" + name, Type: cdx.ComponentTypeApplication, Name: name, Version: b.record.Resolved.Worker.Version}
		if said := versionIn(b.inventory.Versions[name]); said != "" {
			c.Version = said
		}
		if f, ok := b.inventory.Program(name); ok {
			c.Hashes = hashes(f.SHA256)
			c.Properties = &[]cdx.Property{{Name: "workerkit:path", Value: f.Path}}
			b.files[f.Path] = true
		}
		b.add(c)
	}
}

// versionIn finds the version in what a program says of itself: "(insecure engine) 0.1.0 …".
func versionIn(said string) string {
	for word := range strings.FieldsSeq(said) {
		if word[0] >= '0' && word[0] <= '9' {
			return word
		}
	}
	return said
}

func (b *bill) downloads() {
	now := map[string]string{}
	for _, f := range b.inventory.Files {
		now[f.Path] = f.SHA256
	}
	for _, d := range b.record.Resolved.Downloads {
		from := cdx.ExternalReference{Type: cdx.ERTypeDistribution, URL: d.URL, Hashes: hashes(d.SHA256)}
		c := cdx.Component{BOMRef: "download:" + d.Path, Type: cdx.ComponentTypeFile, Name: d.Path, ExternalReferences: &[]cdx.ExternalReference{from}}
		// What is there may be another: an archive was unpacked, or a script has changed the file.
		if sum := now[d.Path]; sum != "" && !d.Unpack {
			c.Hashes = hashes(sum)
			b.files[d.Path] = true
		}
		b.add(c)
	}
}

func (b *bill) packages() {
	for _, p := range b.inventory.Packages {
		c := cdx.Component{
			BOMRef: fmt.Sprintf("package:%s@%s/%s", p.Name, p.Version, p.Arch), Type: cdx.ComponentTypeLibrary,
			Name: p.Name, Version: p.Version, PackageURL: purl(p, b.record.Resolved),
		}
		if c.PackageURL != "" {
			c.BOMRef = c.PackageURL
		}
		if p.Licence != "" {
			var all cdx.Licenses
			for name := range strings.SplitSeq(p.Licence, ", ") {
				all = append(all, cdx.LicenseChoice{License: &cdx.License{Name: name}}) // Debian's names, not SPDX's
			}
			c.Licenses = &all
		}
		if p.Source != "" {
			c.Properties = &[]cdx.Property{{Name: "workerkit:source", Value: p.Source}}
		}
		b.add(c)
	}
}

// purl is a package's name in the world of package URLs; empty where there is none for it.
func purl(p inventory.Package, image packer.Image) string {
	if image.Windows() {
		return ""
	}
	system, _, _ := strings.Cut(image.OS, "-")
	return fmt.Sprintf("pkg:deb/%s/%s@%s?arch=%s&distro=%s", system, escape(p.Name), escape(p.Version), escape(p.Arch), escape(image.OS))
}

// escape is the percent encoding that package URLs want: also of what other URLs leave alone.
func escape(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// rest are the files that nothing before stands for.
func (b *bill) rest() {
	for _, f := range b.inventory.Files {
		if b.files[f.Path] {
			continue
		}
		b.add(cdx.Component{
			BOMRef: "file:" + f.Path, Type: cdx.ComponentTypeFile, Name: f.Path, Hashes: hashes(f.SHA256),
			Properties: &[]cdx.Property{{Name: "workerkit:mode", Value: f.Mode}},
		})
	}
}

func hashes(sha256 string) *[]cdx.Hash {
	if sha256 == "" {
		return nil
	}
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sha256}}
}
