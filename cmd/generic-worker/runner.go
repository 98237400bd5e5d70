package main

import (
	"encoding/json"
	"io"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/version"
)

// welcomeTimeout is how long the runner may take to say what it can.
const welcomeTimeout = 10 * time.Second

// runner is the worker's side of the protocol.
type runner struct {
	conn *protocol.Conn
	gone chan struct{} // closed when the runner has gone
	err  error         // why, once it is

	mu      sync.Mutex
	handle  func(protocol.Message)
	waiting []protocol.Message // came before somebody listened
}

// meet begins to listen to the runner and waits for its first words. From then on the
// worker's log goes to it, if it takes it. The goroutine that listens ends with the process,
// as a read of standard input cannot be ended.
func meet(in io.Reader, out io.Writer, sink *sink) *runner {
	r := &runner{conn: protocol.New(out, protocol.All()), gone: make(chan struct{})}
	go func() {
		defer close(r.gone)
		r.err = r.conn.Read(in, r.received, func(string) {})
	}()
	patience := time.NewTimer(welcomeTimeout)
	defer patience.Stop()
	select {
	case <-r.conn.Ready():
	case <-r.gone:
	case <-patience.C:
	}
	sink.through(r.conn)
	return r
}

func (r *runner) received(m protocol.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handle == nil {
		r.waiting = append(r.waiting, m)
		return
	}
	r.handle(m)
}

// listen has every message handled, one after another, those included that came before.
func (r *runner) listen(handle func(protocol.Message)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.waiting {
		handle(m)
	}
	r.handle, r.waiting = handle, nil
}

// can tells whether there is a runner that knows a part of the protocol.
func (r *runner) can(capability string) bool { return r != nil && r.conn.Agreed(capability) }

// obey does what the runner says.
func (p *program) obey(m protocol.Message) {
	switch m.Type {
	case protocol.GracefulTermination:
		finish := m.FinishTasks != nil && *m.FinishTasks
		p.logger.Info("the runner wants this worker to end", "finishTasks", finish)
		p.worker.Drain(finish)
	case protocol.NewCredentials:
		if m.ClientID == "" || m.AccessToken == "" {
			p.logger.Warn("the runner sent credentials that are incomplete; the old ones are kept")
			return
		}
		p.credentials.Store(&tc.Credentials{ClientID: m.ClientID, AccessToken: secret.New(m.AccessToken), Certificate: secret.New(m.Certificate)})
		p.logger.Info("got new credentials")
	default:
		p.logger.Warn("the runner sent a message that this worker does not know", "type", m.Type)
	}
}

// report tells worker-manager, through the runner, why the worker ends.
func (p *program) report(problem error) {
	if p.config == nil || !p.runner.can(protocol.ErrorReport) {
		return
	}
	c := p.config
	extra, err := json.Marshal(map[string]string{
		"GOARCH": runtime.GOARCH, "GOOS": runtime.GOOS, "engine": p.engineName(), "gwVersion": version.String(), "gwRevision": version.Revision(),
		"instanceType": c.InstanceType, "provisionerId": c.ProvisionerID, "rootURL": c.RootURL, "workerGroup": c.WorkerGroup,
		"workerId": c.WorkerID, "workerType": c.WorkerType, "cleanUpTaskDirs": strconv.FormatBool(c.CleanUpTaskDirs),
		"headlessTasks": strconv.FormatBool(c.HeadlessTasks), "capacity": strconv.Itoa(int(c.Capacity)),
	})
	if err == nil {
		err = p.sink.send(protocol.Message{Type: protocol.ErrorReport, Kind: "worker-error", Title: "generic-worker error", Description: problem.Error(), Extra: extra})
	}
	if err != nil {
		p.logger.Warn("the error was not reported", "error", err)
	}
}

func (p *program) engineName() string {
	if p.engine == nil {
		return ""
	}
	return p.engine.Name()
}
