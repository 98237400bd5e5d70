package render

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// errForeign is for a folder that holds something that Render did not write.
var errForeign = errors.New("the folder is not empty and was not rendered: name another, or remove it")

// write makes dir hold the files and nothing else of ours. They are written beside it first, unless
// dir holds them already: most file systems take longer to make a file than we to fill it.
func write(dir string, files map[string]string) (err error) {
	dir = filepath.Clean(dir)
	old, err := replaceable(dir)
	if err != nil {
		return err
	}
	if old && same(dir, files) {
		return nil
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
	if !old {
		return os.Rename(fresh, dir)
	}
	gone := fresh + ".old"
	if err := os.Rename(dir, gone); err != nil {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(gone, dir))
	}
	if err := keep(gone, dir); err != nil {
		return fmt.Errorf("what else was in the folder is in %s: %w", gone, err)
	}
	return os.RemoveAll(gone)
}

// ours tells whether render writes something of this name into a folder. What else is there is of
// somebody else, such as programs, or what packer has built.
func ours(name string) bool {
	return strings.HasSuffix(name, ".pkr.hcl") || slices.Contains([]string{"image", "root", "scripts", VariablesFile, SecretsFile}, name)
}

// keep moves what is not ours.
func keep(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ours(e.Name()) {
			continue
		}
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
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

// same tells whether a folder holds the files and nothing else of ours.
func same(dir string, files map[string]string) bool {
	found := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if filepath.Dir(path) == dir && !ours(entry.Name()) {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		want, ok := files[filepath.ToSlash(name)]
		if !ok || !entry.Type().IsRegular() {
			return errDiffers
		}
		text, err := os.ReadFile(path)
		if err == nil && string(text) != want {
			err = errDiffers
		}
		found++
		return err
	})
	return err == nil && found == len(files)
}

var errDiffers = errors.New("the folder differs")

// fill writes into a new folder.
func fill(dir string, files map[string]string) error {
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // holds no secret
		return err
	}
	made := map[string]bool{".": true}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := makeParents(dir, path.Dir(name), made); err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(files[name]), mode); err != nil {
			return err
		}
	}
	return nil
}

// makeParents makes a folder in dir and those above it, but for those that are made.
func makeParents(dir, name string, made map[string]bool) error {
	if made[name] {
		return nil
	}
	if err := makeParents(dir, path.Dir(name), made); err != nil {
		return err
	}
	made[name] = true
	return os.Mkdir(filepath.Join(dir, filepath.FromSlash(name)), 0o755) //nolint:gosec // holds no secret
}
