package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/nearest"
)

const about = `  start-worker --version | --short-version | --help

start-worker finds out who this machine is, registers it with worker-manager, and
starts and looks after the worker that the runner config CONFIG (YAML) names.
Logs go to standard error.

`

// writeHelp says how the program is used.
func writeHelp(w io.Writer) {
	fmt.Fprint(w, "Usage:\n  start-worker CONFIG\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  start-worker %s %s\n", c.name, c.arguments)
	}
	fmt.Fprint(w, about)
	for _, c := range commands() {
		fmt.Fprintf(w, "%-13s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "A config that has the name of a command is reached as ./check.\n")
}

// writeHelpOf says how one command is used.
func writeHelpOf(w io.Writer, flags *flag.FlagSet) {
	all := commands()
	if i := slices.IndexFunc(all, func(c command) bool { return c.name == flags.Name() }); i >= 0 {
		fmt.Fprintf(w, "Usage: start-worker %s %s\n\n%s %s.\n", all[i].name, all[i].arguments, all[i].name, all[i].summary)
	}
	flags.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  %-14s %s\n", strings.TrimSpace("--"+f.Name+" "+value), text)
	})
}

// misused says what is wrong with the command line; of which command, "" when of none.
func (p program) misused(of, why string) int {
	if of != "" {
		why = of + ": " + why
		of += " "
	}
	fmt.Fprintf(p.stderr, "start-worker: %s\nsee start-worker %s--help\n", why, of)
	return 1
}

// wrongFlag says what is wrong with a flag, in the form in which it is written.
func wrongFlag(flags *flag.FlagSet, err error) string {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return err.Error()
	}
	var known []string
	flags.VisitAll(func(f *flag.Flag) { known = append(known, f.Name) })
	text := "there is no option --" + name
	if near, ok := nearest.Name(name, known); ok {
		text += "; did you mean --" + near + "?"
	}
	return text
}
