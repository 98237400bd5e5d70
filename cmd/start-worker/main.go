// Command start-worker turns the machine that it runs on into a Taskcluster worker.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/hostfacts"
	"github.com/workerkit/workerkit/internal/layout"
	"github.com/workerkit/workerkit/internal/nearest"
	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
)

const usage = `Usage:
  start-worker CONFIG
  start-worker check CONFIG
  start-worker doctor [--json] [CONFIG]
  start-worker print-config [--json] CONFIG
  start-worker status [--json] [--socket PATH] [CONFIG]
  start-worker drain [--now] [--socket PATH] [CONFIG]
  start-worker --version | --short-version | --help

start-worker finds out who this machine is, registers it with worker-manager, and
starts and looks after the worker that the runner config CONFIG (YAML) names.
Logs go to standard error.

check         says all that is wrong with a config; registers nothing
doctor        looks at the machine, its network and its programs, and says what to do
print-config  shows the config that counts, and where each key comes from
status        says how the start-worker that runs here is
drain         lets its worker finish its tasks and end; with --now, end at once
A config that has the name of a command is reached as ./check.
`

func main() { os.Exit(run(thisHost(), os.Args[1:], os.Stdout, os.Stderr)) }

// host is the machine that the program runs on.
type host struct {
	facts  func() providers.Facts
	places config.Options // the default places alone
}

func thisHost() host {
	return host{facts: facts, places: config.Options{
		ProviderFile: layout.ProviderFile(), StateFile: layout.StateFile(),
		HoldFile: layout.HoldFile(), ControlSocket: layout.ControlSocket(),
	}}
}

// program is what all commands share.
type program struct {
	host           host
	stdout, stderr io.Writer
}

// command is one command; it returns the exit code.
type command struct {
	name string
	run  func(p program, ctx context.Context, args []string) int
}

func commands() []command {
	return []command{
		{"check", program.check}, {"doctor", program.doctor}, {"print-config", program.printConfig},
		{"status", program.status}, {"drain", program.drain},
	}
}

// run is main without the process: it returns the exit code.
func run(h host, args []string, stdout, stderr io.Writer) int {
	p := program{h, stdout, stderr}
	if len(args) == 0 || args[0] == "" {
		return p.misused("")
	}
	switch args[0] {
	case "--version":
		fmt.Fprintln(stdout, "start-worker "+version.String())
		return 0
	case "--short-version":
		fmt.Fprintln(stdout, version.String())
		return 0
	case "--help", "-h", "help":
		fmt.Fprint(stdout, usage)
		return 0
	}
	all := commands()
	if i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] }); i >= 0 {
		return all[i].run(p, context.Background(), args[1:])
	}
	switch {
	case args[0][0] == '-':
		return p.misused("there is no option " + args[0])
	case len(args) > 1:
		return p.misused(unknownCommand(args[0]))
	case misspelt(args[0]):
		return p.misused(unknownCommand(args[0]))
	}
	return p.start(args[0])
}

// misspelt tells whether a word is rather a command than a config. A cloud's machine whose config
// is not there is switched off: that must not come of a slip of the finger.
func misspelt(word string) bool {
	_, near := nearest.Name(word, names())
	_, err := os.Lstat(word)
	return near && errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(word, `./\`)
}

// names are those of the commands.
func names() (all []string) {
	for _, c := range commands() {
		all = append(all, c.name)
	}
	return all
}

func unknownCommand(name string) string {
	text := "there is no command " + name
	if near, ok := nearest.Name(name, names()); ok {
		text += "; did you mean " + near + "?"
	}
	return text
}

// misused says how the program is used.
func (p program) misused(why string) int {
	if why != "" {
		fmt.Fprintf(p.stderr, "start-worker: %s\n", why)
	}
	fmt.Fprint(p.stderr, usage)
	return 1
}

// arguments reads the flags of a command, wherever they stand, and at most one more argument.
// Unless ok the program ends with code.
func (p program) arguments(flags *flag.FlagSet, args []string) (path string, code int, ok bool) {
	flags.SetOutput(io.Discard)
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				fmt.Fprint(p.stdout, usage)
				return "", 0, false
			}
			return "", p.misused(flags.Name() + ": " + err.Error()), false
		}
		if flags.NArg() == 0 {
			return path, 0, true
		}
		if path != "" {
			return "", p.misused(flags.Name() + ": there is one CONFIG, not " + path + " and " + flags.Arg(0)), false
		}
		path, args = flags.Arg(0), flags.Args()[1:]
	}
}

// each takes joined errors apart, so that each gets a line.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only the outermost
		return joined.Unwrap()
	}
	return []error{err}
}

// options are how configs are read on this machine.
func (p program) options(probe providers.Deps) config.Options {
	o := p.host.places
	o.Kinds, o.Facts, o.Probe, o.Getenv = kinds(), p.host.facts, probe, os.Getenv
	o.Host = config.Host{Name: os.Hostname, Serial: hostfacts.Serial, MAC: hostfacts.MAC}
	return o
}

// oneLine joins the lines of a text.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
