package config

import (
	"errors"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/service"
)

const (
	// pipeFolder is where Windows has its named pipes.
	pipeFolder = `\\.\pipe\`
	// defaultPipe is what the names of the two pipes begin with, as the public runner has it.
	defaultPipe = pipeFolder + "generic-worker"
	// pipeLength is how long such a name may be; the system's limit is for the whole one.
	pipeLength = 256 - len("-output")
)

// workerService reads the service that is the worker, and what its pipes are called.
func (l *loader) workerService(b *block, w *Worker) {
	name, both := b.text("service", optional), b.has("path")
	b.text("path", optional)
	pipe := b.text("protocolPipe", optional)
	if pipe == "" {
		pipe = defaultPipe
	}
	if rest, ok := strings.CutPrefix(strings.ToLower(pipe), pipeFolder); !ok || rest == "" || strings.Contains(rest, `\`) || len(pipe) > pipeLength {
		b.problem("protocolPipe", "%s is no name of a pipe: that is %sNAME, with at most %d characters", pipe, pipeFolder, pipeLength)
		return
	}
	switch {
	case l.options.Service == nil:
		b.problem("service", "there are services on Windows only: give the program in worker.path")
		return
	case both:
		b.problem("service", "stands beside path: give one of the two")
		return
	case name == "": // which text has reported, or it is empty
		if b.values["service"] == "" {
			b.problem("service", "is empty")
		}
		return
	}
	argv, err := l.options.Service(name)
	switch {
	case errors.Is(err, service.ErrNotInstalled):
		b.problem("service", "there is no service %q: install it with generic-worker install service", name)
		return
	case err != nil:
		b.problem("service", "the service %q: %v", name, err)
		return
	}
	w.Service, w.ProtocolPipe, w.Path = name, pipe, programOf(argv)
	l.serviceCommand(b, w, argv)
}

// programOf is the worker's program in a service's command line; "" when another program runs the
// worker for it.
func programOf(argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	base := argv[0][strings.LastIndexAny(argv[0], `\/`)+1:]
	if strings.HasPrefix(strings.ToLower(base), "nssm") {
		return ""
	}
	return argv[0]
}

// serviceCommand checks what can be seen of a service that does not listen to this runner. A
// script or another program may do what its command line does not say.
func (l *loader) serviceCommand(b *block, w *Worker, argv []string) {
	if !slices.Contains(argv, "run") {
		return
	}
	const pipeFlag = "--worker-runner-protocol-pipe"
	switch pipe := service.Value(argv, pipeFlag); {
	case !slices.Contains(argv, "--with-worker-runner"):
		b.problem("service", "the service %q runs the worker without --with-worker-runner: install it again with that and %s %s", w.Service, pipeFlag, w.ProtocolPipe)
	case pipe == "":
		b.problem("service", "the service %q runs the worker without %s: install it again with %s %s", w.Service, pipeFlag, pipeFlag, w.ProtocolPipe)
	case !strings.EqualFold(pipe, w.ProtocolPipe):
		b.problem("protocolPipe", "is %s, but the service %q has %s %s", w.ProtocolPipe, w.Service, pipeFlag, pipe)
	}
	if path := service.Value(argv, "--config"); path != "" && w.ConfigPath != "" && !strings.EqualFold(path, w.ConfigPath) {
		b.warn("configPath", "is "+w.ConfigPath+", but the service has --config "+path)
	}
}
