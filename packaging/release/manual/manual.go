// Package manual makes manual pages of what programs say of themselves with --help, so that there is nothing
// to keep true by hand. The bytes of a page depend on that text, the version and the time alone.
package manual

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Section is the one that all pages are in.
const Section = "1"

// Text is what a command says of itself.
type Text struct {
	Command string // as it is typed
	Help    string
	Below   []Text // its commands
}

// Ask asks a program, and each of its commands that it lists as cobra does. run runs the program and returns its
// standard output.
func Ask(ctx context.Context, run func(ctx context.Context, args ...string) ([]byte, error), name string, commands ...string) (Text, error) {
	out, err := run(ctx, append(commands, "--help")...)
	if err != nil {
		return Text{}, fmt.Errorf("%s %s: %w", name, strings.Join(commands, " "), err)
	}
	t := Text{Command: strings.Join(append([]string{name}, commands...), " "), Help: string(out)}
	for _, b := range blocks(t.Help) {
		if b.title != commandList {
			continue
		}
		for _, line := range b.lines {
			command, _, ok := pair(line)
			if !ok || command == "help" || command == "completion" { // which say nothing of the program
				continue
			}
			below, err := Ask(ctx, run, name, append(slices.Clip(commands), command)...)
			if err != nil {
				return Text{}, err
			}
			t.Below = append(t.Below, below)
		}
	}
	return t, nil
}

// About is what a page says besides.
type About struct {
	Does    string // what the program does, a short phrase
	Version string
	When    time.Time
	Others  []string // the programs that have pages too
	// Reference is the program's page of the reference, in Markdown: its exit codes are taken from there.
	Reference string
}

// Page is a manual page.
func Page(t Text, a About) []byte {
	var p page
	p.macro("TH", strings.ToUpper(t.Command), Section, a.When.UTC().Format(time.DateOnly), "workerkit "+a.Version, "Taskcluster's worker programs")
	p.macro("SH", "NAME")
	p.text(t.Command + " - " + a.Does)
	all := blocks(t.Help)
	p.usage(all)
	p.macro("SH", "DESCRIPTION")
	p.described(all)
	if len(t.Below) > 0 {
		p.macro("SH", "COMMANDS")
		p.below(t.Below)
	}
	p.exits(a.Reference)
	p.macro("SH", "SEE ALSO")
	var pages []string
	for _, name := range a.Others {
		if name != t.Command {
			pages = append(pages, name+"("+Section+")")
		}
	}
	p.text(strings.Join(pages, ", "))
	return p.Bytes()
}

// Compress makes what is installed in a package of Linux.
func Compress(page []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = io.Copy(w, bytes.NewReader(page))
	}
	if err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}
