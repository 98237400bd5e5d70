package mounts

import (
	"context"
	"os"

	"github.com/workerkit/workerkit/internal/rmtree"
)

// Hands make and remove what is at a place and on the way to it, with the rights that the task has to files,
// and no more.
type Hands interface {
	// Reserve makes the way to an absolute path, and an empty folder or file there. It returns ErrTaken where
	// something is there but an empty folder. What was made is told after an error too.
	Reserve(ctx context.Context, path string, folder bool) (Way, error)
	// Remove removes what the path leads to. dir is the directory in which that is.
	Remove(ctx context.Context, dir *os.Root, path string) error
	// RemoveEmpty removes a folder that is empty.
	RemoveEmpty(ctx context.Context, path string) error
}

// Way leads to a directory.
type Way struct {
	Dir  *os.File // the directory, open; nil on Windows
	Path string   // where it really is
	Made []string // the folders that were made for it, from the top
}

// Lent are the hands of this process, which takes on the task's rights for as long as As calls a function.
type Lent struct{ As func(fn func() error) error }

// Reserve implements Hands.
func (l Lent) Reserve(_ context.Context, path string, folder bool) (w Way, err error) {
	err = l.As(func() (err error) {
		w, err = Reserve(path, folder)
		return err
	})
	return w, err
}

// Remove implements Hands. Whatever the path leads to by now, dir is what it was.
func (l Lent) Remove(_ context.Context, dir *os.Root, path string) error {
	return l.As(func() error { return rmtree.RemoveIn(dir, baseOf(path)) })
}

// RemoveEmpty implements Hands.
func (l Lent) RemoveEmpty(_ context.Context, path string) error {
	return l.As(func() error { return os.Remove(path) })
}
