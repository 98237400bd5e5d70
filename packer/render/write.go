package render

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// errForeign is for a folder that holds something that Render did not write.
var errForeign = errors.New("the folder is not empty and was not rendered: name another, or remove it")

// write makes dir hold the files and nothing else. They are written beside it first.
func write(dir string, files map[string]string) (err error) {
	dir = filepath.Clean(dir)
	old, err := replaceable(dir)
	if err != nil {
		return err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil { //nolint:gosec // holds no secret
		return err
	}
	fresh, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	if err := fill(fresh, files); err != nil {
		return err
	}
	if old {
		gone := fresh + ".old"
		if err := os.Rename(dir, gone); err != nil {
			return err
		}
		if err := os.Rename(fresh, dir); err != nil {
			return errors.Join(err, os.Rename(gone, dir))
		}
		return os.RemoveAll(gone)
	}
	return os.Rename(fresh, dir)
}

// replaceable tells whether dir is there, and fails unless it may be replaced.
func replaceable(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(entries) == 0 {
		return true, nil
	}
	if _, err := os.Stat(filepath.Join(dir, VariablesFile)); err != nil {
		return false, fmt.Errorf("%s: %w", dir, errForeign)
	}
	return true, nil
}

// fill writes into a new folder.
func fill(dir string, files map[string]string) error {
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // holds no secret
		return err
	}
	made := map[string]bool{".": true}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		local := filepath.FromSlash(name)
		if parent := filepath.Dir(local); !made[parent] {
			if err := os.MkdirAll(filepath.Join(dir, parent), 0o755); err != nil { //nolint:gosec // holds no secret
				return err
			}
			made[parent] = true
		}
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if err := os.WriteFile(filepath.Join(dir, local), []byte(files[name]), mode); err != nil {
			return err
		}
	}
	return nil
}
