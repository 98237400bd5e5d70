package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker"
	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/room"
	"github.com/workerkit/workerkit/worker/task"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// program is a worker from its configuration to its exit code.
type program struct {
	config      *config.Config
	logger      *slog.Logger
	sink        *sink
	credentials atomic.Pointer[tc.Credentials]
	runner      *runner // nil without one
	power       power
	client      *tc.Client
	engine      engines.Engine
	worker      *worker.Worker
	quit        context.CancelCauseFunc // ends the opening of the engine
	leaving     chan struct{}           // closed by the first drain
	leave       sync.Once
	metrics     metrics
	firstSignal atomic.Pointer[os.Signal]
	orders      chan os.Signal   // of a Windows service, in place of signals; else nil
	collectors  []room.Collector // of what mounts keep
	shelves     []*room.Shelf    // the same, on other disks than the tasks' directories
	unswept     []string         // directories of tasks that are being handed back, by name
	handedBack  func()           // waits until they are; nil when there are none
}

func (p *program) source() tc.Credentials { return *p.credentials.Load() }

func (p *program) name() tc.WorkerName {
	return tc.WorkerName{Pool: p.config.TaskQueueID(), Group: p.config.WorkerGroup, ID: p.config.WorkerID}
}

// run runs the worker to its end.
func (p *program) run() (int, error) {
	c := p.config
	http := tc.NewHTTP()
	p.client = tc.New(c.RootURL, http, retry.API())
	key, err := p.signingKey()
	if err != nil {
		return exitSigningKey, err
	}
	p.leaving = make(chan struct{})
	made := parts{config: c, client: p.client, http: http, logger: p.logger, trees: p.trees(), key: key, source: p.source, leaving: p.leaving}
	if made.certificate, err = certificate(c); err != nil {
		return exitInvalid, err
	}
	if p.engine, err = made.engine(); err != nil {
		return exitInvalid, err
	}
	list, closePlugins := made.plugins()
	defer func() {
		if err := closePlugins(); err != nil {
			p.logger.Warn("a feature did not end cleanly", "error", err)
		}
	}()
	kinds, err := made.native(p.engine, list)
	if err != nil {
		return exitInternal, err
	}
	tasksDir, err := filepath.Abs(c.TasksDir)
	if err == nil {
		err = os.MkdirAll(tasksDir, 0o755)
	}
	if err != nil {
		return exitUnreadable, fmt.Errorf("the tasksDir cannot be used: %w", err)
	}
	count, err := newCounter(int(c.NumberOfTasksToRun)) //nolint:gosec // a number of tasks
	if err != nil {
		return exitInternal, err
	}
	var background sync.WaitGroup
	defer background.Wait()
	background.Go(func() {
		for _, kind := range kinds {
			if err := kind.Schema.Warm(); err != nil {
				p.logger.Error("the payload schema", "error", err)
			}
		}
	})
	return p.work(made, count, taskrun.Deps{
		Client: p.client, Kinds: kinds, Plugins: list, Logger: p.logger, Now: time.Now,
		TasksDir: tasksDir, Header: p.header(), Grace: time.Duration(c.Workerkit.KillGraceSecs) * time.Second, CleanUp: c.CleanUpTaskDirs,
		StuckAfter: time.Duration(c.Workerkit.StuckAfterSecs) * time.Second,
		Started:    func(id string, run int64) { p.metrics.event("taskStart", time.Now(), id, run) },
	})
}

// work claims and runs tasks, and does what comes before the first and after the last one.
func (p *program) work(made parts, count *counter, runs taskrun.Deps) (int, error) {
	if err := p.recover(made, &runs); err != nil {
		return exitUnreadable, err
	}
	defer p.settle()
	p.changed(nil) // of a worker that did not end well
	release, err := takeTasksDir(runs.TasksDir)
	if err != nil {
		return exitInvalid, err
	}
	defer func() { _ = release() }()               // the end of the process does it too
	closeMounts, err := p.openMounts(runs.Plugins) // not before this folder is known to be this worker's
	if err != nil {
		return exitUnreadable, err
	}
	defer closeMounts()
	closeContainers, code, err := p.openContainers(made, &runs)
	if closeContainers == nil {
		return code, err
	}
	defer closeContainers()
	stopWatch := p.watch(&runs)
	defer stopWatch()
	loop := p.loop(runs, count)
	if p.oneTask() {
		loop.Tasks = min(loop.Tasks, 1)
	}
	p.worker = worker.New(loop)
	opening, quit := context.WithCancelCause(context.Background())
	defer quit(nil)
	p.quit = quit
	stop := p.listen()
	defer stop()
	shut, code, err := p.open(opening, runs.Kinds)
	if shut == nil {
		return code, err
	}
	p.introduce()
	p.metrics.boot()
	p.metrics.event("workerReady", time.Now(), "", 0)
	end := p.worker.Run(context.Background())
	shut()
	if p.oneTask() && end == worker.EndEnough && count.remaining() > 0 {
		return exitReboot, p.reboot("the task's session ends")
	}
	return p.exit(end)
}

