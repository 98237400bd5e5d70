package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// insideVariable tells this program that it is in its own network.
	insideVariable = "IMAGETEST_INSIDE"
	// guestHost is the address by which a guest reaches the loopback of that network. Metadata
	// services have it in all three clouds.
	guestHost = "169.254.169.254"
)

// tools are the programs that are needed, and where Debian has them.
func tools() map[string]string {
	return map[string]string{
		"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "debugfs": "e2fsprogs", "grub-mkimage": "grub-common",
		"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "ip": "iproute2", "packer": "packer",
		"ssh-keygen": "openssh-client",
	}
}

// prerequisites says all that is missing at once.
func prerequisites(o options) error {
	if os.Geteuid() != 0 {
		return errors.New("only root can make a disk and a network namespace")
	}
	missing := map[string]bool{}
	for program, in := range tools() {
		if _, err := exec.LookPath(program); err != nil {
			missing[in] = true
		}
	}
	if _, err := os.Stat(grubFolder); err != nil {
		missing["grub-pc-bin"] = true
	}
	var problems []error
	if len(missing) > 0 {
		names := slices.Sorted(maps.Keys(missing))
		problems = append(problems, fmt.Errorf("please install (Debian's names): %s", strings.Join(names, " ")))
	}
	for _, program := range []string{"worker-images", "start-worker", "generic-worker"} {
		if _, err := os.Stat(filepath.Join(o.bin, program)); err != nil {
			problems = append(problems, fmt.Errorf("%w: run make build", err))
		}
	}
	return errors.Join(problems...)
}

// inside runs this program again in a network namespace. It dies with this one.
func inside(ctx context.Context) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, own, os.Args[1:]...) //nolint:gosec // this program
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM, Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	err = cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(1) // it has said why
	}
	return err
}

// network sets the namespace's loopback up.
func network(ctx context.Context) error {
	for _, line := range []string{"link set lo up", "address add " + guestHost + "/32 dev lo"} {
		if err := tool(ctx, "ip", strings.Fields(line)...); err != nil {
			return err
		}
	}
	return nil
}

// tool runs a program to its end, and shows what it printed when it fails.
func tool(ctx context.Context, name string, args ...string) error {
	_, err := output(ctx, name, args...)
	return err
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // of this file's callers
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	printed, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
		return "", fmt.Errorf("%s: %w\n  | %s", name, err, strings.Join(lines[max(0, len(lines)-20):], "\n  | "))
	}
	return string(printed), nil
}
