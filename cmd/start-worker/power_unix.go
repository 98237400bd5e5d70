//go:build unix

package main

import (
	"context"
	"fmt"
	"os/exec"
)

// powerOff switches this machine off.
func powerOff(ctx context.Context) error { return shutdown(ctx, "-h") }

// reboot boots this machine again.
func reboot(ctx context.Context) error { return shutdown(ctx, "-r") }

func shutdown(ctx context.Context, how string) error {
	if out, err := exec.CommandContext(ctx, "shutdown", how, "now").CombinedOutput(); err != nil {
		return fmt.Errorf("shutdown %s now: %w: %s", how, err, out)
	}
	return nil
}
