package engines

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
)

// Mounter is a Builder that can put a directory or file of the worker at a place in the sandbox.
// Errors: a *task.Error of the kind Failed where the task may not have anything at Target, or
// something is there already.
type Mounter interface {
	Mount(ctx context.Context, m Mount) error
}

// Mount asks for Source (a path on the worker's machine) to be seen at Target by the task, which
// may write there unless it is ReadOnly, whoever owned the files before. Target is relative to the
// task directory or absolute, as the commands see it; folders above it that are missing are made as
// the task would make them. What the task wrote is in Source when Dispose has returned, or Discard;
// the engine follows no links in it. There is no Source any more when it cannot be had back whole, or when
// something that outlived the task can still change it.
type Mount struct {
	Source, Target string
	ReadOnly       bool
	// Given says that Source is this run's alone and need not come back: the engine may move it,
	// and has removed it when Dispose or Discard has returned.
	Given bool
}

// Grouper is a Builder whose commands can be members of groups of the operating system. A group
// that there is not, or that cannot be joined, is a *task.Error of the kind MalformedPayload.
type Grouper interface {
	Join(ctx context.Context, groups []string) error
}

// Promoter is a Builder that can have the commands run as the worker's own user in place of the
// task's. It returns the path of a file {"name", "password"} of the task's user, "" where there is none.
type Promoter interface {
	Promote(ctx context.Context) (credentials string, err error)
}

// Elevator is a Builder that can have the commands run with all the rights that the task's user has as an
// administrator, which they do not have otherwise. Where it has none, that is a *task.Error of the kind
// MalformedPayload.
type Elevator interface {
	Elevate(ctx context.Context) error
}

// RemoteDesktop is a Builder whose user somebody can log in as from elsewhere, once it was asked for.
type RemoteDesktop interface {
	RemoteDesktop(ctx context.Context) (name string, password secret.String, err error)
}

// Prober is a Builder that can tell whether the commands could read a file of the worker.
type Prober interface {
	CanRead(ctx context.Context, path string) (bool, error)
}

// Imager is a Builder whose commands run in an image. It returns the image's id, "sha256:" and
// hex, and likewise the hash of the artifact that it came in, "" when it did not come in one.
type Imager interface {
	Image() (id, artifact string)
}

// Proxier is a Builder that can make an HTTP handler reachable by the commands and the services of
// this run, and by nobody else, from Start to the end of the commands. It returns the base URL as
// they see it, without a slash at its end. name is unique in the run and matches [a-z]{3,22}; in
// the URL it may be a host.
type Proxier interface {
	Proxy(ctx context.Context, name string, h http.Handler) (url string, err error)
}

// Servicer is a Builder that can run services beside the commands: what is known as sidecars.
type Servicer interface {
	// Service asks for a service. Its image is fetched before it returns. It runs, and accepts
	// connections if it has ports, before the first command starts, and ends with the last one.
	// One that ends earlier is said in the run's log, and does not end the commands.
	Service(ctx context.Context, s Service) error
}

// Service is a program that the commands use, as a database.
type Service struct {
	Name    string // unique in the run; the host by which the commands reach it
	Image   string // as the engine's own payload names images
	Command []string
	Env     map[string]string
	Ports   []uint16 // at which it answers when it is ready
}

// Sheller is a Sandbox in which a further command can be run, with or without a terminal. An
// empty command is the shell that a person would expect. It may be called until the commands have ended, which ends the shells too.
type Sheller interface {
	Shell(ctx context.Context, command []string, terminal bool) (Shell, error)
}

// Shell is a command beside the task's own, with the same user, environment, directory and
// limits. Reading gives both of its streams, writing feeds its standard input. Close ends it and
// all that it started.
type Shell interface {
	io.ReadWriteCloser
	// Resize tells the terminal's size; without a terminal it does nothing.
	Resize(columns, rows uint16) error
	Wait(ctx context.Context) (exitCode int, err error)
}

// Meter is a Sandbox that knows what the run uses.
type Meter interface {
	// Usage is cheap enough to be asked every second. What is not known is zero.
	Usage(ctx context.Context) (Usage, error)
}

// Usage is what all processes of a run use together.
type Usage struct {
	Memory        uint64 // bytes now; 0 when the commands have ended
	PeakMemory    uint64 // bytes
	User, Kernel  time.Duration
	Read, Written uint64 // bytes from and to block devices
}
