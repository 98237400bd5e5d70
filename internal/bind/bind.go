// Package bind shows a folder or file of this machine at a second place: a bind mount, on Linux 5.12
// and later. What it shows may belong to another user there than on disk (an id-mapped mount), which
// takes the same time whatever is below it.
package bind

import (
	"context"
	"errors"
	"os"
)

var (
	// ErrUnsupported means that this process cannot mount here: another system, an old kernel, or
	// without the right to.
	ErrUnsupported = errors.New("folders cannot be mounted at a second place here")
	// ErrNoMap means that files cannot be shown as another user's: their file system does not do
	// that, or there are no user namespaces.
	ErrNoMap = errors.New("the files cannot be shown as another user's here")
)

// Pair is a user or group as files have it on disk, and as which they are seen. What is stored as that
// one is seen as the former, and all others are themselves: whoever uses the mount can write to it.
type Pair struct{ Stored, Seen uint32 }

// changes tells whether anybody is seen as somebody else.
func (p Pair) changes() bool { return p.Stored != p.Seen }

// Options say what a mount is like. No program with the set-user-ID bit and no device works in it.
type Options struct {
	ReadOnly bool
	// User and Group are seen as others; the zero values show all as they are.
	User, Group Pair
}

// Mount is what was mounted. It stays when this process ends.
type Mount struct {
	id     uint64
	device string // to tell it from a later one with the same number
}

// New mounts source, a folder or a file and no symbolic link, on what has the name in the open
// directory dir: a folder on a folder, a file on a file. A link of that name is not followed.
func New(ctx context.Context, source string, dir *os.File, name string, o Options) (Mount, error) {
	return mount(ctx, source, dir, name, o)
}

// Unmount takes the mount away, wherever it has been moved with the directory it is in. One that is gone
// is no error. Where somebody uses what is in it, and goes on for a moment, it goes out of sight and they
// keep it; busy says so.
func (m Mount) Unmount() (busy bool, err error) { return m.unmount() }

// Clear takes away all that is mounted below the folder dir.
func Clear(dir string) error { return clearBelow(dir) }

// Hide takes away all mounts of the folder dir, wherever they are: what a worker that was killed has left.
// It stays where it is itself.
func Hide(dir string) error { return hide(dir) }
