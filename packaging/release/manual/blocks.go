package manual

import (
	"regexp"
	"strings"
)

// The headings that are looked for.
const (
	usageTitle   = "Usage"
	commandList  = "Available Commands"
	globalFlags  = "Global Flags"
	exampleTitle = "Examples"
)

// block is a part of a help text: what is below a heading, or what has none.
type block struct {
	title string
	lines []string
}

// blocks splits a help text. What is below a heading is indented.
func blocks(help string) []block {
	all := []block{{}}
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, " \n")
		last := &all[len(all)-1]
		title, heads := strings.CutSuffix(line, ":")
		switch {
		case strings.HasPrefix(line, `Use "`): // where there is more, which is all here
		case heads && heading.MatchString(title):
			all = append(all, block{title: title})
		case last.title != "" && line != "" && line[0] != ' ':
			all = append(all, block{lines: []string{line}})
		default:
			last.lines = append(last.lines, line)
		}
	}
	return all
}

var (
	heading = regexp.MustCompile(`^[A-Z][a-z]+( [A-Z][a-z]+)?$`)
	columns = regexp.MustCompile(`^ *(\S+(?: \S+)*) {2,}(\S.*)$`)
)

// pair takes a line of two columns apart.
func pair(line string) (left, right string, ok bool) {
	m := columns.FindStringSubmatch(line)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}
