package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/service"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/policy"
)

// work runs the worker, again when it crashes, with helpers that live as long as there is one to
// look after: credentials stay fresh and notices are heard also while a restart waits.
func (r *runner) work(ctx context.Context, p providers.Provider, m *machine) ending {
	helpers, stop := context.WithCancel(ctx)
	defer stop()
	in := newInbox(ctx, r.log, m.session)
	var wg sync.WaitGroup
	var lapsed error
	wg.Go(func() { lapsed = r.keepCredentials(helpers, m) })
	var heard notices
	if watcher, ok := p.(providers.Watcher); ok {
		wg.Go(func() { r.watch(helpers, watcher, &heard) })
	}
	e := r.shifts(ctx, m, in)
	r.tell.close()
	stop()
	wg.Wait()
	in.close()
	r.acknowledge(ctx, p, &heard)
	if e.err == nil && e.row != policy.Stopped {
		e.err = lapsed
	}
	return e
}

// shifts runs one worker after the other, until one ends that no restart would make better.
func (r *runner) shifts(ctx context.Context, m *machine, in *inbox) ending {
	again := restarts{random: r.deps.Random}
	for {
		if r.tell.renewing() && r.replaceable() {
			r.log.Info("this program ends, to be started again as it is installed now")
			return ending{row: policy.Finished, again: true}
		}
		renewals, ok := r.tell.begin()
		if !ok {
			r.log.Info("the worker is not started: the work has been ended")
			return ending{row: policy.Finished}
		}
		end, err := r.shift(ctx, m, in, renewals)
		r.tell.ended()
		if err != nil {
			return r.failed(ctx, err)
		}
		e := r.judge(ctx, end, in.shutdownAsked())
		if e.row == policy.Finished && !e.leaves && !e.asked && end.Code == drained && r.tell.renewing() {
			r.log.Info("the worker has finished its tasks; another follows")
			continue
		}
		rule := r.config.Policy[e.row]
		if e.leaves || (e.row != policy.Crashed && rule.Restarts == 0) {
			return e
		}
		wait, ok := again.next(rule, time.Now())
		if !ok {
			e.row, e.err = policy.Broken, fmt.Errorf("the worker has ended too often: last as %s, with %s", e.row, end.Text)
			return e
		}
		r.log.Warn("the worker is started again", "row", e.row, "end", end.Text, "in", wait.Round(time.Millisecond))
		r.board.change(func(s *control.Status) {
			s.Restarts++
			s.LastError = "the worker ended with " + end.Text
		})
		if !r.rest(ctx, wait) {
			e.row = policy.Stopped
			return e
		}
	}
}

// rest waits before a restart; false when the runner was stopped meanwhile. An order to end the
// work cuts it short.
func (r *runner) rest(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.tell.drains:
	case <-ctx.Done():
		return false
	}
	return true
}

// judge says which row the end of a worker is.
func (r *runner) judge(ctx context.Context, end launch.End, asked bool) ending {
	e := ending{row: policy.Of(end.Code), worker: &end}
	switch {
	case e.row == policy.Reboot:
		// also when the runner has been stopped: it may be the reboot that stops it
	case ctx.Err() != nil:
		e.row = policy.Stopped
	case asked && !r.mayGo():
		r.log.Info("the worker asked for a shutdown; this machine stays on")
		e.leaves = r.tell.draining()
	default:
		e.asked = asked
		e.leaves = asked || r.tell.draining()
	}
	return e
}

// shift runs one worker process to its end. An error means that there was none.
func (r *runner) shift(ctx context.Context, m *machine, in *inbox, renewals int) (launch.End, error) {
	if err := r.board.timed("render", func() error { return r.writeConfig(ctx, m) }); err != nil {
		return launch.End{}, err
	}
	r.board.enter(control.Launching)
	in.asked.Store(false)
	begin := time.Now()
	w, err := r.launch(ctx, in)
	if err != nil {
		return launch.End{}, err
	}
	r.board.took("launch", time.Since(begin))
	r.board.change(func(s *control.Status) { s.WorkerPID = w.PID() })
	helper, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { r.tell.attend(helper, w, renewals) })
	r.await(ctx, w)
	stop()
	wg.Wait()
	r.board.change(func(s *control.Status) { s.WorkerPID = 0 })
	r.log.Info("the worker has ended", "end", w.End().Text)
	return w.End(), nil
}

