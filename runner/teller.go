package runner

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/tc"
)

// listener is a worker process, as far as one can talk to it: a *launch.Worker.
type listener interface {
	Conn() *protocol.Conn
	Done() <-chan struct{}
	Stop(grace time.Duration)
}

// order is how the work is to end.
type order struct {
	finish   bool      // the tasks that the worker has are finished
	deadline time.Time // when the machine goes; zero when that is not known
	again    bool      // the work goes on after that, with another worker
}

// worse tells whether o leaves less than the order before.
func (o order) worse(before order) bool {
	if o.again != before.again {
		return before.again
	}
	if o.finish != before.finish {
		return before.finish
	}
	return !o.deadline.IsZero() && (before.deadline.IsZero() || o.deadline.Before(before.deadline))
}

// standing is an order that was given.
type standing struct {
	order
	given time.Time
	once  sync.Once
	heard chan struct{} // closed when the worker has been asked, or there is none to ask
}

func (s *standing) done() { s.once.Do(func() { close(s.heard) }) }

// errNoWork means that there is nothing left that could be drained.
var errNoWork = errors.New("no worker runs, and none will be started")

// teller passes on to the worker what it must know, whichever process the worker is at the
// moment: there is none before the first is started, and none between a crash and a restart.
type teller struct {
	log   *slog.Logger
	grace time.Duration // how long a worker that must end at once may take

	mu       sync.Mutex
	running  bool // a worker runs, or is about to be started
	closed   bool
	standing *standing // nil while nothing was ordered
	renewals int
	newest   tc.Credentials
	news     chan struct{} // closed, and replaced, at each change of the three above
	drains   chan struct{} // closed at the first order that ends the work
}

func newTeller(log *slog.Logger, grace time.Duration) *teller {
	return &teller{log: log, grace: grace, news: make(chan struct{}), drains: make(chan struct{})}
}

// changed tells whoever attends a worker that there is something new. Callers hold t.mu.
func (t *teller) changed() {
	close(t.news)
	t.news = make(chan struct{})
}

// drain orders that the work ends; of several orders the worst counts. The channel is closed
// when the worker has been asked.
func (t *teller) drain(o order) (<-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errNoWork
	}
	if t.standing != nil && !o.worse(t.standing.order) {
		return t.standing.heard, nil
	}
	if !o.again && !t.draining() {
		close(t.drains)
	}
	if t.standing != nil {
		t.standing.done() // the new one takes its place
	}
	t.standing = &standing{order: o, given: time.Now(), heard: make(chan struct{})}
	if !t.running {
		t.standing.done()
	}
	t.changed()
	return t.standing.heard, nil
}

// draining tells whether the work has been ordered to end.
func (t *teller) draining() bool {
	select {
	case <-t.drains:
		return true
	default:
		return false
	}
}

// renewing tells whether another worker is to follow the present one.
func (t *teller) renewing() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.standing != nil && t.standing.again
}

// begin says that a worker is about to be started; false when none must be. An order for another
// worker is fulfilled with it. renewals is how
// many renewals of the credentials its config may lack.
func (t *teller) begin() (renewals int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.standing != nil && t.standing.again {
		t.standing = nil
	}
	t.running = t.standing == nil
	return t.renewals, t.running
}

// ended says that the worker runs no longer.
func (t *teller) ended() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = false
	if t.standing != nil {
		t.standing.done()
	}
}

// close says that no worker will be started any more.
func (t *teller) close() {
	t.ended()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// credentials hands new ones over, without waiting for the worker.
func (t *teller) credentials(c tc.Credentials) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.newest = c
	t.renewals++
	t.changed()
}

// mail is what there is to tell a worker at a moment.
type mail struct {
	standing *standing
	renewals int
	newest   tc.Credentials
	news     <-chan struct{}
}

func (t *teller) mail() mail {
	t.mu.Lock()
	defer t.mu.Unlock()
	return mail{t.standing, t.renewals, t.newest, t.news}
}

// attend tells one worker all that it must know, from its hello to its end. It knows of the
// first renewals already.
func (t *teller) attend(ctx context.Context, w listener, renewals int) {
	select {
	case <-w.Conn().Ready():
	case <-w.Done():
		return
	case <-ctx.Done():
		return
	}
	next := time.NewTimer(time.Hour)
	defer next.Stop()
	var told *standing
	for !over(w) {
		m := t.mail()
		if m.standing != nil && m.standing != told {
			told = m.standing
			t.ask(w, told)
		}
		if m.renewals != renewals {
			renewals = m.renewals
			t.pass(w, m.newest)
		}
		var due <-chan time.Time
		if at := t.due(told); !at.IsZero() {
			next.Reset(time.Until(at))
			due = next.C
		}
		select {
		case <-m.news:
		case <-due:
			t.press(w, told)
		case <-w.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

func over(w listener) bool {
	select {
	case <-w.Done():
		return true
	default:
		return false
	}
}

// ask asks the worker to end. One that cannot be asked is stopped.
func (t *teller) ask(w listener, s *standing) {
	defer s.done()
	if w.Conn().Agreed(protocol.GracefulTermination) {
		err := w.Conn().Send(protocol.Terminate(s.finish, s.deadline))
		if err == nil {
			return
		}
		t.log.Error("the worker was not asked to end", "error", err)
	}
	if s.again {
		t.log.Warn("the worker cannot be asked to end; what is new counts when it does")
		return
	}
	t.log.Warn("the worker cannot be asked to end; stopping it")
	w.Stop(t.grace)
}

// pass gives credentials to the worker. One that cannot take them must end before its own do.
func (t *teller) pass(w listener, c tc.Credentials) {
	if !w.Conn().Agreed(protocol.NewCredentials) {
		_, _ = t.drain(order{}) // while a worker runs there is one to drain
		return
	}
	if err := w.Conn().Send(protocol.Credentials(c.ClientID, c.AccessToken, c.Certificate)); err != nil {
		t.log.Error("the worker did not get its new credentials", "error", err)
	}
}
