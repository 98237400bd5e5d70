package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/workerkit/workerkit/internal/awake"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/config"
)

type options struct {
	program    string // as it was called
	config     string
	withRunner bool
	pipe       string

	// Of a Windows service: what it is told in place of signals, and the event log; else nil.
	orders chan os.Signal
	events slog.Handler
}

// run is the command "run": it returns the exit code.
func run(o options, stdout, stderr io.Writer, machine power) (code int) {
	// The worker waits most of its time: little memory matters more than a few collections.
	debug.SetGCPercent(50)
	sink := newSink(stderr)
	defer sink.close()
	survive()
	p := &program{logger: slog.New(&handler{sink: sink}), sink: sink, power: machine, orders: o.orders}
	if o.events != nil {
		p.logger = slog.New(slog.NewMultiHandler(p.logger.Handler(), o.events))
	}
	defer func() {
		if what := recover(); what != nil {
			p.logger.Error("panic", "panic", fmt.Sprint(what), "stack", string(debug.Stack()))
			code = p.fatal(exitInternal, &panicked{fmt.Sprint(what), string(debug.Stack())})
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
	code, err := p.configure(o)
	if err == nil {
		release := awake.Keep(context.Background(), p.logger)
		code, err = p.run()
		release()
	}
	if err != nil {
		return p.fatal(code, err)
	}
	return code
}

// configure loads the configuration. With an error, code is what the program ends with.
func (p *program) configure(o options) (code int, err error) {
	c, warnings, err := config.Load(o.config)
	p.config, p.metrics = &c, metrics{&c, p.sink.line}
	if err == nil {
		var more []string
		more, err = fit(&c, o.program)
		warnings = append(warnings, more...)
	}
	for _, warning := range warnings {
		p.logger.Warn("the configuration", "warning", warning)
	}
	if err != nil {
		return configCode(err), err
	}
	p.credentials.Store(&tc.Credentials{ClientID: c.ClientID, AccessToken: c.AccessToken, Certificate: c.Certificate})
	public, err := ensureKey(&c)
	if err != nil {
		return exitKeyPair, err
	}
	if public != "" {
		p.logger.Info("made a signing key, as the configuration names only one of an older release", "ed25519SigningKeyLocation", c.Ed25519SigningKeyLocation, "publicKey", public)
	}
	return 0, nil
}

// fatal says why the worker ends, to everybody who may want to know.
func (p *program) fatal(code int, problem error) int {
	p.logger.Error("the worker ends", "error", problem, "exitCode", code)
	if !errors.Is(problem, errFaulty) { // that was reported when it came to it
		p.report(problem)
	}
	if code == exitInternal && p.config != nil {
		ctx, done := context.WithTimeout(context.Background(), crashPatience)
		p.crash(ctx, problem)
		done()
		if err := p.shutdown(p.config.ShutdownMachineOnInternalError, "internal error"); err != nil {
			p.logger.Error("the machine is not shut down", "error", err)
		}
	}
	return code
}
