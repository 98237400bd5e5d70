package taskrun

import (
	"context"
	"sync"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// commands prepares, starts and awaits the commands. The result is nil when none were started.
func (r *Runner) commands(ctx context.Context) engines.Result {
	if r.first.get() != nil || r.wasAborted() {
		return nil
	}
	stopped := context.AfterFunc(ctx, func() { r.abort(context.Cause(ctx)) })
	defer stopped()
	builder := r.prepare()
	if builder == nil {
		r.first.set(task.Internal("the engine %s made nothing to run", r.kind.Engine.Name())) // unless it said why
		return nil
	}
	if r.first.get() == nil {
		r.build(builder)
	}
	r.awaitJournal()
	if r.first.get() != nil || r.wasAborted() {
		freeing, done := bounded(ctx)
		defer done()
		if err := r.guard(r.kind.Engine.Name(), func() error { return builder.Discard(freeing) }); err != nil {
			r.logger.Error("the engine did not clean up", "error", err)
		}
		return nil
	}
	return r.execute(context.WithoutCancel(ctx), builder)
}

// awaitJournal waits until the claim is on disk, or there is no command to start.
func (r *Runner) awaitJournal() {
	select {
	case <-r.noted:
	case <-r.aborted.Done():
	}
}

// wasAborted takes the cause of an abort as an error, if there was one.
func (r *Runner) wasAborted() bool {
	if r.aborted.Err() == nil {
		return false
	}
	r.first.set(context.Cause(r.aborted))
	return true
}

// fail notes an error of a stage that an abort ends: then the abort is what counts, as the
// error is only what came of it.
func (r *Runner) fail(err error) {
	if err != nil && !r.wasAborted() {
		r.first.set(err)
	}
}

// prepare runs the plugins' Prepare and the engine's NewBuilder at the same time.
func (r *Runner) prepare() engines.Builder {
	var builder engines.Builder
	var wg sync.WaitGroup
	wg.Go(func() {
		r.fail(r.guard(r.kind.Engine.Name(), func() (err error) {
			builder, err = r.kind.Engine.NewBuilder(r.aborted, r.run)
			return err
		}))
	})
	r.together(r.fail, func(h hook) error {
		if p, ok := h.hooks.(plugins.Preparer); ok {
			return p.Prepare(r.aborted)
		}
		return nil
	})
	wg.Wait()
	r.wasAborted()
	return builder
}

func (r *Runner) build(builder engines.Builder) {
	for _, h := range r.hooks {
		b, ok := h.hooks.(plugins.Builder)
		if !ok {
			continue
		}
		if err := r.guard(h.name, func() error { return b.Build(r.aborted, builder) }); err != nil {
			r.fail(err)
			return
		}
	}
}

// execute starts the commands and waits for their end. ctx is for ending them, whatever becomes
// of the worker meanwhile; an abort reaches all else.
func (r *Runner) execute(ctx context.Context, builder engines.Builder) engines.Result {
	r.begun.Store(true)
	r.deps.Started(r.claim.TaskID, r.claim.RunID)
	begin := r.deps.Now()
	var sandbox engines.Sandbox
	err := r.guard(r.kind.Engine.Name(), func() (err error) {
		sandbox, err = builder.Start(r.aborted)
		return err
	})
	if err != nil {
		r.fail(err)
		return nil
	}
	r.enter(running, nil)
	r.started(sandbox)
	result := r.await(ctx, sandbox)
	r.run.Log.Info("=== Task Finished ===")
	r.run.Log.Info("Task Duration: %s", r.deps.Now().Sub(begin))
	return result
}

// started tells the plugins that the commands run.
func (r *Runner) started(sandbox engines.Sandbox) {
	for _, h := range r.hooks {
		s, ok := h.hooks.(plugins.Starter)
		if !ok {
			continue
		}
		if err := r.guard(h.name, func() error { return s.Started(r.aborted, sandbox) }); err != nil {
			r.fail(err) // also when the commands have ended by now
			r.abort(err)
			return
		}
	}
}

// await waits for the commands, and ends them when the run is aborted before they have ended.
func (r *Runner) await(ctx context.Context, sandbox engines.Sandbox) engines.Result {
	result, err := r.wait(r.aborted, sandbox) //nolint:contextcheck // an abort is what ends this wait
	if err == nil {
		return result
	}
	if r.wasAborted() {
		r.run.Log.Error("Aborting task...")
	}
	r.first.set(err)
	if result, err = r.kill(ctx, sandbox); err != nil {
		r.logger.Error("the commands may not have been ended", "error", err)
	}
	return result
}

func (r *Runner) wait(ctx context.Context, sandbox engines.Sandbox) (result engines.Result, err error) {
	err = r.guard(r.kind.Engine.Name(), func() (err error) {
		result, err = sandbox.Wait(ctx)
		return err
	})
	return result, err
}

// kill ends the commands. After a Wait that failed it makes sure that nothing is left.
func (r *Runner) kill(ctx context.Context, sandbox engines.Sandbox) (engines.Result, error) {
	grace := r.grace()
	ctx, done := context.WithTimeout(ctx, grace+killTime)
	defer done()
	err := r.guard(r.kind.Engine.Name(), func() error { return sandbox.Kill(ctx, grace) })
	if err != nil {
		return nil, err
	}
	return r.wait(ctx, sandbox)
}

// killTime bounds how long commands that are killed by force may take to be gone.
const killTime = time.Minute

// grace is how long the commands may take to obey: not at all when the machine goes away sooner.
func (r *Runner) grace() time.Duration {
	if by, _ := r.leaving(); !by.IsZero() && r.deps.Now().Add(r.deps.Grace).After(by) {
		return 0
	}
	return r.deps.Grace
}
