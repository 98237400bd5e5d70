// Package engines is the contract between the worker and what runs a task's commands.
//
// One run goes through three stages, each a type of its own, so that a wrong order does not
// compile:
//
//	Engine.NewBuilder ─► Builder ─ Setenv, optional abilities ─► Start ─► Sandbox ─► Wait ─► Result ─► Dispose
//	                        └─ Discard (instead of Start)                    ▲
//	                                                            Kill ────────┘
//
// Ownership: exactly one of Builder.Discard and Builder.Start is called, Start once. When Start
// fails the builder has freed everything itself. When it succeeds the sandbox owns it all until
// Wait returns, then the result does until Dispose. After Dispose (or Discard, or a failed
// Start) nothing of the task is left: no process, no file outside the task directory.
//
// Concurrency: an engine serves many runs at once. The methods of one builder are called one
// after another. A sandbox's and a result's methods may be called concurrently.
//
// Errors: a *task.Error decides the run's resolution; ErrNotSupported becomes malformed-payload
// that names the engine and the ability; every other error is internal-error. Commands that
// fail are a Status, never an error.
//
// An ability that only some engines have is an interface of one method beside Builder, Sandbox
// or Result, found by type assertion: see Mounter, Proxier, Sheller.
package engines

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
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
	// NewBuilder begins a run whose payload is valid. It may fetch what the run needs (an image);
	// it runs at the same time as the plugins' Prepare and ends early when ctx does.
	NewBuilder(ctx context.Context, run *task.Run) (Builder, error)
}

// Builder collects what a sandbox needs before it starts.
type Builder interface {
	// Setenv sets a variable of the commands' environment; the last call for a name wins.
	Setenv(name, value string) error
	// Start starts the commands. ctx bounds the start alone, not the life of the sandbox.
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
	// OpenFile opens a regular file left by the commands; path is relative to the task
	// directory or absolute. Errors: fs.ErrNotExist, ErrWrongKind, fs.ErrPermission.
	OpenFile(ctx context.Context, path string) (File, error)
	// WalkDir visits the regular files below a directory in lexical order, with slash-separated
	// paths relative to it. Symbolic links to files are visited as files where the engine can prove that the task may
	// read them, devices and pipes never. open may be called later, until Dispose, and more than
	// once. Errors as OpenFile, and those of visit.
	WalkDir(ctx context.Context, path string, visit func(rel string, open func() (File, error)) error) error
	// Dispose frees everything. The task directory itself is the worker's.
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

// Mounter is a Builder that can put a directory or file of the worker at a place in the sandbox.
type Mounter interface {
	Mount(ctx context.Context, m Mount) error
}

// Mount asks for Source (a path on the worker's machine) to be seen at Target by the task.
type Mount struct {
	Source, Target string
	ReadOnly       bool
}

// Proxier is a Builder that can make an HTTP handler reachable by the commands, and only by
// them. It returns the base URL as the commands see it.
type Proxier interface {
	Proxy(ctx context.Context, name string, h http.Handler) (url string, err error)
}

// Sheller is a Sandbox in which a further command can be run, with or without a terminal.
type Sheller interface {
	Shell(ctx context.Context, command []string, terminal bool) (Shell, error)
}

// Shell is a command beside the task's own.
type Shell interface {
	io.ReadWriteCloser
	Resize(columns, rows uint16) error
	Wait(ctx context.Context) (exitCode int, err error)
}
