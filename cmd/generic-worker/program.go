package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/workerkit/workerkit/internal/protocol"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/worker"
	"github.com/workerkit/workerkit/worker/config"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// program is a worker from its configuration to its exit code.
type program struct {
	config      *config.Config
	logger      *slog.Logger
	sink        *sink
	credentials atomic.Pointer[tc.Credentials]
	runner      io.Reader      // nil without a runner
	conn        *protocol.Conn // nil without a runner
	client      *tc.Client
	engine      engines.Engine
	worker      *worker.Worker
	metrics     metrics
	interrupted atomic.Bool
}

func (p *program) source() tc.Credentials { return *p.credentials.Load() }

func (p *program) name() tc.WorkerName {
	return tc.WorkerName{Pool: p.config.TaskQueueID(), Group: p.config.WorkerGroup, ID: p.config.WorkerID}
}

// run runs the worker to its end.
func (p *program) run() (int, error) {
	c := p.config
	p.metrics = metrics{c, p.sink.line}
	http := tc.NewHTTP()
	p.client = tc.New(c.RootURL, http, retry.API())
	made := parts{config: c, client: p.client, http: http, logger: p.logger}
	var err error
	if p.engine, err = made.engine(); err != nil {
		return exitInvalid, err
	}
	list, closePlugins := made.plugins()
	defer func() {
		if err := closePlugins(); err != nil {
			p.logger.Warn("a feature did not end cleanly", "error", err)
		}
	}()
	schema, err := merge(p.engine, list)
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
		if err := schema.Warm(); err != nil {
			p.logger.Error("the payload schema", "error", err)
		}
	})
	if c.CleanUpTaskDirs {
		left := leftovers(tasksDir)
		background.Go(func() { p.removeAll(left) })
	}
	runs := taskrun.Deps{
		Client: p.client, Engine: p.engine, Plugins: list, Schema: schema, Logger: p.logger, Now: time.Now,
		TasksDir: tasksDir, Header: p.header(), Grace: time.Duration(c.Workerkit.KillGraceSecs) * time.Second, CleanUp: c.CleanUpTaskDirs,
		Started: func(id string, run int64) { p.metrics.event("taskStart", time.Now(), id, run) },
	}
	p.worker = worker.New(p.deps(runs, count, tasksDir))
	stop := p.listen()
	defer stop()
	p.metrics.event("workerReady", time.Now(), "", 0)
	return p.exit(p.worker.Run(context.Background()))
}

func (p *program) deps(runs taskrun.Deps, count *counter, tasksDir string) worker.Deps {
	c := p.config
	work := p.client.Work(p.source, p.name())
	d := worker.Deps{
		Logger: p.logger, Capacity: int(c.Capacity), Idle: time.Duration(c.IdleTimeoutSecs) * time.Second,
		Remaining: count.remaining,
		Claim:     work.Claim,
		NewRun: func(claim tc.Claim) worker.Run {
			p.metrics.event("taskQueued", claim.Scheduled, claim.TaskID, claim.RunID)
			p.logger.Info("claimed a task", "taskId", claim.TaskID, "runId", claim.RunID)
			return taskrun.New(runs, claim)
		},
		Room:    func(bool) error { return room(tasksDir, uint64(c.RequiredDiskSpaceMegabytes)<<20) },
		Changed: p.changed,
		Resolved: func(claim tc.Claim, o taskrun.Outcome) {
			p.metrics.event("taskFinish", time.Now(), claim.TaskID, claim.RunID)
			p.logger.Info("a task has ended", "taskId", claim.TaskID, "runId", claim.RunID, "resolution", string(o.Resolution))
			if err := count.add(); err != nil {
				p.logger.Error("numberOfTasksToRun may not hold over a restart", "error", err)
			}
			p.remember(claim)
		},
	}
	if p.conn != nil {
		manager := p.client.WithPolicy(retry.Policy{Total: time.Nanosecond}).WorkerManager(p.source)
		d.Terminate = func(ctx context.Context) bool {
			terminate, reason, err := manager.ShouldTerminate(ctx, p.name())
			if err != nil {
				p.logger.Warn("worker-manager does not say whether this worker should end; it goes on", "error", err)
			}
			if terminate {
				p.logger.Info("worker-manager wants this worker to end", "reason", reason)
			}
			return terminate && err == nil
		}
	}
	return d
}

// listen obeys signals and the runner until the returned function is called.
func (p *program) listen() (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ended := make(chan struct{})
	var listeners sync.WaitGroup
	listeners.Go(func() {
		for {
			select {
			case <-ended:
				return
			case s := <-signals:
				p.logger.Info("stopping", "signal", s.String())
				if s == os.Interrupt {
					p.interrupted.Store(true)
				}
				p.worker.Drain(s == os.Interrupt)
			}
		}
	})
	if p.conn != nil {
		p.sink.through(p.conn)
		go p.obey() // ends with the process: a read of standard input cannot be ended
	}
	return func() {
		signal.Stop(signals)
		close(ended)
		listeners.Wait()
	}
}

// obey does what the runner says. When the runner goes away, the worker ends.
func (p *program) obey() {
	err := p.conn.Read(p.runner, func(m protocol.Message) {
		switch m.Type {
		case protocol.GracefulTermination:
			p.logger.Info("the runner wants this worker to end")
			p.worker.Drain(m.FinishTasks != nil && *m.FinishTasks)
		case protocol.NewCredentials:
			p.credentials.Store(credentials(m))
			p.logger.Info("got new credentials")
		default:
			p.logger.Warn("the runner sent a message that this worker does not know", "type", m.Type)
		}
	}, func(string) {})
	p.logger.Warn("the runner has gone; ending", "error", err)
	p.worker.Drain(false)
}

// exit says with which code the program ends, after what the end asks for.
func (p *program) exit(end worker.End) (int, error) {
	c := p.config
	switch end {
	case worker.EndEnough:
		return exitEnough, nil
	case worker.EndIdle:
		p.logger.Info("no task for too long")
		return exitIdle, p.shutdown(c.ShutdownMachineOnIdle, "idle")
	case worker.EndTerminated:
		return exitTerminated, p.shutdown(true, "worker-manager said so")
	case worker.EndNoRoom:
		return exitInternal, errors.Join(errors.New("there is not enough disk space for a task (see requiredDiskSpaceMegabytes)"),
			p.shutdown(c.ShutdownMachineOnInternalError, "internal error"))
	default:
		if p.interrupted.Load() {
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
	p.metrics.event("instanceShutdown", time.Now(), "", 0)
	if p.conn != nil && p.conn.Agreed(protocol.Shutdown) {
		return p.conn.Send(protocol.Message{Type: protocol.Shutdown})
	}
	return powerOff("generic-worker: " + why)
}

// report tells worker-manager, through the runner, why the worker ends.
func (p *program) report(problem error) {
	if p.conn == nil || !p.conn.Agreed(protocol.ErrorReport) {
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
		err = p.conn.Send(protocol.Message{Type: protocol.ErrorReport, Kind: "worker-error", Title: "generic-worker error", Description: problem.Error(), Extra: extra})
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
