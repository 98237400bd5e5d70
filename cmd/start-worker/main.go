// Command start-worker turns the machine that it runs on into a Taskcluster worker.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/hostfacts"
	"github.com/workerkit/workerkit/internal/layout"
	"github.com/workerkit/workerkit/internal/nearest"
	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
)

func main() { os.Exit(run(thisHost(), os.Args[1:], os.Stdout, os.Stderr)) }

// host is the machine that the program runs on.
type host struct {
	facts  func() providers.Facts
	places config.Options // the default places alone

	installed installed
	services  service.Opener // nil for the real ones
}

func thisHost() host {
	return host{facts: facts, places: config.Options{
		ProviderFile: layout.ProviderFile(), StateFile: layout.StateFile(),
		HoldFile: layout.HoldFile(), ControlSocket: layout.ControlSocket(),
	}, installed: thisInstallation()}
}

// program is what all commands share.
type program struct {
	host           host
	stdout, stderr io.Writer
	events         slog.Handler // the event log of a Windows service; else nil
}

// command is one command; it returns the exit code.
type command struct {
	name, arguments, summary string

	run func(p program, ctx context.Context, args []string) int
}

func commands() []command {
	return []command{
		{"check", "[--json] [--over] [--back] [--all] [--worker-config FILE] [--dir DIR] [CONFIG]", "says all that is wrong with a config; with --over or --back, what a move from or to the public programs means; registers nothing", program.check},
		{"doctor", "[--json] [CONFIG]", "looks at the machine, its network and its programs, and says what to do", program.doctor},
		{"print-config", "[--json] CONFIG", "shows the config that counts, and where each key comes from", program.printConfig},
		{"status", "[--json] [--socket PATH] [CONFIG]", "says how the start-worker that runs here is", program.status},
		{"drain", "[--now] [--socket PATH] [CONFIG]", "lets its worker finish its tasks and end; with --now, end at once", program.drain},
		{"install", "service [--service-name NAME] [CONFIG]", "makes it a Windows service that starts with the machine; CONFIG is " + serviceConfig + " when not given", program.install},
		{"uninstall", "service [--service-name NAME]", "stops and removes the Windows service", program.uninstall},
	}
}

// run is main without the process: it returns the exit code.
func run(h host, args []string, stdout, stderr io.Writer) int {
	p := program{host: h, stdout: stdout, stderr: stderr}
	if len(args) == 0 || args[0] == "" {
		writeHelp(stderr)
		return 1
	}
	switch args[0] {
	case "--version":
		fmt.Fprintln(stdout, "start-worker "+version.String())
		return 0
	case "--short-version":
		fmt.Fprintln(stdout, version.String())
		return 0
	case "--help", "-h", "help":
		writeHelp(stdout)
		return 0
	}
	all := commands()
	if i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] }); i >= 0 {
		return all[i].run(p, context.Background(), args[1:])
	}
	switch {
	case slices.Contains(args, "--help") || slices.Contains(args, "-h"):
		writeHelp(stdout)
		return 0
	case args[0][0] == '-':
		return p.misused("", "there is no option "+args[0])
	case len(args) > 1 || misspelt(args[0]):
		return p.misused("", unknownCommand(args[0]))
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

// arguments reads the flags of a command, wherever they stand, and at most one more argument.
// Unless ok the program ends with code.
func (p program) arguments(flags *flag.FlagSet, args []string) (path string, code int, ok bool) {
	flags.SetOutput(io.Discard)
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				writeHelpOf(p.stdout, flags)
				return "", 0, false
			}
			return "", p.misused(flags.Name(), wrongFlag(flags, err)), false
		}
		if flags.NArg() == 0 {
			return path, 0, true
		}
		if path != "" {
			return "", p.misused(flags.Name(), "there is one CONFIG, not "+path+" and "+flags.Arg(0)), false
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
	o.Kinds, o.Facts, o.Probe, o.Getenv, o.Service = kinds(), p.host.facts, probe, os.Getenv, serviceCommand()
	o.Host = config.Host{Name: os.Hostname, Serial: hostfacts.Serial, MAC: hostfacts.MAC}
	return o
}

// oneLine joins the lines of a text.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
