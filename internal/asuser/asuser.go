// Package asuser looks at files with the rights of another user, so that what a task could not
// read itself cannot be read through it: not by a symbolic link, a hard link, or a directory that
// changes under one's eyes.
package asuser

import (
	"errors"
	"fmt"
)

// ErrUnsupported means that this system has no way to take on a user's rights for a while.
var ErrUnsupported = errors.New("files cannot be opened with another user's rights on this system")

// User is as whom to look.
type User struct {
	UID, GID uint32 // not on Windows
	Groups   []uint32
	Token    uintptr // on Windows
}

var errPanic = errors.New("asuser: the function failed")

// apart calls fn on a goroutine of its own, which fn may bind to its thread for good, and returns its
// error. A panic of fn, or an end of its goroutine, is an error too.
func apart(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		var err error
		ended := false
		defer func() {
			if !ended { // a panic, or the end of the goroutine
				err = fmt.Errorf("%w: %v", errPanic, recover())
			}
			done <- err
		}()
		err = fn()
		ended = true
	}()
	return <-done
}
