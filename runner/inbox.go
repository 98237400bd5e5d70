package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/runner/register"
)

// inbox is what the worker says: log lines, error reports, a wish for shutdown.
type inbox struct {
	log      *slog.Logger
	asked    atomic.Bool
	reports  chan tc.WorkerError // never closed: on Windows a late message can come after close
	done     chan struct{}
	cancel   context.CancelFunc
	reporter sync.WaitGroup
}

// lastWords is how long reports may still be sent when the worker has ended: it often ends
// because of what it reports.
const lastWords = 10 * time.Second

func newInbox(ctx context.Context, log *slog.Logger, session *register.Session) *inbox {
	// Reports are still sent while the runner is being stopped.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	in := &inbox{log: log, reports: make(chan tc.WorkerError, 16), done: make(chan struct{}), cancel: cancel}
	in.reporter.Go(func() {
		for e, ok := in.next(); ok; e, ok = in.next() {
			if err := session.Report(ctx, e); err != nil {
				log.Error("an error report of the worker was not delivered", "title", e.Title, "error", err)
			}
		}
	})
	return in
}

// next is the next report; false when the inbox is closed and empty.
func (in *inbox) next() (tc.WorkerError, bool) {
	select {
	case e := <-in.reports:
		return e, true
	case <-in.done:
	}
	select {
	case e := <-in.reports:
		return e, true
	default:
		return tc.WorkerError{}, false
	}
}

// close sends what has come in and ends the sending of reports. What comes in later is lost.
func (in *inbox) close() {
	close(in.done)
	timer := time.AfterFunc(lastWords, in.cancel)
	in.reporter.Wait()
	timer.Stop()
	in.cancel()
}

func (in *inbox) shutdownAsked() bool { return in.asked.Load() }

// handle takes one message. Whatever the worker sends, the runner goes on.
func (in *inbox) handle(ctx context.Context, m protocol.Message) {
	switch m.Type {
	case protocol.Log:
		in.structured(ctx, m.Body)
	case protocol.ErrorReport:
		in.report(m)
	case protocol.Shutdown:
		in.asked.Store(true)
	default:
		in.log.Warn("no callback is registered for a message of the worker", "type", m.Type)
	}
}

// structured logs the body of a log message: its text, then its other members.
func (in *inbox) structured(ctx context.Context, body json.RawMessage) {
	members, ok := object(body)
	if !ok {
		in.log.Warn("the worker sent a log message whose body is no object")
		return
	}
	text, isText := members["textPayload"].(string)
	if isText {
		delete(members, "textPayload")
	}
	if !isText && len(members) == 0 {
		text = "{}"
	}
	var attrs []slog.Attr
	for key, value := range members {
		attrs = append(attrs, slog.Any(key, value))
	}
	say(ctx, in.log, slog.LevelInfo, text, attrs...)
}

// report queues an error report.
func (in *inbox) report(m protocol.Message) {
	if _, ok := object(m.Extra); !ok || m.Kind == "" || m.Title == "" || m.Description == "" {
		in.log.Warn("the worker sent an error report without kind, title, description or extra; it is dropped")
		return
	}
	select {
	case in.reports <- tc.WorkerError{Kind: m.Kind, Title: m.Title, Description: m.Description, Extra: m.Extra}:
	default:
		in.log.Warn("the worker reports more errors than can be sent; one is dropped", "title", m.Title)
	}
}

func object(raw json.RawMessage) (map[string]any, bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var m map[string]any
	err := d.Decode(&m)
	return m, err == nil && m != nil
}
