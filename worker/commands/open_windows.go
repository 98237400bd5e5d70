package commands

import "os"

// openAny opens a file, which never waits.
func openAny(path string) (*os.File, error) { return os.Open(path) } //nolint:wrapcheck // names the file

func isDevice(error) bool { return false }
