//go:build !linux

package proof

import (
	"context"
	"errors"
)

// Inside tells whether an earlier Isolate has started this program, which is never so here.
func Inside() bool { return false }

// Isolate runs this program again in a network of its own, which only Linux has.
func Isolate(context.Context) (inside bool, err error) {
	return false, errors.New("a disk is booted on Linux only: its guest needs a network of its own")
}
