package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/workerkit/workerkit/internal/partition"
)

// Edit makes a copy of a disk, in the format qcow2, in whose root file system debugfs, which
// needs neither root nor a mount, has run the commands.
func Edit(ctx context.Context, disk, copied string, commands ...string) (err error) {
	if err := programs("qemu-img", "debugfs"); err != nil {
		return err
	}
	raw := copied + ".raw"
	defer func() { err = errors.Join(err, os.RemoveAll(raw)) }()
	if err := tool(ctx, "qemu-img", "convert", "-O", "raw", disk, raw); err != nil {
		return err
	}
	offset, err := rootOf(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", disk, err)
	}
	for _, command := range commands {
		said, err := output(ctx, "debugfs", "-w", "-R", command, fmt.Sprintf("%s?offset=%d", raw, offset))
		if err != nil {
			return err
		}
		// It fails without an exit code. What it says first is its version.
		_, rest, _ := strings.Cut(said, "\n")
		if rest = strings.TrimSpace(rest); rest != "" && !strings.HasPrefix(rest, "Allocated inode") {
			return fmt.Errorf("debugfs %s: %s", command, rest)
		}
	}
	return tool(ctx, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, copied)
}

// rootOf tells where in a raw disk the root file system begins.
func rootOf(raw string) (int64, error) {
	file, err := os.Open(raw) //nolint:gosec // a copy of the disk
	if err != nil {
		return 0, err
	}
	defer file.Close()
	all, err := partition.Read(file)
	if err != nil {
		return 0, err
	}
	root, err := partition.Root(all)
	return root.Offset, err
}

// quoted is a path as a command of debugfs takes it.
func quoted(path string) string { return `"` + strings.ReplaceAll(path, `"`, `""`) + `"` }

// formatOf tells in which format a disk is.
func formatOf(ctx context.Context, disk string) (string, error) {
	said, err := output(ctx, "qemu-img", "info", "--output=json", disk)
	if err != nil {
		return "", err
	}
	var info struct{ Format string }
	if err := json.Unmarshal([]byte(said), &info); err != nil {
		return "", fmt.Errorf("qemu-img info: %w", err)
	}
	return info.Format, nil
}
