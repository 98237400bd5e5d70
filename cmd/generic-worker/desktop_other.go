//go:build !linux

package main

import "runtime"

// desktop tells whether a user of a task can have a graphical session.
func desktop() bool { return runtime.GOOS == "darwin" || runtime.GOOS == "windows" }
