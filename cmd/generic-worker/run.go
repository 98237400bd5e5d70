package main

import (
	"errors"
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/config"
)

type options struct {
	config     string
	withRunner bool
	pipe       string
}

// run is the command "run": it returns the exit code.
func run(o options, stdout, stderr io.Writer) int {
	// The worker waits most of its time: little memory matters more than a few collections.
	debug.SetGCPercent(50)
	sink := &sink{out: stderr}
	logger := slog.New(&handler{sink: sink})
	c, err := config.Load(o.config)
	if err != nil {
		logger.Error("the configuration is refused", "error", err)
		if errors.Is(err, config.ErrInvalid) {
			return exitInvalid
		}
		return exitUnreadable
	}
	p := &program{config: &c, logger: logger, sink: sink}
	p.credentials.Store(&tc.Credentials{ClientID: c.ClientID, AccessToken: c.AccessToken, Certificate: c.Certificate})
	if o.withRunner {
		in, out, err := runnerStreams(o.pipe, stdout)
		if err != nil {
			logger.Error("the runner cannot be reached", "error", err)
			return exitProtocolPipe
		}
		p.runner, p.conn = in, protocol.New(out, protocol.All())
	}
	code, err := p.run()
	if err != nil {
		logger.Error("the worker ends", "error", err, "exitCode", code)
		p.report(err)
	}
	return code
}
