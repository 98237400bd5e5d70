package commands

import (
	"context"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/worker/commands/mounts"
	"github.com/workerkit/workerkit/worker/engines"
)

// eyes look at files with the rights of the task.
type eyes interface {
	// open opens a regular file.
	open(ctx context.Context, path string) (engines.File, error)
	// list returns where a directory really is, and the regular files below it, relative to it.
	list(ctx context.Context, path string) (root string, found []string, err error)
}

// lent are eyes of this process, which takes on the task's rights for as long as as calls a function.
type lent struct{ as func(fn func() error) error }

func (l lent) open(_ context.Context, path string) (file engines.File, err error) {
	err = l.as(func() (err error) {
		file, err = open(path)
		return err
	})
	return file, err
}

func (l lent) list(ctx context.Context, path string) (root string, found []string, err error) {
	err = l.as(func() (err error) {
		root, found, err = walk(ctx, path)
		return err
	})
	return root, found, err
}

// walk lists what is below a path, which may be a link itself.
func walk(ctx context.Context, path string) (root string, found []string, err error) {
	root, err = filepath.EvalSymlinks(path) // the walk would not follow the root itself
	if err == nil {
		found, err = list(ctx, root)
	}
	return root, found, err
}

// eyes are those of the user.
func (c Config) eyes() eyes {
	if c.User == nil {
		return lent{c.as}
	}
	return eyesOf(c)
}

// Open opens a regular file with the rights that the commands will have.
func (b *Builder) Open(ctx context.Context, path string) (engines.File, error) {
	return b.config.eyes().open(ctx, path)
}

// hands are those of the user whom a run has at the time.
type hands struct{ b *Builder }

func (h hands) now() mounts.Hands {
	if h.b.config.User == nil {
		return mounts.Lent{As: h.b.As}
	}
	return handsOf(h.b.config)
}

// Reserve implements mounts.Hands.
func (h hands) Reserve(ctx context.Context, path string, folder bool) (mounts.Way, error) {
	return h.now().Reserve(ctx, path, folder) //nolint:wrapcheck // names the file
}

// Remove implements mounts.Hands.
func (h hands) Remove(ctx context.Context, dir *os.Root, path string) error {
	return h.now().Remove(ctx, dir, path) //nolint:wrapcheck // says what failed
}

// RemoveEmpty implements mounts.Hands.
func (h hands) RemoveEmpty(ctx context.Context, path string) error {
	return h.now().RemoveEmpty(ctx, path) //nolint:wrapcheck // names the file
}
