// Package replace replaces files that others may read as a whole, so that a crash leaves the old
// or the new content. Files with secrets or state are internal/private's.
package replace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File gives the file at path the content data. The new file is on disk before it takes the
// name. It keeps the mode of the one that was there; a new one may be read by all. What a
// symbolic link points at is replaced, and the link stays. The folder must exist.
func File(path string, data []byte) (err error) {
	mode := fs.FileMode(0o644)
	switch to, err := filepath.EvalSymlinks(path); {
	case err == nil:
		path = to
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		mode = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
			_ = file.Close() // the first error counts
			_ = os.Remove(file.Name())
		}
	}()
	if _, err = file.Write(data); err != nil {
		return err
	}
	if err = file.Chmod(mode); err != nil {
		return err
	}
	if err = file.Sync(); err != nil {
		return err
	}
	if err = file.Close(); err != nil {
		return err
	}
	return Rename(file.Name(), path)
}
