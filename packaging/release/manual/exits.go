package manual

import (
	"regexp"
	"strings"
)

var (
	exitRow  = regexp.MustCompile(`^\| *([0-9][0-9–, ]*?) *\| *(.*?) *\|$`)
	markdown = regexp.MustCompile("\\[([^]]*)\\]\\([^)]*\\)|`")
)

// exits writes the exit codes of a page of the reference, which are its tables with numbers in the first column.
func (p *page) exits(reference string) {
	begun := false
	for line := range strings.Lines(reference) {
		m := exitRow.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		if !begun {
			p.macro("SH", "EXIT STATUS")
			begun = true
		}
		p.macro("TP")
		p.macro("B", m[1])
		p.text(markdown.ReplaceAllString(m[2], "$1"))
	}
}
