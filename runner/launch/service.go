package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/service"
)

// Service says which Windows service is the worker, and who hears of it. What the service runs has
// the names of the worker's config and of the pipes in its command line.
type Service struct {
	Name   string
	Pipe   string // there are two pipes: Pipe-input to the runner, and Pipe-output from it
	System System
	Log    *slog.Logger

	// Handle and Text get the worker's messages and its other lines, from one goroutine.
	Handle func(protocol.Message)
	Text   func(string)
}

// System is what a worker that is a service needs of Windows.
type System interface {
	service.Controller
	// Kill kills a process.
	Kill(pid int) error
	// Listen makes a named pipe that this user and the system's own account may open, once.
	Listen(name string, in bool) (Pipe, error)
}

// Pipe is the runner's end of a named pipe.
type Pipe interface {
	// Connect waits for the client; the stream lives on when the pipe is closed.
	Connect(ctx context.Context) (Stream, error)
	Close() error
}

// Stream is a connection, of which one direction is used.
type Stream interface {
	way
	source
}

// How often a service is asked how it is; how long a worker may take to connect; and how long one
// that was asked to stop may take before it is killed.
const (
	polling       = 500 * time.Millisecond
	connectWithin = time.Minute
	stopTime      = 10 * time.Second
)

// unit is a worker that is a service.
type unit struct {
	Service
	process atomic.Int64
	stopped chan struct{} // closed when the service has stopped
}

// StartService starts a service as the worker. The pipes are there before the worker is, and wait
// for it. One that another runner has left behind is stopped first.
func StartService(ctx context.Context, s Service) (*Worker, error) {
	u := &unit{Service: s, stopped: make(chan struct{})}
	if err := u.free(ctx); err != nil {
		return nil, fmt.Errorf("start the service %q: %w", s.Name, err)
	}
	in, err := s.System.Listen(s.Pipe+"-input", true)
	if err != nil {
		return nil, fmt.Errorf("make the pipe from the worker: %w", err)
	}
	out, err := s.System.Listen(s.Pipe+"-output", false)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the pipe to the worker: %w", err), in.Close())
	}
	if err := s.System.Start(s.Name); err != nil {
		return nil, errors.Join(fmt.Errorf("start the service %q: %w", s.Name, err), in.Close(), out.Close())
	}
	if now, err := s.System.Status(s.Name); err == nil {
		u.process.Store(int64(now.PID))
	}
	to := &late{}
	w := &Worker{conn: protocol.New(to, protocol.All()), body: u, stdin: to, done: make(chan struct{})}
	go u.attend(w, to, in, out) //nolint:contextcheck // ctx is of the start, which the worker outlives
	return w, nil
}

// free makes sure that the service does not run.
func (u *unit) free(ctx context.Context) error {
	now, err := u.System.Status(u.Name)
	if err != nil || now.State == service.Stopped {
		return err
	}
	u.Log.Warn("the worker's service runs already, for another runner or for nobody; stopping it", "service", u.Name, "state", now.State.String())
	patience, done := context.WithTimeout(ctx, time.Minute) // as long as our worker may take
	err = service.Stop(patience, u.System, u.Name)
	done()
	if err == nil || ctx.Err() != nil {
		return err
	}
	u.Log.Error("the service does not stop; killing it", "error", err)
	if err := u.killProcess(); err != nil {
		return fmt.Errorf("it runs already, and cannot be ended: %w", err)
	}
	patience, done = context.WithTimeout(ctx, stopTime)
	defer done()
	return service.WaitStopped(patience, u.System, u.Name)
}

// killProcess kills the process that the service has now: an id from before may be another's today.
func (u *unit) killProcess() error {
	now, err := u.System.Status(u.Name)
	if err != nil || now.PID == 0 {
		return err
	}
	return u.System.Kill(now.PID)
}

// attend owns the service from its start to its end, and the goroutines that look after it.
func (u *unit) attend(w *Worker, to *late, in, out Pipe) {
	alive, over := context.WithCancel(context.Background())
	defer over()
	ended := make(chan End, 1)
	go func() {
		ended <- u.watch()
		over()
	}()
	from, err := connect(alive, to, in, out)
	if err == nil {
		heard := w.listen(from, u.Handle, u.Text)
		if err := w.conn.Welcome(); err != nil {
			u.Log.Warn("the worker does not listen", "error", err)
		}
		end := <-ended
		_ = to.Close() // there is nobody who could miss anything
		heard.finish(u.Log)
		w.ended(end)
		return
	}
	if alive.Err() == nil {
		u.Log.Error("the service runs, but is not connected: it must run the worker with --with-worker-runner and --worker-runner-protocol-pipe",
			"service", u.Name, "pipe", u.Pipe, "error", err)
		u.kill()
	}
	end := <-ended
	if end.Code == 0 { // nobody can have told it what to do
		end = End{Code: -1, Text: "it has not connected to its runner"}
	}
	w.ended(end)
}

// connect waits for the worker at both pipes, which are then closed for others.
func connect(ctx context.Context, to *late, in, out Pipe) (from Stream, err error) {
	ctx, done := context.WithTimeout(ctx, connectWithin)
	defer done()
	written := make(chan error, 1)
	go func() {
		stream, err := out.Connect(ctx)
		if err == nil {
			to.set(stream)
		} else {
			done() // one without the other is of no use
		}
		written <- err
	}()
	from, err = in.Connect(ctx)
	if err != nil {
		done()
	}
	other := <-written
	_, _ = in.Close(), out.Close()
	if err == nil && other == nil {
		return from, nil
	}
	if err == nil {
		_ = from.Close()
	}
	_ = to.Close()
	return nil, errors.Join(err, other)
}

// watch waits until the service has stopped, and says how it ended.
func (u *unit) watch() End {
	defer close(u.stopped)
	tick := time.NewTicker(polling)
	defer tick.Stop()
	told := false
	for {
		now, err := u.System.Status(u.Name)
		switch {
		case errors.Is(err, service.ErrNotInstalled):
			return End{Code: -1, Text: "the service has been removed"}
		case err != nil && !told:
			told = true
			u.Log.Warn("the service cannot be asked how it is; it is asked again", "error", err)
		case err == nil && now.State == service.Stopped:
			return End{Code: now.Code(), Text: now.Ended()}
		case err == nil:
			told = false
			if was := u.process.Swap(int64(now.PID)); was != 0 && was != int64(now.PID) {
				return End{Code: -1, Text: "somebody has started the service anew"}
			}
		}
		<-tick.C
	}
}

func (u *unit) pid() int { return int(u.process.Load()) }

// interrupt asks the system to stop the service.
func (u *unit) interrupt() {
	if err := u.System.Stop(u.Name); err != nil && !errors.Is(err, service.ErrNotRunning) {
		u.Log.Warn("the service does not take the order to stop", "error", err)
	}
}

// kill asks the system to stop the service, and kills its process when that does not help.
func (u *unit) kill() {
	u.interrupt()
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-u.stopped:
		return
	case <-timer.C:
	}
	if err := u.killProcess(); err != nil {
		u.Log.Error("the worker's process cannot be killed", "pid", u.pid(), "error", err)
	}
}
