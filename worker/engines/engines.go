// Package engines is the contract between the worker and what runs a task's commands: processes,
// containers, machines. It is written for whoever adds an engine; enginetest checks it.
//
// One run goes through three stages, each a type of its own, so that a wrong order does not
// compile:
//
//	Engine.NewBuilder ─► Builder ─ Setenv, optional abilities ─► Start ─► Sandbox ─► Wait ─► Result ─► Dispose
//	                        └─ Discard (instead of Start)                    ▲
//	                                                            Kill ────────┘
//
// Order. NewBuilder is where time goes: it fetches and unpacks what the run needs (an image, a
// disk, a user), at the same time as the plugins' Prepare, and before anything is known of their
// success. Everything that can be found wrong with the payload is found there. Then each plugin
// may use the builder, one after another; Start comes last, and should only have to start. The
// commands run one after another until one fails. Plugins look at the Result, in which the files
// are as the commands left them, and Dispose ends it.
//
// Ownership. Exactly one of Builder.Discard and Builder.Start is called, Start once. When
// NewBuilder or Start fails it has freed everything itself. When Start succeeds the sandbox owns
// it all until Wait returns a result, which then does until Dispose; when Wait fails, but for the
// end of its context, the sandbox has freed everything.
//
// What must hold after the commands have ended, in whatever way: no process of the run is left
// when Wait returns, also none that left its session, lost its parent, wiped its environment,
// changed its directory, stopped itself or does not listen to signals. After Dispose, Discard or a
// failure nothing of the run is left at all: no file outside the task directory, mount, user,
// port, network or image layer that only this run had. What is kept for later runs (a cache of images) is
// the engine's, and no later run may tell from it what this one did. The task directory is the
// worker's. An engine that was killed itself cleans up what it left when it is made again.
//
// Concurrency. An engine serves many runs at once, which do not see each other: not their
// processes, ports, files, ends. The methods of one builder are called one after another. A
// sandbox's and a result's methods may be called concurrently. No goroutine of a run is left after
// Dispose, Discard or a failure.
//
// Contexts. One that ends makes the method return soon, with the context's cause, having freed
// what it made. Those of Wait and Start bound the call alone: the commands go on. Kill, Discard
// and Dispose get a context that outlives the run's.
//
// Errors. A *task.Error decides the run's resolution, and its text is for the task's author:
// task.Malformed for a payload that cannot be run as written (an image that does not exist),
// task.Unavailable for a service that does not answer (a registry), task.Internal for a fault
// of the worker. ErrNotSupported, also wrapped, becomes malformed-payload that names the engine
// and the ability. Every other error is internal-error. Commands that fail, cannot be found or are ended by a limit are a Status, never an error.
//
// The log. What the commands print goes to run.Log as it comes, byte for byte, both streams in the
// order in which they were written as far as that can be known; all of it is there when Wait
// returns. Before each command there is "Executing command N: …", after it the lines of its footer.
//
// Abilities. What only some engines have is an interface of one method beside Builder, Sandbox or
// Result, found by type assertion: Mounter, Proxier, Servicer, Grouper, Promoter, Elevator, RemoteDesktop, Prober, Imager; Sheller, Meter. A plugin that does
// not find the one it needs returns ErrNotSupported. An engine with the ability may
// return it for a form that it lacks (a file where it can only mount directories).
package engines

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// ErrNotSupported is returned where an engine lacks an ability or a form of it.
var ErrNotSupported = errors.New("not supported by this engine")

// Engine runs the commands of tasks. There is one per process.
type Engine interface {
	// Name is the name in the configuration and in --version.
	Name() string
	// Payload is the part of the payload that says what to run.
	Payload() payload.Fragment
	// NewBuilder begins a run whose payload is valid. It fetches what the run needs, such as an
	// image; it runs at the same time as the plugins' Prepare and ends early when ctx does.
	NewBuilder(ctx context.Context, run *task.Run) (Builder, error)
}

// Keeper is an Engine that has something going on between runs: Open comes before the first
// NewBuilder, and Close after the last Dispose, unless Open failed. Both may take a while, which ctx bounds.
type Keeper interface {
	Open(ctx context.Context) error
	Close(ctx context.Context) error
}

// Builder collects what a sandbox needs before it starts.
type Builder interface {
	// Setenv sets a variable of the commands' environment; the last call for a name wins.
	Setenv(name, value string) error
	// Start starts the commands, after what the builder was asked for is there: services answer,
	// mounts are mounted. ctx bounds the start alone, not the life of the sandbox.
	Start(ctx context.Context) (Sandbox, error)
	// Discard frees everything.
	Discard(ctx context.Context) error
}

// Sandbox is a run's commands, started.
type Sandbox interface {
	// Wait returns when the commands have ended and everything they wrote is in the run's log.
	// It may be called more than once and always gives the same. When ctx ends first it
	// returns ctx's cause and the commands go on.
	Wait(ctx context.Context) (Result, error)
	// Kill ends every process of the run: asked first (SIGTERM) when grace is positive, then
	// by force. It returns when all are gone, is safe to repeat, and makes Wait return a
	// result whose Status is Aborted. Kill after the end does nothing.
	Kill(ctx context.Context, grace time.Duration) error
}

// Result is what is left after the commands ended.
type Result interface {
	Status() Status
	// OpenFile opens a regular file left by the commands; path is as they see it, relative to the
	// task directory or absolute. Only what the task may read is opened. A device, a pipe or a
	// socket is never opened, nor waited for. Errors: fs.ErrNotExist, ErrWrongKind, fs.ErrPermission.
	OpenFile(ctx context.Context, path string) (File, error)
	// WalkDir visits the regular files below a directory in lexical order, with slash-separated
	// paths relative to it. Symbolic links to files are visited as files where the engine can prove
	// that the task may read them, devices and pipes never. open may be called later, until
	// Dispose, and more than once. Errors as OpenFile, and those of visit.
	WalkDir(ctx context.Context, path string, visit func(rel string, open func() (File, error)) error) error
	// Dispose frees everything, once: it may be repeated, also on another result of the same sandbox.
	// The task directory itself is the worker's.
	Dispose(ctx context.Context) error
}

// ErrWrongKind says that a path is not the kind of file asked for.
var ErrWrongKind = errors.New("not the kind of file that was asked for")

// File is an open file of a result.
type File interface {
	io.ReadSeekCloser
	Stat() (fs.FileInfo, error)
}

// Status says how the commands ended.
type Status struct {
	Success  bool
	Aborted  bool          // ended by Kill
	ExitCode int           // of the last command that ran; see the Exit constants when it has none
	Reason   string        // why not Success, for the task's log: "exit status 3"
	Duration time.Duration // of all commands
}

// Exit codes of commands that have none of their own.
const (
	ExitSignalled  = -1 // killed by a signal
	ExitNotStarted = -2
	ExitUnknown    = -3
	ExitAborted    = -4
)
