// Command taskcluster-local runs the Taskcluster services that the other programs need, on
// loopback and on one data folder.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	os.Exit(exitCode(err))
}

// newCommand makes the program's command with all its subcommands.
func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "taskcluster-local",
		Short:         "The Taskcluster services of one machine, on loopback",
		Version:       version.String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(
		newServeCommand(),
		newRunCommand(),
		newDemoCommand(),
		newPoolCommand(),
		newRehearseCommand(),
		newBootCommand(),
		newMachinesCommand(),
		newNoticeCommand(),
		newFaultCommand(),
		newRemoveCommand(),
	)
	return root
}

// exitError is an error that says with which code the program ends.
type exitError struct {
	code int
	err  error // nil when all has been said
}

// Error implements error.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap gives the reason.
func (e *exitError) Unwrap() error { return e.err }

// exitCode reports err on standard error, in one line, and turns it into the exit code: that
// of an exitError, 1 for others.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{code: 1, err: err}
	}
	if exit.err != nil {
		fmt.Fprintln(os.Stderr, "taskcluster-local:", exit.err)
	}
	return exit.code
}
