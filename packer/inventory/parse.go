package inventory

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// What Parse takes at most: an inventory comes from a machine, which may be out of its mind.
const (
	maxBytes = 32 << 20
	maxLine  = 64 << 10
)

// Parse reads what the scripts inventory.sh and inventory.ps1 print. It is strict, so that half
// an inventory is not taken for all of it. Errors have the number of the line.
func Parse(r io.Reader) (Inventory, error) {
	limited := &io.LimitedReader{R: r, N: maxBytes + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxLine)
	p := parser{sections: sections(), seen: map[string]bool{}}
	for lines.Scan() {
		p.number++
		if limited.N == 0 {
			return Inventory{}, fmt.Errorf("inventory: line %d: there are more than %d MiB", p.number, maxBytes>>20)
		}
		if err := p.line(strings.TrimSuffix(lines.Text(), "\r")); err != nil {
			return Inventory{}, fmt.Errorf("inventory: line %d: %w", p.number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return Inventory{}, fmt.Errorf("inventory: line %d: %w", p.number+1, err)
	}
	if err := p.complete(); err != nil {
		return Inventory{}, fmt.Errorf("inventory: %w", err)
	}
	p.inventory.sort()
	return p.inventory, nil
}

// parser is what is known before a line.
type parser struct {
	sections  []section
	inventory Inventory
	number    int
	section   string
	seen      map[string]bool // sections, and what may be there once in each
}

const end = "end"

func (p *parser) line(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("that is not UTF-8")
	}
	if p.section == end {
		return errors.New("there is something after [end]")
	}
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") && !strings.Contains(text, "\t") {
		return p.enter(text[1 : len(text)-1])
	}
	s, ok := p.known(p.section)
	if !ok {
		return errors.New("a section, such as [packages], must come first")
	}
	columns := strings.Split(text, "\t")
	if len(columns) != s.columns {
		return fmt.Errorf("[%s] has %d columns, and this line %d", s.name, s.columns, len(columns))
	}
	if columns[0] == "" {
		return fmt.Errorf("[%s]: the first column is empty", s.name)
	}
	key := s.name + "\t" + strings.Join(columns[:s.unique], "\t")
	if p.seen[key] {
		return fmt.Errorf("[%s] has %s twice", s.name, columns[0])
	}
	p.seen[key] = true
	if err := s.add(&p.inventory, columns); err != nil {
		return fmt.Errorf("[%s]: %s: %w", s.name, columns[0], err)
	}
	return nil
}

func (p *parser) enter(name string) error {
	if _, ok := p.known(name); !ok && name != end {
		return fmt.Errorf("there is no section [%s]", name)
	}
	if p.seen[name] {
		return fmt.Errorf("the section [%s] is there twice", name)
	}
	p.seen[name], p.section = true, name
	return nil
}

func (p *parser) known(name string) (section, bool) {
	for _, s := range p.sections {
		if s.name == name {
			return s, true
		}
	}
	return section{}, false
}

func (p *parser) complete() error {
	if p.section != end {
		return errors.New("[end] is missing: this is not all of it")
	}
	for _, s := range p.sections {
		if !p.seen[s.name] {
			return fmt.Errorf("the section [%s] is missing", s.name)
		}
	}
	if p.inventory.System == "" || p.inventory.Taken.IsZero() {
		return errors.New("[system] does not have both name and taken")
	}
	return nil
}

// sort makes the same content the same text. Tests stay in the order in which they ran.
func (i *Inventory) sort() {
	slices.SortFunc(i.Packages, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Version, b.Version))
	})
	slices.SortFunc(i.Services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(i.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
}

// Program returns the file of a program that worker-images has installed, such as start-worker,
// and false when there is none.
func (i Inventory) Program(name string) (File, bool) {
	for _, f := range i.Files {
		base := path.Base(strings.ReplaceAll(f.Path, `\`, "/"))
		if base == name || base == name+".exe" {
			return f, true
		}
	}
	return File{}, false
}
