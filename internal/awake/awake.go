// Package awake keeps a machine from going to sleep while a program works: one that sleeps takes no task, and
// loses the one that it has when that is not reclaimed in time.
package awake

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Keep keeps this machine awake until release is called, which waits for what is needed for that to end. Where systems
// do not sleep by themselves, or nothing is known to prevent it, it does nothing. It does not keep a lid from being
// closed. That it fails is logged, and changes nothing else.
func Keep(ctx context.Context, logger *slog.Logger) (release func()) {
	return keep(ctx, logger, tool(os.Getpid()))
}

// keep runs a program for as long.
func keep(ctx context.Context, logger *slog.Logger, command []string) (release func()) {
	if len(command) == 0 {
		return func() {}
	}
	ctx, done := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the system's own
	cmd.Dir, cmd.Env, cmd.WaitDelay = "/", []string{}, time.Second
	if err := cmd.Start(); err != nil {
		done()
		logger.Warn("the machine may go to sleep", "error", err)
		return func() {}
	}
	var waiting sync.WaitGroup
	waiting.Go(func() {
		err := cmd.Wait()
		if ctx.Err() == nil {
			logger.Warn("the machine may go to sleep: what prevents it has ended", "program", command[0], "error", err)
		}
	})
	return func() {
		done()
		waiting.Wait()
	}
}
