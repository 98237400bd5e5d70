package accounts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Runner runs one of the system's tools.
type Runner interface {
	// Run gives the tool the input and returns what it printed on standard output. When it fails the
	// error is a *ToolError.
	Run(ctx context.Context, input, name string, args ...string) (output string, err error)
}

// ToolError is the failure of a tool.
type ToolError struct {
	Tool string
	Code int    // -1 when it did not run to its end
	Said string // on standard error
	Err  error
}

// Error implements error. The arguments, among which a password may be, are not in it.
func (e *ToolError) Error() string {
	return fmt.Sprintf("accounts: %s: %v: %s", e.Tool, e.Err, e.Said)
}

// Unwrap is why it failed.
func (e *ToolError) Unwrap() error { return e.Err }

// Tools runs the tools of this machine, which get nothing of the worker's environment. They are not
// interrupted, as they might leave the files of accounts locked or half changed; a minute bounds each.
type Tools struct{}

// Run implements Runner.
func (Tools) Run(ctx context.Context, input, name string, args ...string) (string, error) {
	const most = time.Minute
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), most)
	defer done()
	path := name
	for _, dir := range []string{"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"} {
		if _, err := os.Stat(dir + name); err == nil {
			path = dir + name
			break
		}
	}
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // the callers' constants, and names of ours
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.Stdin = strings.NewReader(input)
	var problem strings.Builder
	cmd.Stderr = &problem
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		code := -1
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		}
		return string(out), &ToolError{Tool: name, Code: code, Said: strings.TrimSpace(problem.String()), Err: err}
	}
	return string(out), nil
}
