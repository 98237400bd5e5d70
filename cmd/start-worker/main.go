// Command start-worker turns the machine that it runs on into a Taskcluster worker.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"time"

	"github.com/workerkit/workerkit/internal/hostfacts"
	"github.com/workerkit/workerkit/internal/layout"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/runner"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/textlog"
)

const usage = `Usage:
  start-worker CONFIG
  start-worker --version | --short-version | --help

start-worker finds out who this machine is, registers it with worker-manager, and
starts and looks after the worker that the runner config CONFIG (YAML) names.
Logs go to standard error.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process: it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 || args[0] == "" {
		fmt.Fprint(stderr, usage)
		return 1
	}
	switch args[0] {
	case "--version":
		fmt.Fprintln(stdout, "start-worker "+version.String())
		return 0
	case "--short-version":
		fmt.Fprintln(stdout, version.String())
		return 0
	case "--help", "-h":
		fmt.Fprint(stdout, usage)
		return 0
	}
	if args[0][0] == '-' {
		fmt.Fprintf(stderr, "start-worker: there is no option %s\n%s", args[0], usage)
		return 1
	}
	return start(args[0], slog.New(textlog.New(stderr)), stdout, stderr)
}

func start(path string, log *slog.Logger, stdout, stderr io.Writer) int {
	// The runner waits nearly always: little memory matters more than a few collections.
	debug.SetGCPercent(50)
	if err := launch.Protect(os.Getpid()); err != nil {
		log.Warn("this program is not protected from the out-of-memory killer", "error", err)
	}
	// A second signal ends the program at once: stop gives signals their usual effect back.
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	defer stop()
	context.AfterFunc(ctx, stop)

	c, warnings, err := config.Load(path, options())
	for _, w := range warnings {
		log.Warn("config", "warning", w)
	}
	if err != nil {
		for _, problem := range each(err) {
			log.Error("config", "problem", problem)
		}
		return 1
	}
	if err := runner.Run(ctx, c, deps(log, stdout, stderr)); err != nil {
		log.Error("start-worker ends", "error", err)
		return 1
	}
	return 0
}

// each takes joined errors apart, so that each gets a line.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only the outermost
		return joined.Unwrap()
	}
	return []error{err}
}

func options() config.Options {
	return config.Options{
		Kinds:        kinds(),
		Facts:        facts,
		Host:         config.Host{Name: os.Hostname, Serial: hostfacts.Serial, MAC: hostfacts.MAC},
		ProviderFile: layout.ProviderFile(),
		StateFile:    layout.StateFile(),
	}
}

func deps(log *slog.Logger, stdout, stderr io.Writer) runner.Deps {
	return runner.Deps{
		Log:      log,
		HTTP:     tc.NewHTTP(),
		Stdout:   stdout,
		Stderr:   stderr,
		BootTime: hostfacts.BootTime,
		PowerOff: powerOff,
		Patience: 15 * time.Minute,
		Fallback: time.Minute,
		Grace:    time.Minute,
	}
}
