package proof

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/qemu"
)

// programs says which of the programs are missing, and which of Debian's packages have them.
func programs(names ...string) error {
	packages := map[string]string{"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "debugfs": "e2fsprogs"}
	var missing []string
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, packages[name])
		}
	}
	if missing == nil {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("please install (Debian's names): %s", strings.Join(missing, " "))
}

// tool runs a program to its end, and shows what it printed when it fails.
func tool(ctx context.Context, name string, args ...string) error {
	_, err := output(ctx, name, args...)
	return err
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // of this package
	qemu.DiesWithUs(cmd)
	printed, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.Join(strings.Fields(string(printed)), " "))
	}
	return string(printed), err
}
