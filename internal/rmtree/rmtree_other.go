//go:build !linux

package rmtree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Remove removes path and all below it. Nothing there is no error.
func Remove(path string) error {
	first := os.RemoveAll(path)
	if first == nil {
		return nil
	}
	if root, err := os.OpenRoot(path); err == nil {
		open(root, ".")
		first = errors.Join(root.Close())
	}
	if again := os.RemoveAll(path); again != nil {
		return fmt.Errorf("remove %s: %w", path, errors.Join(again, first))
	}
	return nil
}

// RemoveIn removes what has a name in an open folder, and all below it. Nothing there is no error.
func RemoveIn(dir *os.Root, name string) error {
	first := dir.RemoveAll(name)
	if first == nil {
		return nil
	}
	if info, err := dir.Lstat(name); err == nil && info.IsDir() {
		_ = dir.Chmod(name, 0o700)
	}
	if root, err := dir.OpenRoot(name); err == nil {
		open(root, ".")
		first = errors.Join(first, root.Close())
	}
	if again := dir.RemoveAll(name); again != nil {
		return fmt.Errorf("remove %s: %w", name, errors.Join(again, first))
	}
	return nil
}

// open gives the owner the right to change each directory. What does not work the second attempt
// at removing will say. Names are looked up in root, so that no link leads out of it.
func open(root *os.Root, dir string) {
	_ = root.Chmod(dir, 0o700)
	entries, err := fs.ReadDir(root.FS(), dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if entry.IsDir() {
			open(root, join(dir, entry.Name()))
		}
	}
}

func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}
