package define

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Error is all that is wrong with the definitions of a folder.
type Error struct {
	// Problems in the order of files and lines, those without a place first.
	Problems hcl.Diagnostics

	files map[string]*hcl.File
}

// Error shows each problem with file, line and column, and the line that it is about.
func (e *Error) Error() string {
	var all []string
	for _, p := range e.Problems {
		text := p.Summary + "."
		if p.Detail != "" {
			text += " " + p.Detail
		}
		if p.Subject == nil {
			all = append(all, text)
			continue
		}
		at := p.Subject
		text = fmt.Sprintf("%s:%d:%d: %s", at.Filename, at.Start.Line, at.Start.Column, text)
		if file := e.files[at.Filename]; file != nil && p.Extra != hidden {
			text += snippet(file.Bytes, *at)
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n")
}

// maxLine is how many characters of a line are shown.
const maxLine = 160

// snippet shows the first line of a range, with a mark under what is meant.
func snippet(data []byte, at hcl.Range) string {
	lines := bytes.Split(data, []byte("\n"))
	if at.Start.Line < 1 || at.Start.Line > len(lines) {
		return ""
	}
	line := strings.TrimRight(string(lines[at.Start.Line-1]), "\r")
	runes := []rune(line)
	from := min(max(at.Start.Column-1, 0), len(runes))
	to := len(runes)
	if at.End.Line == at.Start.Line {
		to = min(max(at.End.Column-1, from), len(runes))
	}
	if len(runes) > maxLine { // what is around the start of the range
		first := max(0, from-maxLine/2)
		last := min(len(runes), first+maxLine)
		runes, from, to = runes[first:last], from-first, min(to, last)-first
		line = string(runes)
	}
	// A tab stays one, so that the mark is under its text however wide a tab is.
	blank := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(runes[:from]))
	return fmt.Sprintf("\n%5d | %s\n      | %s%s", at.Start.Line, line, blank, strings.Repeat("^", max(to-from, 1)))
}

// mark is what a problem says beyond its text.
type mark int

// hidden means that the line of a problem may hold a secret and is not shown.
const hidden mark = 1

// clean takes from a problem what must not be shown: the values of variables, and what is written
// in a call of secret.
func clean(p *hcl.Diagnostic) {
	if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](p); ok && call.CalledFunctionName() == secretFunction {
		p.Extra = hidden
	}
	p.Expression, p.EvalContext = nil, nil
}
