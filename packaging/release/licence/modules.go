package licence

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Package is a package that is linked into a program: where its source is, and its module's.
type Package struct {
	Dir       string
	Module    string // its path
	Version   string
	ModuleDir string
}

// Module is a module and the licences of those parts of it that are linked.
type Module struct {
	Path, Version string
	IDs           []string // of SPDX, sorted: all of them hold
	Texts         []Text
}

// Text is one file that says what one may do: a licence, a notice, a grant of patents.
type Text struct {
	Name    string // within the module
	Content string
}

// names matches the files that hold a licence; notes those that go with one.
var (
	names = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([-_.].*)?$`)
	notes = regexp.MustCompile(`(?i)^(notice|patents|copyright)([-_.].*)?$`)
	docs  = regexp.MustCompile(`(?i)[-_.]docs$`) // for the documentation, which is not linked
)

// Collect finds the licences of packages: the files in each package's folder and in those above it
// up to its module's. It fails for every module that has none, or one that Identify does not know.
// The result is sorted by path.
func Collect(packages []Package) ([]Module, error) {
	modules := map[string]*Module{}
	seen := map[string]bool{}
	var problems []error
	for _, p := range packages {
		m := modules[p.Module]
		if m == nil {
			m = &Module{Path: p.Module, Version: p.Version}
			modules[p.Module] = m
		}
		for dir := p.Dir; !seen[dir]; dir = filepath.Dir(dir) {
			seen[dir] = true
			problems = append(problems, m.take(p.ModuleDir, dir))
			if dir == p.ModuleDir || len(dir) <= len(p.ModuleDir) {
				break
			}
		}
	}
	var all []Module
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		m := modules[path]
		if len(m.IDs) == 0 {
			problems = append(problems, fmt.Errorf("module %s@%s: no licence was found that may be in a release", m.Path, m.Version))
		}
		slices.Sort(m.IDs)
		m.IDs = slices.Compact(m.IDs)
		slices.SortFunc(m.Texts, func(a, b Text) int { return strings.Compare(a.Name, b.Name) })
		all = append(all, *m)
	}
	return all, errors.Join(problems...)
}

// take adds the texts of one folder of a module.
func (m *Module) take(root, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("module %s: %w", m.Path, err)
	}
	before := len(m.IDs)
	var problems []error
	for _, e := range entries {
		licence := names.MatchString(e.Name()) && !docs.MatchString(e.Name())
		if !e.Type().IsRegular() || strings.HasSuffix(e.Name(), ".go") || !licence && !notes.MatchString(e.Name()) {
			continue
		}
		problems = append(problems, m.add(root, filepath.Join(dir, e.Name()), licence))
	}
	if dir == root && len(m.IDs) == before && errors.Join(problems...) == nil {
		problems = append(problems, m.readme(root, entries))
	}
	return errors.Join(problems...)
}

func (m *Module) add(root, path string, licence bool) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("module %s: %w", m.Path, err)
	}
	name, err := filepath.Rel(root, path)
	if err != nil {
		return fmt.Errorf("module %s: %w", m.Path, err)
	}
	if licence {
		ids := Identify(string(content))
		if len(ids) == 0 {
			return fmt.Errorf("module %s@%s: %s is no licence that is known here; read it, and teach packaging/release/licence", m.Path, m.Version, filepath.ToSlash(name))
		}
		m.IDs = append(m.IDs, ids...)
	}
	m.Texts = append(m.Texts, Text{Name: filepath.ToSlash(name), Content: string(content)})
	return nil
}

// title is the line that a licence in a README begins with.
var title = regexp.MustCompile(`(?im)^[#* ]*(the )?(mit |isc |bsd )?licen[cs]e\b.*$`)

// readme takes the licence from the end of a module's README, where a few authors put it.
func (m *Module) readme(root string, entries []fs.DirEntry) error {
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(strings.ToLower(e.Name()), "readme") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, e.Name()))
		if err != nil {
			return fmt.Errorf("module %s: %w", m.Path, err)
		}
		if at := title.FindIndex(content); at != nil {
			content = content[at[0]:]
		}
		if ids := Identify(string(content)); len(ids) > 0 {
			m.IDs = append(m.IDs, ids...)
			m.Texts = append(m.Texts, Text{Name: e.Name(), Content: string(content)})
			return nil
		}
	}
	return nil
}
