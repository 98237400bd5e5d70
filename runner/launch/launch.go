package launch

import (
	"io"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
)

// Worker is a worker that was started. Its methods may be called from any goroutine.
type Worker struct {
	conn  *protocol.Conn
	body  body
	stdin way
	done  chan struct{}
	once  sync.Once // of ended
	end   End       // valid when done is closed
}

// body is what a worker runs as: a process of the runner's, or a service of the system's.
type body interface {
	pid() int
	interrupt() // asks it to end, where the protocol does not
	kill()      // that it may have ended already is fine
}

// way is the way to a worker.
type way interface {
	io.WriteCloser
	SetWriteDeadline(time.Time) error
}

// End is how a worker ended.
type End struct {
	Code int    // -1 when a signal ended it, or a service has told none
	Text string // "exit status 68", "signal: killed"
}

// killTime is how long a worker that was killed may take to end. One that waits for a disk that
// is gone takes for ever, and must not keep its runner from giving the machine back.
const killTime = 30 * time.Second

// ended says how the worker has ended; the first to say so counts.
func (w *Worker) ended(end End) {
	w.once.Do(func() {
		w.end = end
		close(w.done)
	})
}

// Conn is the connection to the worker.
func (w *Worker) Conn() *protocol.Conn { return w.conn }

// PID is the process's id; 0 while a service has none.
func (w *Worker) PID() int { return w.body.pid() }

// Done is closed when the worker's process has ended and its output has been read, or when it
// was killed and does not end.
func (w *Worker) Done() <-chan struct{} { return w.done }

// End is how the process ended; call it after Done.
func (w *Worker) End() End { return w.end }

// Stop ends the worker: it asks for graceful termination without finishing tasks, waits for at
// most grace, and kills the worker and its process group. It returns when Done is closed.
func (w *Worker) Stop(grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select { // before hello nobody knows what the worker understands
	case <-w.conn.Ready():
	case <-w.done:
		return
	case <-timer.C:
		w.kill()
		return
	}
	// Whoever does not read must not hold us up; Windows, which has no such deadline, has pipes
	// that are large enough for all that a runner ever says.
	_ = w.stdin.SetWriteDeadline(time.Now().Add(grace))
	if !w.conn.Agreed(protocol.GracefulTermination) || w.conn.Send(protocol.Terminate(false, time.Time{})) != nil {
		w.body.interrupt()
	}
	select {
	case <-w.done:
	case <-timer.C:
		w.kill()
	}
}

// kill kills the worker and its process group, and gives it up when it does not end of that.
func (w *Worker) kill() {
	w.body.kill()
	select {
	case <-w.done:
	case <-time.After(killTime):
		w.ended(End{Code: -1, Text: "killed, but it does not end"})
	}
}
