package task

import (
	"errors"
	"fmt"
	"time"
)

// Resolution is how a run ends.
type Resolution string

// The resolutions that a worker reports. Every one but Completed and Failed is the reason of
// an exception, in the words of queue.reportException; WorkerShutdown and Intermittent make the queue try again.
const (
	Completed           Resolution = "completed"
	Failed              Resolution = "failed"
	MalformedPayload    Resolution = "malformed-payload"
	ResourceUnavailable Resolution = "resource-unavailable"
	InternalError       Resolution = "internal-error"
	WorkerShutdown      Resolution = "worker-shutdown"
	Intermittent        Resolution = "intermittent-task"
)

// Error is an error that says how the run ends. Its text is written to the task's log, so it
// says what the task's author can do, and holds no secret.
type Error struct {
	Resolution Resolution
	Err        error
	// Deadline, of a WorkerShutdown that aborts a run, is when the machine goes away: what is
	// uploaded by then is the log first, then artifacts. Zero is not known.
	Deadline time.Time
}

// Error implements error with the text for the task's log.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

func newError(r Resolution, format string, args []any) *Error {
	return &Error{Resolution: r, Err: fmt.Errorf(format, args...)}
}

// Malformed is for a payload that cannot be run as written.
func Malformed(format string, args ...any) *Error { return newError(MalformedPayload, format, args) }

// Failure is for a task that did what it was told and failed: a red task, no error of ours.
func Failure(format string, args ...any) *Error { return newError(Failed, format, args) }

// Unavailable is for a service or resource that the task needs and that does not answer.
func Unavailable(format string, args ...any) *Error {
	return newError(ResourceUnavailable, format, args)
}

// Internal is for a fault of the worker or its machine.
func Internal(format string, args ...any) *Error { return newError(InternalError, format, args) }

// Shutdown is for a worker that goes away.
func Shutdown(format string, args ...any) *Error { return newError(WorkerShutdown, format, args) }

// Retryable is for a failure that the task's author declared to be intermittent.
func Retryable(format string, args ...any) *Error { return newError(Intermittent, format, args) }

// Resolve says how a run with this first error ends: nil is Completed, an error that is
// no *Error is InternalError.
func Resolve(err error) Resolution {
	if err == nil {
		return Completed
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Resolution
	}
	return InternalError
}
