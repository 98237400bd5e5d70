package config

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is something wrong in a configuration file, in one line.
type Problem struct {
	File string
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
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(oneLine(p.Text))
	return b.String()
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// report collects what is wrong.
type report struct {
	problems []error
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

func (r *report) err() error { return errors.Join(r.problems...) }
