package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/policy"
)

const (
	// serviceName and serviceConfig are those of the public program's installation on Windows.
	serviceName   = "worker-runner"
	serviceConfig = `C:\worker-runner\runner.yml`
	// serviceLog is beside the program.
	serviceLog = "start-worker-service.log"
	// serviceEnds is how long the service may take to end: its worker has a minute, and then the
	// machine is released.
	serviceEnds = 4 * time.Minute
)

// asService is start, where Windows' service manager has started the program.
func (p program) asService(path string) int {
	code, err := service.Run(serviceLog, func(ctx context.Context, s service.Surroundings) int {
		p.stdout, p.stderr, p.events = s.Output, s.Output, s.Events
		return p.live(ctx, path)
	})
	if err != nil {
		return p.failed(err)
	}
	return code
}

// runnerService is start-worker as a service. After a crash it is started again as often as the
// policy has it start a worker; where it has ended by itself, it has done as its policy says.
func runnerService(name, program, path string) service.Definition {
	crashed := policy.Defaults(policy.Place{})[policy.Crashed]
	d := service.Definition{
		Name: name, DisplayName: "Taskcluster worker runner (" + name + ")",
		Description: "Registers this machine with Taskcluster, and starts and looks after its worker.",
		Program:     program, Args: []string{path}, AtBoot: true, DependsOn: []string{"Tcpip"},
		ResetAfter: crashed.Within, PreShutdown: serviceEnds,
	}
	for i := range crashed.Restarts {
		d.Restarts = append(d.Restarts, crashed.BackOff<<i)
	}
	return d
}

// serviceArguments reads "service [--service-name NAME]" and, when takesPath, a config.
func (p program) serviceArguments(verb string, args []string, takesPath bool) (name, path string, code int, ok bool) {
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.StringVar(&name, "service-name", serviceName, "the `NAME` of the service")
	named := len(args) > 0 && args[0] == "service"
	if named {
		args = args[1:]
	}
	path, code, ok = p.arguments(flags, args)
	switch {
	case !ok:
		return "", "", code, false
	case !named:
		return "", "", p.misused(verb, "what there is to "+verb+" is a service: start-worker "+verb+" service"), false
	case path != "" && !takesPath:
		return "", "", p.misused(verb, "the service is named by --service-name, not by "+path), false
	}
	return name, path, 0, true
}

// install registers start-worker as a Windows service.
func (p program) install(_ context.Context, args []string) int {
	name, path, code, ok := p.serviceArguments("install", args, true)
	if !ok {
		return code
	}
	if path == "" {
		path = serviceConfig
	} else if absolute, err := filepath.Abs(path); err == nil {
		path = absolute // the service runs in another folder
	}
	self, err := os.Executable()
	if err == nil {
		err = p.services().InstallCommand(runnerService(name, self, path), p.stdout)
	}
	if err != nil {
		return p.failed(err)
	}
	if _, err := os.Stat(path); err != nil {
		fmt.Fprintf(p.stderr, "warning: before it starts it needs its config: %v\n", err)
	}
	return 0
}

// uninstall removes the service.
func (p program) uninstall(ctx context.Context, args []string) int {
	name, _, code, ok := p.serviceArguments("uninstall", args, false)
	if !ok {
		return code
	}
	if err := p.services().UninstallCommand(ctx, name, serviceEnds, p.stdout); err != nil {
		return p.failed(err)
	}
	return 0
}

// services opens the machine's manager of services.
func (p program) services() service.Opener {
	if p.host.services == nil {
		return service.Open
	}
	return p.host.services
}

// workerServices are what a worker that is a service needs.
func workerServices(c config.Config) (launch.System, func(), error) {
	if c.Worker.Service == "" {
		return nil, func() {}, nil
	}
	return launch.Services()
}
