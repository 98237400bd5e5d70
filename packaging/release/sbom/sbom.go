// Package sbom writes what is in the programs of a release for one platform, as CycloneDX has it.
package sbom

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/workerkit/workerkit/packaging/release/licence"
)

// Release is what a bill of materials is about.
type Release struct {
	Name, Version    string // of the component that the programs are parts of
	Revision         string // the commit
	Platform         string // OS/architecture
	Time             time.Time
	Programs         []string // paths of the binaries, which say themselves what they contain
	Licences         []licence.Module
	Standard, Module string // the paths of Go's standard library in Licences, and of our own module
}

// Make returns the bill as CycloneDX 1.6 in JSON. The same release makes the same bytes.
func Make(r Release) ([]byte, error) {
	b := bill{release: r, libraries: map[string]cdx.Component{}}
	for _, path := range slices.Sorted(slices.Values(r.Programs)) {
		if err := b.program(path); err != nil {
			return nil, fmt.Errorf("bill of materials: %w", err)
		}
	}
	root := "pkg:golang/" + escape(r.Module) + "@" + escape(r.Version) + "?os=" + strings.Replace(r.Platform, "/", "&arch=", 1)
	refs := []string{}
	for _, p := range b.programs {
		refs = append(refs, p.BOMRef)
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp:  r.Time.UTC().Format(time.RFC3339),
		Lifecycles: &[]cdx.Lifecycle{{Phase: cdx.LifecyclePhaseBuild}},
		Component: &cdx.Component{
			BOMRef: root, Type: cdx.ComponentTypeApplication, Name: r.Name, Version: r.Version, Licenses: licences([]string{"MPL-2.0"}),
			Properties: &[]cdx.Property{{Name: "workerkit:platform", Value: r.Platform}, {Name: "workerkit:revision", Value: r.Revision}},
		},
	}
	components := b.programs
	for _, ref := range slices.Sorted(maps.Keys(b.libraries)) {
		components = append(components, b.libraries[ref])
	}
	bom.Components = &components
	dependencies := append([]cdx.Dependency{{Ref: root, Dependencies: &refs}}, b.dependencies...)
	bom.Dependencies = &dependencies
	return encode(bom)
}

// encode adds a serial number that is made of everything else (a UUID of version 8).
func encode(bom *cdx.BOM) ([]byte, error) {
	write := func() ([]byte, error) {
		var out bytes.Buffer
		err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
		return out.Bytes(), err
	}
	unnumbered, err := write()
	if err != nil {
		return nil, fmt.Errorf("bill of materials: %w", err)
	}
	sum := sha256.Sum256(unnumbered)
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	bom.SerialNumber = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	return write()
}

// bill collects the programs and what they have in common.
type bill struct {
	release      Release
	programs     []cdx.Component
	libraries    map[string]cdx.Component // by reference
	dependencies []cdx.Dependency
}

func (b *bill) program(path string) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	sum, err := digest(path)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(path), ".exe")
	ref := "program:" + name
	b.programs = append(b.programs, cdx.Component{
		BOMRef: ref, Type: cdx.ComponentTypeApplication, Name: name, Version: b.release.Version,
		Licenses: licences([]string{"MPL-2.0"}), Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}},
	})
	needs := []string{}
	for _, m := range append(slices.Clone(info.Deps), &debug.Module{Path: b.release.Standard, Version: strings.TrimPrefix(info.GoVersion, "go")}) {
		library, err := b.library(m)
		if err != nil {
			return err
		}
		needs = append(needs, library)
	}
	slices.Sort(needs)
	b.dependencies = append(b.dependencies, cdx.Dependency{Ref: ref, Dependencies: &needs})
	return nil
}

// library returns the reference of a module, whose licence must be known.
func (b *bill) library(m *debug.Module) (string, error) {
	ref := "pkg:golang/" + escape(m.Path) + "@" + escape(m.Version)
	at := slices.IndexFunc(b.release.Licences, func(l licence.Module) bool { return l.Path == m.Path })
	if at < 0 {
		return "", fmt.Errorf("module %s@%s is in a program, and its licence is not in the list", m.Path, m.Version)
	}
	c := cdx.Component{
		BOMRef: ref, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: ref,
		Licenses: licences(b.release.Licences[at].IDs),
	}
	if m.Sum != "" {
		c.Properties = &[]cdx.Property{{Name: "workerkit:go.sum", Value: m.Sum}}
	}
	b.libraries[ref] = c
	return ref, nil
}

func licences(ids []string) *cdx.Licenses {
	if len(ids) > 1 {
		return &cdx.Licenses{{Expression: strings.Join(ids, " AND ")}}
	}
	return &cdx.Licenses{{License: &cdx.License{ID: ids[0]}}}
}

func digest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close() //nolint:errcheck // only read from
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// escape is the percent encoding of package URLs; a path keeps its slashes.
func escape(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
