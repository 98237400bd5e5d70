package taskrun

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/task"
)

// hook is a plugin's part of this run.
type hook struct {
	name  string
	hooks plugins.Hooks
}

// firstError keeps the first error that it is given.
type firstError struct {
	mu  sync.Mutex
	err error
}

func (f *firstError) set(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// body is the life of a run between its claim and its resolution; read it beside the drawing
// in package plugins. ctx ends when the worker gives up on the run.
func (r *Runner) body(ctx context.Context) {
	log := r.run.Log
	log.Info("%s", r.deps.Header)
	log.Info("Task ID: %s", r.claim.TaskID)
	log.Info("=== Task Starting ===")
	r.first.set(r.validate())
	r.first.set(r.makeHooks())
	r.stopped(ctx, r.commands(ctx))
	if err := r.first.get(); err != nil {
		log.Error("%v", err)
	}
	if _, err := log.Close(); err != nil {
		r.first.set(task.Internal("the log could not be stored: %w", err))
	}
	r.together(r.first.set, func(h hook) error {
		if f, ok := h.hooks.(plugins.Finisher); ok {
			return f.Finish(ctx)
		}
		return nil
	})
}

// validate checks the payload and gives it to the run.
func (r *Runner) validate() error {
	payload := r.run.Definition.Payload
	problems, err := r.deps.Schema.Validate(payload)
	if err != nil {
		return task.Internal("%w", err)
	}
	if len(problems) == 0 {
		r.run.Payload = payload
		return nil
	}
	r.run.Log.Error("TASK FAIL since the task payload is invalid. See errors:")
	for _, p := range problems {
		r.run.Log.Error("- %s", p)
	}
	return task.Malformed("validation of payload failed for task %s", r.claim.TaskID)
}

// makeHooks asks each plugin for its part, also when the payload is not valid: the log has to
// be uploaded all the same.
func (r *Runner) makeHooks() error {
	var first error
	for _, p := range r.deps.Plugins {
		var made plugins.Hooks
		err := r.guard(p.Name(), func() (err error) {
			made, err = p.New(r.run)
			return err
		})
		if err != nil && first == nil {
			first = err
		}
		if err == nil && made != nil {
			r.hooks = append(r.hooks, hook{p.Name(), made})
		}
	}
	return first
}

// commands prepares, starts and awaits the commands. The result is nil when none were started.
func (r *Runner) commands(ctx context.Context) engines.Result {
	if r.first.get() != nil || r.wasAborted() {
		return nil
	}
	stopped := context.AfterFunc(ctx, func() { r.abort(context.Cause(ctx)) })
	defer stopped()
	builder := r.prepare()
	if builder == nil {
		r.first.set(task.Internal("the engine %s made nothing to run", r.deps.Engine.Name())) // unless it said why
		return nil
	}
	if r.first.get() == nil {
		r.build(builder)
	}
	if r.first.get() != nil || r.wasAborted() {
		freeing, done := bounded(ctx)
		defer done()
		if err := r.guard(r.deps.Engine.Name(), func() error { return builder.Discard(freeing) }); err != nil {
			r.logger.Error("the engine did not clean up", "error", err)
		}
		return nil
	}
	return r.execute(context.WithoutCancel(ctx), builder)
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
		r.fail(r.guard(r.deps.Engine.Name(), func() (err error) {
			builder, err = r.deps.Engine.NewBuilder(r.aborted, r.run)
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
	r.deps.Started(r.claim.TaskID, r.claim.RunID)
	begin := r.deps.Now()
	var sandbox engines.Sandbox
	err := r.guard(r.deps.Engine.Name(), func() (err error) {
		sandbox, err = builder.Start(r.aborted)
		return err
	})
	if err != nil {
		r.fail(err)
		return nil
	}
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
	err = r.guard(r.deps.Engine.Name(), func() (err error) {
		result, err = sandbox.Wait(ctx)
		return err
	})
	return result, err
}

// kill ends the commands. After a Wait that failed it makes sure that nothing is left.
func (r *Runner) kill(ctx context.Context, sandbox engines.Sandbox) (engines.Result, error) {
	ctx, done := context.WithTimeout(ctx, r.deps.Grace+time.Minute)
	defer done()
	err := r.guard(r.deps.Engine.Name(), func() error { return sandbox.Kill(ctx, r.deps.Grace) })
	if err != nil {
		return nil, err
	}
	return r.wait(ctx, sandbox)
}

// stopped lets the plugins look at the result, then frees it.
func (r *Runner) stopped(ctx context.Context, result engines.Result) {
	for _, h := range reversed(r.hooks) {
		if s, ok := h.hooks.(plugins.Stopper); ok {
			r.first.set(r.guard(h.name, func() error { return s.Stopped(ctx, result) }))
		}
	}
	if result == nil {
		return
	}
	freeing, done := bounded(ctx)
	defer done()
	if err := r.guard(r.deps.Engine.Name(), func() error { return result.Dispose(freeing) }); err != nil {
		r.first.set(task.Internal("%w", err))
	}
}

// freeTime is how long an engine may take to free what a run held.
const freeTime = 2 * time.Minute

// bounded is for clean-up, which goes on when ctx has ended, but not for ever.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), freeTime)
}

// together calls fn for all hooks at the same time, gives each error to failed, and waits.
func (r *Runner) together(failed func(error), fn func(hook) error) {
	var wg sync.WaitGroup
	for _, h := range r.hooks {
		wg.Go(func() { failed(r.guard(h.name, func() error { return fn(h) })) })
	}
	wg.Wait()
}

// guard turns a panic of an engine or a plugin into an internal error of this run, and an
// ability that is missing into what the task's author can act on.
func (r *Runner) guard(name string, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.logger.Error("panic", "in", name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = task.Internal("%s failed; the worker's log has the details", name)
		}
	}()
	err = fn()
	if errors.Is(err, engines.ErrNotSupported) {
		return task.Malformed("%s: the engine %s does not offer this: %w", name, r.deps.Engine.Name(), err)
	}
	return err
}

func reversed(hooks []hook) []hook {
	all := slices.Clone(hooks)
	slices.Reverse(all)
	return all
}
