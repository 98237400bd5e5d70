//go:build unix

package dircache

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// isCrossDevice tells that a rename failed as the places are on two file systems.
func isCrossDevice(err error) bool { return errors.Is(err, unix.EXDEV) }

// claim makes a folder that was somebody's the worker's own, where it may: what is below is then given to the
// first task that has the cache, whoever owned it.
func claim(dir string) { _ = os.Lchown(dir, os.Geteuid(), os.Getegid()) }
