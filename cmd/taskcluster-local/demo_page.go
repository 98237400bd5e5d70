package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/workerkit/workerkit/local/session"
)

// margin is left of what a program wrote.
const margin = "      | "

// say begins a part of the demo.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "\n%5.1fs %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// detail says more about the part.
func (d *demo) detail(format string, args ...any) {
	fmt.Fprintf(d.out, "       %s\n", fmt.Sprintf(format, args...))
}

// show prints files of the machine, with the session's own folder cut short.
func (d *demo) show(machine *session.Machine, names ...string) error {
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(machine.Dir, name))
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		d.detail("%s:", name)
		for line := range strings.Lines(strings.ReplaceAll(string(data), d.session.Dir, "DIR")) {
			fmt.Fprint(d.out, margin, strings.TrimSuffix(line, "\n"), "\n")
		}
	}
	return nil
}

// logPage prints a task's log with a margin, and the long header with the worker's settings
// as one line.
type logPage struct {
	out      io.Writer
	line     []byte
	settings int // lines of the header that were left out
}

// Write implements io.Writer; only whole lines are printed.
func (p *logPage) Write(data []byte) (int, error) {
	p.line = append(p.line, data...)
	for {
		line, rest, whole := bytes.Cut(p.line, []byte("\n"))
		if !whole {
			return len(data), nil
		}
		if err := p.print(string(line)); err != nil {
			return 0, err
		}
		p.line = append(p.line[:0], rest...)
	}
}

func (p *logPage) print(line string) error {
	switch {
	case strings.HasPrefix(line, "[taskcluster ") && strings.Contains(line, "] Worker Type ("), p.settings > 0 && !strings.Contains(line, "] Task ID: "):
		p.settings++
		return nil
	case p.settings > 0:
		line = fmt.Sprintf("(%d lines with the worker's settings)\n%s%s", p.settings, margin, line)
		p.settings = 0
	}
	_, err := fmt.Fprint(p.out, margin, line, "\n")
	return err
}

// end prints what came without a newline.
func (p *logPage) end() {
	if len(p.line) > 0 {
		fmt.Fprint(p.out, margin, string(p.line), "\n")
	}
}

// row is one task of the summary.
type row struct {
	task  demoTask
	got   seen
	wrong []string
}

// summary prints the table; the error says which tasks are not as they should be.
func (d *demo) summary(rows []row) error {
	d.say("Summary")
	table := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "       task\truns ended\ttime\tas expected")
	var errs []error
	for _, r := range rows {
		verdict := "yes"
		if len(r.wrong) > 0 {
			verdict = "NO: " + strings.Join(r.wrong, "; ")
			errs = append(errs, fmt.Errorf("demo: task %s: %s", r.task.name, strings.Join(r.wrong, "; ")))
		}
		fmt.Fprintf(table, "       %s\t%s\t%.1f s\t%s\n", r.task.name, r.got.result(), r.got.took.Seconds(), verdict)
	}
	return errors.Join(append(errs, table.Flush())...)
}
