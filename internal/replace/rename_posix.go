//go:build !windows

package replace

import "os"

// Rename gives a file another name, and takes that name from the file that had it.
func Rename(from, to string) error { return os.Rename(from, to) }
