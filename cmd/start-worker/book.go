package main

import (
	"io"
	"log/slog"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/logs"
)

// lastLines is how many lines of the log an error report takes along.
const lastLines = 50

// book is the log of the program.
type book struct {
	log     *slog.Logger
	handler *logs.Handler
	ring    *logs.Ring
}

// openBook opens the log; events, unless nil, gets it as well. Where there is no such form, it is
// text, and says why.
func openBook(form config.LogFormat, w io.Writer, events slog.Handler) *book {
	if form == "" { // the config could not be read
		form = config.Text
	}
	handler, err := logs.New(string(form), w, logs.Socket)
	if err != nil {
		handler, _ = logs.New(logs.Text, w, "") // which there always is
	}
	b := &book{handler: handler, ring: logs.Keep(handler, lastLines)}
	b.log = slog.New(b.ring)
	if events != nil {
		b.log = slog.New(slog.NewMultiHandler(b.ring, events))
	}
	if err != nil {
		b.log.Warn("the log is text", "error", err)
	}
	return b
}

func (b *book) lines() []string { return b.ring.Lines() }

// identify puts who the machine is into each record.
func (b *book) identify(id providers.Identity) {
	b.handler.Identify(slog.String("workerPoolId", id.WorkerPoolID), slog.String("workerGroup", id.WorkerGroup), slog.String("workerId", id.WorkerID))
}

func (b *book) close() { _ = b.handler.Close() } // there is no log any more to say it in
