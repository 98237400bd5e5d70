//go:build unix

package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
)

// powerOff switches this machine off.
func powerOff(ctx context.Context) error { return shutdown(ctx, off(runtime.GOOS)) }

// off is the flag that switches a machine off. FreeBSD's -h only halts the system: the machine
// stays on, and is paid for.
func off(system string) string {
	if system == "freebsd" {
		return "-p"
	}
	return "-h"
}

// reboot boots this machine again.
func reboot(ctx context.Context) error { return shutdown(ctx, "-r") }

func shutdown(ctx context.Context, how string) error {
	if out, err := exec.CommandContext(ctx, "shutdown", how, "now").CombinedOutput(); err != nil {
		return fmt.Errorf("shutdown %s now: %w: %s", how, err, strings.Join(strings.Fields(string(out)), " "))
	}
	return nil
}
