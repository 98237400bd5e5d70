package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is something wrong in a configuration file, in one line.
type Problem struct {
	File string // "" when it is in none
	Line int    // 0 when there is none
	Key  string // with its parents: provider.workerID; "" for the file as a whole
	Text string // what is wrong and how to put it right
}

// Error implements error.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.File != "" {
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(oneLine(p.Text))
	return b.String()
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// report collects what is wrong.
type report struct {
	problems []*Problem
	warnings []string
}

func (r *report) add(p *Problem) { r.problems = append(r.problems, p) }

func (r *report) warn(p *Problem) { r.warnings = append(r.warnings, p.Error()) }

// note adds a warning unless it is empty.
func (r *report) note(text string) {
	if text != "" {
		r.warnings = append(r.warnings, text)
	}
}

// err joins all problems, by file and line.
func (r *report) err() error {
	sorted := slices.Clone(r.problems)
	slices.SortStableFunc(sorted, func(a, b *Problem) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	var all []error
	for _, p := range sorted {
		all = append(all, p)
	}
	return errors.Join(all...)
}
