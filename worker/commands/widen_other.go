//go:build !linux

package commands

import "os"

// widen does nothing: pipes have the size that they have.
func widen(*os.File) {}
