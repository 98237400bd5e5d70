package main

import (
	"io"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
)

// welcomeTimeout is how long the runner may take to say what it can.
const welcomeTimeout = 10 * time.Second

// runner is the worker's side of the protocol.
type runner struct {
	conn *protocol.Conn
	gone chan struct{} // closed when the runner has gone
	told chan struct{} // closed when it has said that this worker is to end
	err  error         // why it has gone, once it has

	mu      sync.Mutex
	ending  bool // told is closed
	handle  func(protocol.Message)
	waiting []protocol.Message // came before somebody listened
}

// meet begins to listen to the runner and waits for its first words. From then on the
// worker's log goes to it, if it takes it. The goroutine that listens ends with the process,
// as a read of standard input cannot be ended.
func meet(in io.Reader, out io.Writer, sink *sink) *runner {
	r := &runner{conn: protocol.New(out, protocol.All()), gone: make(chan struct{}), told: make(chan struct{})}
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
	if m.Type == protocol.GracefulTermination && !r.ending {
		r.ending = true
		close(r.told)
	}
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
		var deadline time.Time
		attrs := []any{"finishTasks", finish}
		if m.Deadline != nil {
			deadline = *m.Deadline
			attrs = append(attrs, "deadline", deadline)
		}
		p.logger.Info("the runner wants this worker to end", attrs...)
		p.drain(finish, deadline)
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

// engineName is the name of the engine of native payloads, or that of containers where there are none.
func (p *program) engineName() string {
	switch {
	case p.engine != nil:
		return p.engine.Name()
	case p.config != nil:
		return p.config.Workerkit.Engine
	default:
		return ""
	}
}
