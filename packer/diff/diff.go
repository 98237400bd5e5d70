// Package diff compares two built images by their records: two versions of one target, or what
// became of one definition in two clouds.
package diff

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packer/inventory"
	"github.com/workerkit/workerkit/packer/record"
)

// What is compared, in the order in which it is shown.
const (
	About      = "about" // system, kernel, base, versions of programs
	Definition = "definition"
	Packages   = "packages"
	Services   = "services"
	Files      = "files"
	Sizes      = "sizes"
	Tests      = "tests"
)

// Kinds lists what is compared.
func Kinds() []string {
	return []string{About, Definition, Packages, Services, Files, Sizes, Tests}
}

// enough is how many bytes a folder must have more or less to count: two builds of one
// definition are never of the same size.
const enough = 1 << 20

// Side is an image that is compared.
type Side struct {
	Record    record.Record
	Inventory inventory.Inventory
}

func (s Side) ref() record.Ref {
	return record.Ref{Image: s.Record.Image, Version: s.Record.Version, Target: s.Record.Target}
}

// Report is what Compare finds.
type Report struct {
	A       string   `json:"a"` // NAME/VERSION/TARGET
	B       string   `json:"b"`
	Kinds   []string `json:"kinds"`   // what was compared
	Changes []Change `json:"changes"` // by kind, then by name
}

// Change is one thing that the two do not share.
type Change struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	A    string `json:"a,omitempty"` // empty: only B has it
	B    string `json:"b,omitempty"` // empty: only A has it
}

// Compare compares two images in what kinds name; in everything when kinds is empty. Times do not
// count, nor how long something took.
func Compare(a, b Side, kinds ...string) Report {
	if len(kinds) == 0 {
		kinds = Kinds()
	}
	r := Report{A: a.ref().String(), B: b.ref().String(), Changes: []Change{}}
	for _, kind := range Kinds() {
		if !slices.Contains(kinds, kind) {
			continue
		}
		r.Kinds = append(r.Kinds, kind)
		before, after := values(kind, a, b), values(kind, b, a)
		for _, name := range slices.Sorted(maps.Keys(union(before, after))) {
			if x, y := before[name], after[name]; x != y && (kind != Sizes || apart(a, b, name)) {
				r.Changes = append(r.Changes, Change{Kind: kind, Name: name, A: x, B: y})
			}
		}
	}
	return r
}

func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// apart tells whether the sizes of a folder differ enough.
func apart(a, b Side, folder string) bool {
	difference := a.Inventory.Folders[folder] - b.Inventory.Folders[folder]
	return max(difference, -difference) >= enough
}

// values are what a side has of a kind, by name.
func values(kind string, s, other Side) map[string]string {
	all := map[string]string{}
	switch kind {
	case About:
		return about(s)
	case Definition:
		maps.Copy(all, s.Record.Parts)
	case Packages:
		return packages(s.Inventory, other.Inventory)
	case Services:
		for _, v := range s.Inventory.Services {
			all[v.Name] = v.State
		}
	case Files:
		for _, f := range s.Inventory.Files {
			all[f.Path] = fmt.Sprintf("%s %s", f.Mode, f.SHA256)
		}
	case Sizes:
		for path, bytes := range s.Inventory.Folders {
			all[path] = fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
		}
	case Tests:
		for _, t := range s.Inventory.Tests {
			all[t.Name] = "failed"
			if t.Passed {
				all[t.Name] = "passed"
			}
		}
	}
	return all
}

func about(s Side) map[string]string {
	all := map[string]string{
		"system": s.Inventory.System, "kernel": s.Inventory.Kernel, "architecture": s.Record.Resolved.Arch, "base": s.Record.Base,
		"worker-images": s.Record.Tool, "packer": s.Record.Packer,
	}
	maps.Copy(all, s.Inventory.Versions)
	return all
}

// packages gives each package a name. That of its architecture is left out, so that images for two
// can be compared, unless one of the sides has the package for several.
func packages(i, other inventory.Inventory) map[string]string {
	several := map[string]bool{}
	for _, side := range []inventory.Inventory{i, other} {
		seen := map[string]bool{}
		for _, p := range side.Packages {
			several[p.Name] = several[p.Name] || seen[p.Name]
			seen[p.Name] = true
		}
	}
	all := map[string]string{}
	for _, p := range i.Packages {
		name := p.Name
		if several[name] {
			name += ":" + p.Arch
		}
		if was, ok := all[name]; ok { // two versions of one, as Windows has them
			all[name] = was + ", " + p.Version
		} else {
			all[name] = p.Version
		}
	}
	return all
}

// Count counts changes by kind, for a sentence: "3 packages, 1 file"; empty when there is none.
func (r Report) Count() string {
	one := map[string]string{Packages: "package", Services: "service", Files: "file", Sizes: "size", Tests: "test"}
	numbers := map[string]int{}
	for _, c := range r.Changes {
		numbers[c.Kind]++
	}
	var parts []string
	for _, kind := range r.Kinds {
		name := kind
		switch kind {
		case About:
			name = "about the image"
		case Definition:
			name = "of the definition"
		default:
			if numbers[kind] == 1 {
				name = one[kind]
			}
		}
		if n := numbers[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, name))
		}
	}
	return strings.Join(parts, ", ")
}