// resolved says in the worker's log how a run ended. An error that came after the task's own log was
// complete is nowhere else.
func (p *program) resolved(claim tc.Claim, o taskrun.Outcome) {
	level, attrs := slog.LevelInfo, []any{"taskId", claim.TaskID, "runId", claim.RunID}
	if o.Resolution != "" { // else the queue decided
		attrs = append(attrs, "resolution", string(o.Resolution))
	}
	if o.Err != nil {
		attrs = append(attrs, "error", o.Err)
	}
	if o.Resolution == "" || o.Resolution == task.InternalError {
		level = slog.LevelWarn
	}
	p.logger.Log(context.Background(), level, "a task has ended", attrs...)
}

// survive keeps the program alive when nobody reads its output any more: a write then fails, which
// is no reason to leave tasks behind. Tasks get the signal's usual effect.
func survive() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// terminate asks worker-manager whether this worker should end. Without an answer it should not.
func (p *program) terminate(ctx context.Context) bool {
	manager := p.client.WithPolicy(retry.Policy{Total: time.Nanosecond}).WorkerManager(p.source)
	terminate, reason, err := manager.ShouldTerminate(ctx, p.name())
	if err != nil {
		p.logger.Warn("worker-manager does not say whether this worker should end; it goes on", "error", err)
		return false
	}
	if terminate {
		p.logger.Info("worker-manager wants this worker to end", "reason", reason)
	}
	return terminate
}

// listen obeys signals and the runner until the returned function is called.
func (p *program) listen() (stop func()) {
	signals := p.orders
	if signals == nil {
		signals = make(chan os.Signal, 2)
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	}
	ended := make(chan struct{})
	var gone <-chan struct{}
	if p.runner != nil {
		gone = p.runner.gone
		p.runner.listen(p.obey)
		select {
		case <-gone: // before anything was claimed
			p.drain(false, time.Time{})
		default:
		}
	}
	var listener sync.WaitGroup
	listener.Go(func() {
		for {
			select {
			case <-ended:
				return
			case s := <-signals:
				p.signalled(s)
			case <-gone:
				gone = nil
				p.drain(false, time.Time{})
				p.logger.Warn("the runner has gone; ending", "error", p.runner.err)
			}
		}
	})
	return func() {
		signal.Stop(signals)
		close(ended)
		listener.Wait()
	}
}

// signalled ends the worker: SIGTERM aborts the tasks, an interrupt lets them finish, and a
// second signal is from somebody in a hurry.
func (p *program) signalled(s os.Signal) {
	p.logger.Info("stopping", "signal", s.String())
	if !p.firstSignal.CompareAndSwap(nil, &s) {
		p.worker.Stop()
		return
	}
	p.drain(s == os.Interrupt, time.Time{})
}

// errLeaving is why the engine is no longer opened.
var errLeaving = errors.New("the worker was told to end")

// drain makes the worker end (see worker.Drain), also one that has not begun to claim.
func (p *program) drain(finish bool, deadline time.Time) {
	p.worker.Drain(finish, deadline)
	p.leave.Do(func() { close(p.leaving) })
	p.quit(errLeaving)
}

// exit says with which code the program ends, after what the end asks for.
func (p *program) exit(end worker.End) (int, error) {
	c := p.config
	switch end {
	case worker.EndEnough:
		p.logger.Info("as many tasks have been run as numberOfTasksToRun says", "countedIn", counterFile)
		ctx, done := context.WithTimeout(context.Background(), 30*time.Second)
		defer done()
		if p.runner != nil && p.terminate(ctx) {
			return p.exit(worker.EndTerminated)
		}
		return exitEnough, nil
	case worker.EndIdle:
		p.logger.Info("no task for too long")
		return exitIdle, p.shutdown(c.ShutdownMachineOnIdle, "idle")
	case worker.EndTerminated:
		// Without the runner's help it is the machine's owner who decides that it may go.
		return exitTerminated, p.shutdown(p.runner.can(protocol.Shutdown) || c.ShutdownMachineOnIdle, "worker-manager said so")
	case worker.EndNoRoom:
		return exitInternal, errors.New("there is not enough disk space for a task (see requiredDiskSpaceMegabytes)")
	case worker.EndFaulty:
		return exitInternal, errFaulty
	default:
		if s := p.firstSignal.Load(); s != nil && *s == os.Interrupt {
			return exitInterrupted, nil
		}
		return exitDrained, nil
	}
}

// shutdown has the machine shut down, if wanted: by the runner where there is one that can.
func (p *program) shutdown(wanted bool, why string) error {
	if !wanted {
		return nil
	}
	p.settle()
	p.metrics.event("instanceShutdown", time.Now(), "", 0)
	if p.runner.can(protocol.Shutdown) {
		return p.sink.send(protocol.Message{Type: protocol.Shutdown})
	}
	return p.power.off("generic-worker: " + why)
}
