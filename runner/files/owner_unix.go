//go:build unix

package files

import "os"

// modesCount says that the mode of a new file decides who may use it.
const modesCount = true

// makeProgram lets its owner run the file.
func makeProgram(path string) error { return os.Chmod(path, 0o700) }
