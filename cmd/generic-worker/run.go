package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/config"
)

type options struct {
	config     string
	withRunner bool
	pipe       string
}

// run is the command "run": it returns the exit code. off shuts the machine down.
func run(o options, stdout, stderr io.Writer, off func(why string) error) (code int) {
	// The worker waits most of its time: little memory matters more than a few collections.
	debug.SetGCPercent(50)
	sink := newSink(stderr)
	defer sink.close()
	survive()
	p := &program{logger: slog.New(&handler{sink: sink}), sink: sink, powerOff: off}
	defer func() {
		if what := recover(); what != nil {
			p.logger.Error("panic", "panic", fmt.Sprint(what), "stack", string(debug.Stack()))
			code = p.fatal(exitInternal, errors.New("the worker failed; its log has the details"))
		}
	}()
	if o.withRunner {
		in, out, err := runnerStreams(o.pipe, stdout)
		if err != nil {
			p.logger.Error("the runner cannot be reached", "error", err)
			return exitProtocolPipe
		}
		p.runner = meet(in, out, sink)
	}
	c, note, err := config.Load(o.config)
	p.config, p.metrics = &c, metrics{&c, p.sink.line}
	if note != "" {
		p.logger.Warn("the configuration file holds secrets", "note", note)
	}
	if errors.Is(err, config.ErrInvalid) {
		return p.fatal(exitInvalid, err)
	}
	if err != nil {
		return p.fatal(exitUnreadable, err)
	}
	p.credentials.Store(&tc.Credentials{ClientID: c.ClientID, AccessToken: c.AccessToken, Certificate: c.Certificate})
	if code, err = p.run(); err != nil {
		return p.fatal(code, err)
	}
	return code
}

// fatal says why the worker ends, to everybody who may want to know.
func (p *program) fatal(code int, problem error) int {
	p.logger.Error("the worker ends", "error", problem, "exitCode", code)
	p.report(problem)
	if code == exitInternal && p.config != nil {
		if err := p.shutdown(p.config.ShutdownMachineOnInternalError, "internal error"); err != nil {
			p.logger.Error("the machine is not shut down", "error", err)
		}
	}
	return code
}
