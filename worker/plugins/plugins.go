// Package plugins is the contract between the worker and the features around a task's commands.
//
// The life of a run, drawn once. Hooks in order are called one plugin after another in the
// list's order, hooks in reverse in the opposite one, hooks together at the same time:
//
//	             ┌─ New                    in order      payload is valid; the log is open
//	preparing    ├─ Preparer.Prepare       together      beside engine.NewBuilder
//	             ├─ Builder.Build          in order      environment, mounts, proxies
//	             │  (engine: Start)
//	running      ├─ Starter.Started        in order      timers, shells
//	             │  (engine: Wait, or Kill when the run is aborted)
//	             ├─ Stopper.Stopped        in reverse    artifacts; result is nil when nothing ran
//	uploading    │  (the first error goes to the log, the log is closed)
//	             ├─ Finisher.Finish        together      log upload
//	             │  (the queue is told the resolution)
//	cleaning     └─ Closer.Close           in reverse    always
//
// The first error of any hook decides the resolution (see task.Resolve). After an error in
// preparing nothing further is prepared or started, and every later hook (Stopped, Finish,
// Close) is called all the same, also for a plugin whose own earlier hook failed or never ran.
// A run that is aborted during preparing or running goes straight to Stopped; its cause is
// its first error. The contexts of New to Started end when the run is aborted, those of Stopped
// and later only when the worker gives up on the run (its claim is lost or its time is up), or when
// one of them has taken far too long.
//
// When the machine goes away at a known time, the log is uploaded first: Finish comes before
// Stopped, which then ends with time to spare for the report.
//
// When the payload is not valid, or New fails for one plugin, nothing runs, but the plugins
// that were made get Stopped, Finish and Close, so that the log is uploaded.
package plugins

import (
	"context"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// Plugin is one feature. There is one per process; it serves many runs at once.
type Plugin interface {
	Name() string
	// Payload is the part of the payload that the feature owns; the zero value is none.
	Payload() payload.Fragment
	// New makes the feature's part of one run: a value with any of the hook interfaces below,
	// or nil when this run does not ask for the feature. With an invalid payload run.Payload
	// is empty and New sees the defaults.
	New(run *task.Run) (Hooks, error)
}

// Hooks is a feature's part of one run: any value; what it does are the interfaces below.
type Hooks any

// Preparer gets ready what takes time: downloads, sockets.
type Preparer interface {
	Prepare(ctx context.Context) error
}

// Builder adds to the sandbox before it starts.
type Builder interface {
	Build(ctx context.Context, b engines.Builder) error
}

// Starter is told that the commands have started. It must not block.
type Starter interface {
	Started(ctx context.Context, s engines.Sandbox) error
}

// Stopper is called when the commands have ended. result is nil when they never started.
type Stopper interface {
	Stopped(ctx context.Context, result engines.Result) error
}

// Stayer is a Stopper whose Stopped takes as long as it wants: the run is not stuck meanwhile.
type Stayer interface {
	Stopper
	Stays()
}

// Finisher is called when the log is complete and closed.
type Finisher interface {
	Finish(ctx context.Context) error
}

// Closer frees what the feature holds. It must stop and wait for every goroutine of its own.
type Closer interface {
	Close(ctx context.Context) error
}
