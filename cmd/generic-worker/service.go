package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/service"
)

const (
	// serviceName is that of the public program's service, and serviceLog what its log is called. It
	// is beside the program.
	serviceName = "Generic Worker"
	serviceLog  = "generic-worker-service.log"
	// serviceEnds is how long the service may take to end: its tasks are aborted and say so.
	serviceEnds = 3 * time.Minute
)

// asService is run, where Windows' service manager has started the program: that ends it, and not
// signals, as a service hears of the end of anybody's session.
func asService(o options, stderr io.Writer, machine power) int {
	code, err := service.Run(serviceLog, func(ctx context.Context, s service.Surroundings) int {
		orders, done := ordered(ctx)
		defer done()
		o.orders, o.events = orders, s.Events
		return run(o, s.Output, s.Output, machine) //nolint:contextcheck // it ends in its own time, with the report of why
	})
	if err != nil {
		fmt.Fprintln(stderr, "generic-worker:", err)
		return exitInternal
	}
	return code
}

// order is an order of the system's to end: it takes the place of a signal, and is obeyed as SIGTERM.
type order struct{ cause error }

// Signal implements os.Signal.
func (order) Signal() {}

// String implements os.Signal.
func (o order) String() string { return o.cause.Error() }

// ordered gives an order when ctx ends, until done is called.
func ordered(ctx context.Context) (orders chan os.Signal, done func()) {
	orders = make(chan os.Signal, 1)
	stop := context.AfterFunc(ctx, func() { orders <- order{context.Cause(ctx)} })
	return orders, func() { stop() }
}

// installation is what "install service" was told.
type installation struct {
	name, config, pipe string
	withRunner         bool
}

// definition is the worker as a service. One that a runner starts does not start with the machine. It
// is never started again by the system: what the end of a worker means is for its runner to say.
func (i installation) definition(program, config string) service.Definition {
	d := service.Definition{
		Name: i.name, DisplayName: i.name, Description: "A task worker for Taskcluster",
		Program: program, Args: []string{"run", "--config", config}, AtBoot: !i.withRunner,
		PreShutdown: serviceEnds,
	}
	if i.withRunner {
		d.Args = append(d.Args, "--with-worker-runner", "--worker-runner-protocol-pipe", i.pipe)
	} else {
		d.DependsOn = []string{"Tcpip"}
	}
	return d
}

// installService is the command "install service".
func installService(open service.Opener, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) int {
	var i installation
	nssm := flags.String("nssm", "", "")
	flags.StringVar(&i.name, "service-name", serviceName, "")
	config := flags.String("config", defaultConfig, "")
	flags.BoolVar(&i.withRunner, "with-worker-runner", false, "")
	flags.StringVar(&i.pipe, "worker-runner-protocol-pipe", "", "")
	if !isService(args) || !parse(flags, args[1:], stderr) {
		return wrongService(args, stderr)
	}
	if i.withRunner != (i.pipe != "") {
		fmt.Fprintln(stderr, "generic-worker install service: --with-worker-runner and --worker-runner-protocol-pipe go together: a service has no standard input")
		return exitUsage
	}
	if *nssm != "" {
		fmt.Fprintln(stderr, "generic-worker install service: --nssm is not needed: the worker is a native service")
	}
	program, err := os.Executable()
	if err == nil {
		i.config, err = filepath.Abs(*config) // the service runs in its program's folder
	}
	if err == nil {
		err = open.InstallCommand(i.definition(program, i.config), stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "generic-worker install service:", err)
		return exitService
	}
	return 0
}

// uninstallService is the command "uninstall service", or "remove service".
func uninstallService(open service.Opener, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) int {
	name := flags.String("service-name", serviceName, "")
	if !isService(args) || !parse(flags, args[1:], stderr) {
		return wrongService(args, stderr)
	}
	if err := open.UninstallCommand(context.Background(), *name, serviceEnds, stdout); err != nil {
		fmt.Fprintln(stderr, "generic-worker uninstall service:", err)
		return exitService
	}
	return 0
}

func isService(args []string) bool { return len(args) > 0 && args[0] == "service" }

// wrongService says how the commands are used, unless the flags have done so.
func wrongService(args []string, stderr io.Writer) int {
	if !isService(args) {
		fmt.Fprint(stderr, usage)
	}
	return exitUsage
}
