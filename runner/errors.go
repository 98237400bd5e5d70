package runner

import (
	"errors"
	"fmt"

	"github.com/workerkit/workerkit/runner/launch"
	"github.com/workerkit/workerkit/runner/policy"
)

// ExitAgain is the exit code of a program that wants to be started again: a newer version of it
// may be installed. No worker's exit code is the same.
const ExitAgain = 133

// WorkerError means that the work did not end well. The machine has been taken care of.
type WorkerError struct {
	Row  policy.Row
	End  launch.End // of the worker; zero when none has run
	Code int        // the program's exit code
	Err  error      // our own failure, nil when there was none
}

// Error implements error.
func (e *WorkerError) Error() string {
	switch {
	case e.Err != nil:
		return e.Err.Error()
	case e.End.Text == "":
		return fmt.Sprintf("the work ended as %s", e.Row)
	default:
		return "the worker ended with " + e.End.Text
	}
}

// Unwrap returns our own failure.
func (e *WorkerError) Unwrap() error { return e.Err }

// ExitCode is the exit code that the program must end with.
func (e *WorkerError) ExitCode() int { return e.Code }

// ExitCode is the exit code for what Run or Lost returned: 0 for nil, a WorkerError's own, else 1.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	if failed, ok := errors.AsType[*WorkerError](err); ok {
		return failed.Code
	}
	return 1
}