// launch starts the worker, as a process or as a service.
func (r *runner) launch(ctx context.Context, in *inbox) (*launch.Worker, error) {
	c := r.config.Worker
	handle := func(m protocol.Message) {
		in.handle(ctx, m)
		r.leave(m)
	}
	text := func(line string) { say(ctx, r.log, slog.LevelInfo, line) }
	if c.Service == "" {
		return launch.Start(launch.Command{
			Path: c.Path, ConfigPath: c.ConfigPath, Stderr: r.deps.Stderr, Log: r.log, Ours: r.ours.known(),
			Handle: handle, Text: text,
		})
	}
	if r.deps.Services == nil {
		return nil, fmt.Errorf("start the service %q: %w", c.Service, service.ErrUnsupported)
	}
	return launch.StartService(ctx, launch.Service{
		Name: c.Service, Pipe: c.ProtocolPipe, System: r.deps.Services, Log: r.log,
		Handle: handle, Text: text,
	})
}

// leave makes a worker that asks for a shutdown end: one that waits for the machine to go would
// otherwise wait for ever, since the machine goes only after it.
func (r *runner) leave(m protocol.Message) {
	if m.Type == protocol.Shutdown && r.mayGo() {
		_, _ = r.drain(order{}) // while a worker runs there is one to drain
	}
}

// mayGo tells whether the machine goes when its worker asks for that.
func (r *runner) mayGo() bool { return r.config.Place.Kind.Ephemeral || r.config.Place.PowerOff }

// await waits for the worker's end, and brings it about when the runner is stopped or the worker
// says no hello in time.
func (r *runner) await(ctx context.Context, w *launch.Worker) {
	begin := time.Now()
	hello := w.Conn().Ready()
	var late <-chan time.Time
	if r.deps.HelloWithin > 0 {
		timer := time.NewTimer(r.deps.HelloWithin)
		defer timer.Stop()
		late = timer.C
	}
	for {
		select {
		case <-w.Done():
			return
		case <-hello:
			hello, late = nil, nil
			r.board.took("hello", time.Since(begin))
			r.board.enter(control.Working)
			r.startedUp()
		case <-late:
			r.log.Error("the worker has not said hello; killing it", "waited", r.deps.HelloWithin)
			w.Stop(0)
		case <-ctx.Done():
			r.log.Info("stopping the worker", "cause", context.Cause(ctx))
			w.Stop(r.deps.Grace)
			return
		}
	}
}

// startedUp logs how long the parts of the start took.
func (r *runner) startedUp() {
	var all time.Duration
	var attrs []any
	for _, p := range r.board.status().Phases {
		all += p.Took
		attrs = append(attrs, p.Name, p.Took.Round(10*time.Microsecond))
	}
	r.log.Info("the worker has started", append(attrs, "all", all.Round(10*time.Microsecond))...)
}

// writeConfig renders and writes the worker's config. Our own object goes only to our worker:
// another one would refuse to start.
func (r *runner) writeConfig(ctx context.Context, m *machine) error {
	rendered, err := r.rendered(m)
	if err != nil {
		return err
	}
	if launch.AsksWhose || config.Workerkit(rendered) {
		ours, err := r.ours.answer(ctx)
		if err != nil {
			r.log.Warn("the worker does not tell what it is, and counts as not ours", "error", err)
		}
		if !ours && config.Workerkit(rendered) {
			r.log.Info("the worker is not ours; leaving out the object workerkit of its config")
			rendered = config.WithoutWorkerkit(rendered)
		}
	}
	m.rebootsItself = rendered["disableReboots"] != true
	return launch.WriteConfig(r.config.Worker.ConfigPath, rendered)
}

// keepCredentials renews the credentials, saves them and tells the worker. When they cannot be
// renewed the work must end, and the error says why.
func (r *runner) keepCredentials(ctx context.Context, m *machine) error {
	err := m.session.Keep(ctx, func(next tc.Registration) {
		r.log.Info("renewed the worker's credentials", "expires", next.Expires)
		r.board.change(func(s *control.Status) { s.CredentialsExpire = next.Expires })
		if err := r.save(m); err != nil {
			r.log.Error("the new credentials could not be saved", "error", err)
		}
		r.tell.credentials(next.Credentials)
	})
	if err == nil {
		return nil
	}
	r.log.Error("the worker must end", "error", err)
	r.board.failed(err)
	if _, e := r.drain(order{}); errors.Is(e, errNoWork) {
		return err
	}
	r.report(ctx, m, "renewal-failed", "the worker's credentials could not be renewed", err) // while they are good
	return err
}
