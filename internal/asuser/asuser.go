// Package asuser looks at files with the rights of another user, so that what a task could not
// read itself cannot be read through it: not by a symbolic link, a hard link, or a directory that
// changes under one's eyes.
package asuser

import "errors"

// ErrUnsupported means that this system has no way to take on a user's rights for a while.
var ErrUnsupported = errors.New("files cannot be opened with another user's rights on this system")

// User is as whom to look.
type User struct {
	UID, GID uint32 // not on Windows
	Groups   []uint32
	Token    uintptr // on Windows
}
