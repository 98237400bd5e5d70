package main

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/disk"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/trim"
	"github.com/workerkit/workerkit/worker"
	"github.com/workerkit/workerkit/worker/room"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// loop is what the claim loop works with.
func (p *program) loop(runs taskrun.Deps, count *counter) worker.Deps {
	c := p.config
	work := p.client.Work(p.source, p.name())
	dirs := room.NewLeftovers(runs.TasksDir, taskrun.IsDir, taskrun.RemoveDir)
	dirs.Hold(p.unswept...)
	space := p.room(runs.TasksDir, dirs)
	d := worker.Deps{
		Logger: p.logger, Capacity: int(c.Capacity), Idle: time.Duration(c.IdleTimeoutSecs) * time.Second, //nolint:gosec // a number of seconds
		Tasks:     count.remaining(),
		Faults:    p.faults(),
		Claim:     work.Claim,
		MayBeLost: func(error) { p.metrics.event("claimMayBeLost", time.Now(), "", 0) },
		NewRun: func(claim tc.Claim, slot int) worker.Run {
			p.metrics.event("taskQueued", claim.Scheduled, claim.TaskID, claim.RunID)
			p.logger.Info("claimed a task", "taskId", claim.TaskID, "runId", claim.RunID)
			r := taskrun.New(runs, claim, slot)
			dir, own := r.Dirs()
			return &heldRun{r, dirs.Hold(filepath.Base(dir), filepath.Base(own)), p.tidy}
		},
		Sweep:    p.sweep(dirs),
		Room:     space.For,
		Collect:  space.Collect,
		Changed:  p.changed,
		Resolved: func(claim tc.Claim, o taskrun.Outcome) { p.ended(count, claim, o) },
		Quiet:    p.trim,
	}
	if p.runner != nil {
		d.Terminate = p.terminate
	}
	return d
}

// trim gives memory back while nothing runs.
func (p *program) trim() {
	if _, err := trim.Trim(); err != nil {
		p.logger.Debug("memory is not given back", "error", err) // it does no harm
	}
}

// ended notes in the worker's own log and files that a run has ended.
func (p *program) ended(count *counter, claim tc.Claim, o taskrun.Outcome) {
	p.metrics.event("taskFinish", time.Now(), claim.TaskID, claim.RunID)
	p.resolved(claim, o)
	if err := count.add(); err != nil {
		p.logger.Error("numberOfTasksToRun may not hold over a restart", "error", err)
	}
	p.remember(claim)
}

// heldRun is a run whose directories are kept until they are cleaned, and which tidies up.
type heldRun struct {
	*taskrun.Runner
	release func()
	tidy    func(context.Context)
}

func (r *heldRun) Clean(ctx context.Context) {
	r.Runner.Clean(ctx)
	r.release()
	r.tidy(ctx)
}

// room is the space for tasks, and what may be deleted for it.
func (p *program) room(tasksDir string, dirs *room.Leftovers) *room.Room {
	r := &room.Room{Dir: tasksDir, Each: p.required(), Free: disk.Free, Logger: p.logger}
	if p.config.CleanUpTaskDirs {
		r.Collectors = append(r.Collectors, dirs)
	}
	r.Collectors = append(r.Collectors, p.collectors...)
	return r
}

// sweep returns what removes the directories of tasks of a worker that ended without cleaning up.
func (p *program) sweep(dirs *room.Leftovers) func() {
	if !p.config.CleanUpTaskDirs {
		return func() {}
	}
	return func() {
		if _, err := dirs.Collect(context.Background(), math.MaxUint64); err != nil {
			p.logger.Warn("old task directories are left", "error", err)
		}
	}
}

// errFaulty means that the worker does not trust its machine. It has been reported when the worker ends.
var errFaulty = errors.New("too many tasks in a row failed through this machine's fault (see workerkit.maxFaultyRuns)")
