package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// former is the disk of the build before, which the ledger may have and which is nowhere else. It
// stands aside while packer works, and comes back when that fails.
type former struct{ disk, aside string }

// setAside makes room for a new disk. A disk that is aside already was left by a build that was
// killed: what lies in its place is half a disk.
func setAside(output string) (former, error) {
	f := former{filepath.Join(output, "disk"), filepath.Join(output, "disk.former")}
	_, err := os.Stat(f.aside)
	switch {
	case err == nil:
		err = os.RemoveAll(f.disk)
	case errors.Is(err, fs.ErrNotExist):
		if err = os.Rename(f.disk, f.aside); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return f, fmt.Errorf("set the disk of the build before aside: %w", err)
	}
	return f, nil
}

// restore puts the disk back in place of what packer has left, if there was one.
func (f former) restore() error {
	if _, err := os.Stat(f.aside); errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(f.disk)
	}
	if err := errors.Join(os.RemoveAll(f.disk), os.Rename(f.aside, f.disk)); err != nil {
		return fmt.Errorf("put the disk of the build before back: %w", err)
	}
	return nil
}

// remove ends the disk: there is a new one.
func (f former) remove() error { return os.RemoveAll(f.aside) }
