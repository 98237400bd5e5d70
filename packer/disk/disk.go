// Package disk looks into the disk of a finished image, as root or not and without mounting
// it, for what the build should not have left there.
package disk

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/internal/partition"
)

// Disk is an unpacked copy of an image's disk. It does not change and may be used concurrently.
type Disk struct {
	raw  string // a sparse file of all its bytes
	dir  string
	root partition.Partition
}

// Open unpacks the disk, in any format that qemu-img knows, into dir, which must be there.
// What is written has the size of what the disk holds, and all the secrets that are in it: the
// folder is the caller's to remove.
func Open(ctx context.Context, path, dir string) (*Disk, error) {
	for program, in := range map[string]string{"qemu-img": "qemu-utils", "debugfs": "e2fsprogs"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("disk: %s is not there; install %s (Debian's name)", program, in)
		}
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	d := &Disk{raw: filepath.Join(dir, "raw"), dir: dir}
	if _, _, err := d.tool(ctx, "qemu-img", "convert", "-O", "raw", path, d.raw); err != nil {
		return nil, err
	}
	if err := os.Chmod(d.raw, 0o600); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	file, err := os.Open(d.raw)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	defer file.Close()
	all, err := partition.Read(file)
	if err == nil {
		d.root, err = partition.Root(all)
	}
	if err != nil {
		return nil, fmt.Errorf("disk %s: %w", path, err)
	}
	return d, nil
}

// debugfs runs a command on the root file system and returns what it printed.
func (d *Disk) debugfs(ctx context.Context, command string) (string, error) {
	out, _, err := d.tool(ctx, "debugfs", "-R", command, d.fileSystem())
	return out, err
}

// fileSystem is the root file system, as debugfs knows it.
func (d *Disk) fileSystem() string { return fmt.Sprintf("%s?offset=%d", d.raw, d.root.Offset) }

// tool runs a program in C's language and returns what it printed.
func (d *Disk) tool(ctx context.Context, name string, args ...string) (out, said string, err error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // of this package
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBUGFS_PAGER=cat")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if ctx.Err() != nil {
		return "", "", context.Cause(ctx)
	}
	if err != nil {
		return "", "", fmt.Errorf("disk: %s: %w: %s", name, err, strings.Join(strings.Fields(stderr.String()), " "))
	}
	return stdout.String(), stderr.String(), nil
}

// extract copies folders of the root file system, with all that is below them, into a new tree.
// A folder that is not there is left out.
func (d *Disk) extract(ctx context.Context, folders []string) (string, error) {
	tree, err := os.MkdirTemp(d.dir, "tree-")
	if err != nil {
		return "", fmt.Errorf("disk: %w", err)
	}
	for _, folder := range folders {
		to := filepath.Join(tree, filepath.Dir(folder))
		if err := os.MkdirAll(to, 0o700); err != nil {
			return "", fmt.Errorf("disk: %w", err)
		}
		_, said, err := d.tool(ctx, "debugfs", "-R", fmt.Sprintf("rdump %q %q", "/"+folder, to), d.fileSystem())
		if err != nil {
			return "", err
		}
		if problem := uncopied(said); problem != "" {
			return "", fmt.Errorf("disk: copy /%s: %s", folder, problem)
		}
	}
	return tree, nil
}

// uncopied picks from what debugfs said why something was not copied: it fails without an exit
// code. That owners are not kept is no matter.
func uncopied(said string) string {
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		harmless := line == "" || strings.HasPrefix(line, "debugfs ") || strings.Contains(line, "changing ownership") ||
			strings.Contains(line, "File not found by ext2_lookup")
		if !harmless {
			return line
		}
	}
	return ""
}
