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
	warnings []*Problem
}

func (r *report) add(p *Problem) { r.problems = append(r.problems, p) }

func (r *report) warn(p *Problem) { r.warnings = append(r.warnings, p) }

// note adds a warning unless it is empty.
func (r *report) note(text string) {
	if text != "" {
		r.warn(&Problem{Text: text})
	}
}

// warned are the warnings, by file and line.
func (r *report) warned() (all []string) {
	for _, p := range inOrder(r.warnings) {
		all = append(all, p.Error())
	}
	return all
}

// err joins all problems, by file and line.
func (r *report) err() error {
	var all []error
	for _, p := range inOrder(r.problems) {
		all = append(all, p)
	}
	return errors.Join(all...)
}

func inOrder(all []*Problem) []*Problem {
	return slices.SortedStableFunc(slices.Values(all), func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}
