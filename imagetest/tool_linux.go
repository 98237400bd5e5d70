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
)

// tools are the programs that are needed, and where Debian has them. What the commands of
// worker-images need, they ask for themselves.
func tools() map[string]string {
	return map[string]string{
		"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "debugfs": "e2fsprogs", "grub-mkimage": "grub-common",
		"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "packer": "packer",
		"ssh-keygen": "openssh-client",
	}
}

// prerequisites says all that is missing at once.
func prerequisites(o options) error {
	if os.Geteuid() != 0 {
		return errors.New("only root can make a Debian disk")
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
	for _, program := range []string{"worker-images", "taskcluster-local", "start-worker", "generic-worker"} {
		if _, err := os.Stat(filepath.Join(o.bin, program)); err != nil {
			problems = append(problems, fmt.Errorf("%w: run make build", err))
		}
	}
	return errors.Join(problems...)
}

// tool runs a program to its end, and shows what it printed when it fails.
func tool(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // of this program
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	printed, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
		return fmt.Errorf("%s: %w\n  | %s", name, err, strings.Join(lines[max(0, len(lines)-20):], "\n  | "))
	}
	return nil
}
