//go:build unix

package record

import (
	"fmt"
	"os"
)

// own refuses a file that others may read.
func own(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others may read %s: chmod 600 %s", file.Name(), file.Name())
	}
	return nil
}

// syncDir makes the names in a folder survive a crash.
func syncDir(dir string) error {
	file, err := os.Open(dir) //nolint:gosec // a folder of ours
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read from
	return file.Sync()
}
