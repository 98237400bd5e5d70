package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// damage is where a provider file could not be parsed. The parser goes on behind it, so that the
// rest of the file can be checked.
type damage struct {
	text  []string     // the file, line by line
	lines map[int]bool // that were not understood, from 1
}

func damageOf(data []byte, diags hcl.Diagnostics) *damage {
	d := &damage{strings.Split(string(data), "\n"), map[int]bool{}}
	for _, one := range diags {
		if one.Severity == hcl.DiagError && one.Subject != nil {
			d.lines[one.Subject.Start.Line] = true
		}
	}
	return d
}

// first drops what only follows from another complaint: a further one of the same line, and the
// ends of lines behind a quote that is not closed.
func (d *damage) first(diags hcl.Diagnostics) (kept hcl.Diagnostics) {
	const runaway = "Invalid multi-line string"
	seen := map[int]bool{}
	running := false
	for _, one := range diags {
		if one.Subject == nil {
			kept = append(kept, one)
			continue
		}
		line := one.Subject.Start.Line
		if !seen[line] && (!running || one.Summary != runaway) {
			kept = append(kept, one)
		}
		seen[line] = true
		running = running || one.Summary == runaway
	}
	return kept
}

// hits tells whether one of the lines was not understood.
func (d *damage) hits(from, to int) bool {
	for line := from; line <= to; line++ {
		if d.lines[line] {
			return true
		}
	}
	return false
}

// swallow takes lines as not understood: they went into a key that is broken.
func (d *damage) swallow(from, to int) {
	for line := from; line <= to; line++ {
		d.lines[line] = true
	}
}

// mark makes the keys that begin those lines broken, so that none of them counts as missing, and
// none as unknown: it may be no key at all.
func (d *damage) mark(b *block, lines map[string]int) {
	key := regexp.MustCompile(`^\s*([a-z][a-z0-9_]*)\s*[=:"{]`)
	for _, line := range slices.Sorted(maps.Keys(d.lines)) {
		if line > len(d.text) {
			continue
		}
		found := key.FindStringSubmatch(d.text[line-1])
		if found == nil || found[1] == "provider" {
			continue
		}
		if _, known := b.values[found[1]]; !known {
			b.values[found[1]], b.used[found[1]], lines[found[1]] = broken{}, true, line
		}
	}
}

// nearestLine is the line of the key, or of the block: a key inside a map has its attribute's.
func nearestLine(lines map[string]int, key string) int {
	key, _, _ = strings.Cut(key, ".")
	if line, ok := lines[key]; ok {
		return line
	}
	return lines[""]
}
