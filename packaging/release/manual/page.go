package manual

import (
	"bytes"
	"fmt"
	"strings"
)

// page is written in the macros man(7).
type page struct{ bytes.Buffer }

// macro writes a line that is a macro with its arguments.
func (p *page) macro(name string, args ...string) {
	p.WriteString("." + name)
	for _, arg := range args {
		p.WriteString(` "` + strings.ReplaceAll(escape(arg), `"`, `\(dq`) + `"`)
	}
	p.WriteString("\n")
}

// text writes a line of text.
func (p *page) text(line string) {
	line = escape(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") { // else it would be a macro
		line = `\&` + line
	}
	p.WriteString(line + "\n")
}

// as writes lines as they are.
func (p *page) as(lines []string) {
	p.macro("nf")
	for _, line := range lines {
		p.text(strings.TrimPrefix(line, "  "))
	}
	p.macro("fi")
}

// escape makes text safe for roff, and minus signs such that they can be copied.
func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r > 126:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// usage writes how a command is called.
func (p *page) usage(all []block) {
	for _, b := range all {
		if b.title == usageTitle {
			p.macro("SH", "SYNOPSIS")
			p.as(trimmed(b.lines))
		}
	}
}

// described writes all else that a command says of itself.
func (p *page) described(all []block) {
	for _, b := range all {
		lines := trimmed(b.lines)
		switch {
		case len(lines) == 0 || b.title == usageTitle || b.title == commandList || b.title == globalFlags:
		case b.title == exampleTitle:
			p.macro("PP")
			p.text(b.title + ":")
			p.macro("RS")
			p.as(lines)
			p.macro("RE")
		default:
			if b.title != "" {
				p.macro("PP")
				p.text(b.title + ":")
			}
			p.flowing(lines)
		}
	}
}

// flowing writes paragraphs and lists of two columns.
func (p *page) flowing(lines []string) {
	listed := false
	for _, line := range lines {
		left, right, ok := pair(line)
		switch {
		case ok:
			p.macro("TP")
			p.macro("B", left)
			p.text(right)
		case strings.TrimSpace(line) == "":
			p.macro("PP")
		default:
			if listed {
				p.macro("PP")
			}
			p.text(strings.TrimSpace(line))
		}
		listed = ok
	}
}

// below writes the commands of a command, with theirs.
func (p *page) below(commands []Text) {
	for _, c := range commands {
		p.macro("SS", c.Command)
		all := blocks(c.Help)
		for _, b := range all {
			if b.title == usageTitle {
				p.as(trimmed(b.lines))
				p.macro("PP")
			}
		}
		p.described(all)
		p.below(c.Below)
	}
}

// trimmed leaves empty lines at the ends out.
func trimmed(lines []string) []string {
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
