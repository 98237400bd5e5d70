package runner

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/tc"
)

// listener is the worker, as far as one can talk to it: a *launch.Worker.
type listener interface {
	Conn() *protocol.Conn
	Done() <-chan struct{}
	Stop(grace time.Duration)
}

// teller sends messages to the worker as soon as it is known to understand them.
type teller struct {
	log    *slog.Logger
	worker listener
	grace  time.Duration       // how long a worker may take to say hello, or to end, when it must end
	newest chan tc.Credentials // has room for one

	mu         sync.Mutex
	terminated bool
}

func newTeller(log *slog.Logger, w listener, grace time.Duration) *teller {
	return &teller{log: log, worker: w, grace: grace, newest: make(chan tc.Credentials, 1)}
}

// slowHello is how long a worker may take to say hello before the log says so.
const slowHello = time.Minute

// ready waits for the worker's hello, for at most d; 0 is for ever.
func (t *teller) ready(ctx context.Context, d time.Duration) bool {
	var late <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-t.worker.Conn().Ready():
		return true
	case <-t.worker.Done():
	case <-ctx.Done():
	case <-late:
	}
	return false
}

// over tells whether there is nobody to talk to, or no reason to.
func (t *teller) over(ctx context.Context) bool {
	select {
	case <-t.worker.Done():
		return true
	default:
		return ctx.Err() != nil
	}
}

// credentials hands new ones over, without waiting for the worker. Call it from one goroutine.
func (t *teller) credentials(c tc.Credentials) {
	select { // those that the worker has not got yet are of no use any longer
	case <-t.newest:
	default:
	}
	t.newest <- c
}

// deliver passes new credentials on until ctx or the worker ends. A worker that says no hello
// does not get them, but they are kept fresh all the same: it may say it later.
func (t *teller) deliver(ctx context.Context) {
	if !t.ready(ctx, slowHello) {
		if t.over(ctx) {
			return
		}
		t.log.Warn("the worker has not said hello; it gets no new credentials until it does", "waited", slowHello)
		if !t.ready(ctx, 0) {
			return
		}
	}
	for {
		select {
		case c := <-t.newest:
			t.pass(ctx, c)
		case <-t.worker.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// pass gives credentials to the worker. One that cannot take them must end before its own do.
func (t *teller) pass(ctx context.Context, c tc.Credentials) {
	conn := t.worker.Conn()
	if !conn.Agreed(protocol.NewCredentials) {
		t.terminate(ctx, time.Time{})
		return
	}
	if err := conn.Send(protocol.Credentials(c.ClientID, c.AccessToken, c.Certificate)); err != nil {
		t.log.Error("the worker did not get its new credentials", "error", err)
	}
}

// terminate asks the worker to end without finishing its tasks, once. A worker that cannot be
// asked is stopped; terminate then returns when it has ended.
func (t *teller) terminate(ctx context.Context, deadline time.Time) {
	hello := t.ready(ctx, t.grace)
	if t.over(ctx) {
		return // whoever ended ctx stops the worker
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.terminated {
		return
	}
	t.terminated = true
	conn := t.worker.Conn()
	if hello && conn.Agreed(protocol.GracefulTermination) {
		err := conn.Send(protocol.Terminate(false, deadline))
		if err == nil {
			return
		}
		t.log.Error("the worker was not asked to end", "error", err)
	}
	t.log.Warn("the worker cannot be asked to end; stopping it", "hello", hello)
	t.worker.Stop(t.grace)
}
