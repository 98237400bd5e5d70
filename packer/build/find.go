package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// ErrPacker is in every error about packer itself: it is not there, or is not one that will do.
var ErrPacker = errors.New("packer 1.6.6 or newer is needed: install Debian's package (apt-get install packer), or get it from https://developer.hashicorp.com/packer/install")

// Packer is a packer that will do.
type Packer struct {
	Path    string
	Version string // such as "1.6.6"
}

// Find looks for packer: name is a path, or is looked up in PATH; "packer" when empty.
func Find(ctx context.Context, name string) (Packer, error) {
	if name == "" {
		name = "packer"
	}
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path) // packer runs in another folder
	}
	if err != nil {
		return Packer{}, fmt.Errorf("build: %w (%w)", ErrPacker, err)
	}
	out, err := versionOf(ctx, path)
	if ctx.Err() != nil {
		return Packer{}, fmt.Errorf("build: %w: %w", ErrInterrupted, context.Cause(ctx))
	}
	found := regexp.MustCompile(`(?m)^Packer v(\d+)\.(\d+)\.(\d+)\S*`).FindSubmatch(out)
	if found == nil {
		if err == nil {
			err = errors.New("it does not tell its version")
		}
		return Packer{}, fmt.Errorf("build: %s is not packer (%w): %w", path, err, ErrPacker)
	}
	var version [3]int
	for i := range version {
		if version[i], err = strconv.Atoi(string(found[i+1])); err != nil {
			return Packer{}, fmt.Errorf("build: version of %s: %w", path, err)
		}
	}
	p := Packer{Path: path, Version: fmt.Sprintf("%d.%d.%d", version[0], version[1], version[2])}
	if version[0] < 1 || version[0] == 1 && (version[1] < 6 || version[1] == 6 && version[2] < 6) {
		return Packer{}, fmt.Errorf("build: %s is version %s: %w", path, p.Version, ErrPacker)
	}
	return p, nil
}

// versionOf is what packer says of its version. Another program of this name, of cracklib, waits for
// input: it gets none, and little time. What packer leaves when it is killed goes too.
func versionOf(ctx context.Context, path string) (out []byte, err error) {
	scratch, err := os.MkdirTemp("", "wk-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "version") //nolint:gosec // the program that the caller chose
	cmd.Env = append(cmd.Environ(), "CHECKPOINT_DISABLE=1", "TMPDIR="+scratch, "TMP="+scratch, "TEMP="+scratch)
	cmd.WaitDelay = time.Second
	return cmd.Output()
}
