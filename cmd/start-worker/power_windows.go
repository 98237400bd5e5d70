package main

import (
	"context"
	"fmt"
	"os/exec"
)

// powerOff switches this machine off: now, and whatever programs do.
func powerOff(ctx context.Context) error { return shutdown(ctx, "/s") }

// reboot boots this machine again.
func reboot(ctx context.Context) error { return shutdown(ctx, "/r") }

func shutdown(ctx context.Context, how string) error {
	if out, err := exec.CommandContext(ctx, "shutdown.exe", how, "/f", "/t", "0").CombinedOutput(); err != nil {
		return fmt.Errorf("shutdown %s: %w: %s", how, err, out)
	}
	return nil
}
