//go:build unix

package main

import (
	"context"
	"fmt"
	"os/exec"
)

// powerOff switches this machine off.
func powerOff(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "shutdown", "-h", "now").CombinedOutput(); err != nil {
		return fmt.Errorf("shutdown: %w: %s", err, out)
	}
	return nil
}
