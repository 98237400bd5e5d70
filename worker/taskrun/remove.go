package taskrun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// RemoveDir removes a directory and all below it, also where the task has taken the right to
// do so from its own folders. It never follows a symbolic link.
func RemoveDir(dir string) error {
	first := os.RemoveAll(dir)
	if first == nil {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) // RemoveAll says what does not work
			if err != nil {
				return nil // unreadable until now; its own call comes from the next walk
			}
		}
		return nil
	})
	if again := os.RemoveAll(dir); again != nil {
		return fmt.Errorf("remove %s: %w", dir, errors.Join(again, err))
	}
	return nil
}
