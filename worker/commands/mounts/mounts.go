// Package mounts puts folders and files of the worker where a task sees them, and takes them back when
// no process of it is left.
//
// The way to a place is made with the rights of the task. An earlier mount of the same run may hold
// symbolic links, which lead where the task itself could go, and no further. From then on the place
// is known by the directory that was opened, so nothing that changes its path matters.
//
// A folder or file that is the run's alone is moved there. One that comes back is mounted where the
// task is another user (package bind), with its files shown as that user's: that takes the same time
// whatever is below. Where the task is the worker's own user it is moved, and moved back.
package mounts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/bind"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/internal/rmtree"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// Set is the mounts of one run. Its methods are called one after another.
type Set struct {
	// Dir is the task directory, absolute.
	Dir string
	// User is the task's; nil is this process's own.
	User *proc.User
	// Hands have the rights that the task has to files.
	Hands  Hands
	Logger *slog.Logger

	undo   []func(context.Context) error
	shared bool
}

// Shared says that others than the task's user may write to the mounts, as the commands run as the worker's
// own user after all, or may have services of the machine run for them. What those leave
// becomes that user's, for the next task.
func (s *Set) Shared() { s.shared = true }

// Mount mounts; see engines.Mounter.
func (s *Set) Mount(ctx context.Context, m engines.Mount) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	info, err := os.Lstat(m.Source)
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is neither a folder nor a file", m.Source)
	}
	if err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	target := filepath.FromSlash(m.Target)
	if !filepath.IsAbs(target) {
		target = filepath.Join(s.Dir, target)
	}
	target = filepath.Clean(target)
	if target == s.Dir || strings.HasPrefix(s.Dir, strings.TrimSuffix(target, string(filepath.Separator))+string(filepath.Separator)) {
		return task.Failure("nothing can be mounted at %s: it is the task directory, or one above it", m.Target)
	}
	p, err := s.reserve(ctx, target, info.IsDir())
	if err != nil {
		return refused(m.Target, err)
	}
	if err := s.place(ctx, m, p, info); err != nil {
		return errors.Join(fmt.Errorf("mount %s: %w", m.Target, err), p.free(ctx, s))
	}
	return nil
}

// refused says why the task cannot have anything there.
func refused(target string, err error) error {
	why := "it cannot be made"
	switch {
	case errors.Is(err, fs.ErrPermission):
		why = "the task's user may not make it"
	case errors.Is(err, ErrTaken), errors.Is(err, fs.ErrExist):
		why = "something is there already; only an empty directory may be"
	}
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err // the path may be by an open directory, which tells the task's author nothing
	} else if !errors.Is(err, ErrTaken) {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return task.Failure("nothing can be mounted at %s: %s (%w)", target, why, err)
}

// ErrTaken means that something is at a place.
var ErrTaken = errors.New("not empty")

// place brings what is to be mounted to a place, which is its own from then on.
func (s *Set) place(ctx context.Context, m engines.Mount, p *place, info fs.FileInfo) error {
	switch {
	case m.ReadOnly:
		return s.show(ctx, m, p, info)
	case m.Given:
		return s.give(ctx, m, p)
	case s.User == nil:
		return s.lend(ctx, m, p, info)
	default:
		return s.bind(ctx, m, p, info)
	}
}

// give moves what is the run's alone.
func (s *Set) give(ctx context.Context, m engines.Mount, p *place) error {
	if s.User != nil {
		if err := own(ctx, m.Source, *s.User, everybody); err != nil {
			return err
		}
	}
	if err := move(ctx, m.Source, p); err != nil {
		return err
	}
	s.then(func(ctx context.Context) error { return p.free(ctx, s) })
	return nil
}

// lend moves what comes back.
func (s *Set) lend(ctx context.Context, m engines.Mount, p *place, info fs.FileInfo) error {
	err := lodge(m.Source, p)
	if errors.Is(err, errOtherDevice) {
		s.Logger.Warn("a cache is on another file system than the task's directory", "cache", m.Source)
		if err = s.mount(ctx, m, p, bind.Options{}, nil); !errors.Is(err, bind.ErrUnsupported) {
			return err
		}
		err = move(ctx, m.Source, p) // copies, which takes its time
	}
	if err != nil {
		return err
	}
	s.then(func(ctx context.Context) error { return s.back(ctx, m.Source, p, info.IsDir()) })
	return nil
}

// back ends a lend.
func (s *Set) back(ctx context.Context, source string, p *place, folder bool) error {
	if p.dir.moved() {
		s.Logger.Warn("a task has put something else where a cache was mounted: the cache is empty now", "cache", source)
		return errors.Join(rmtree.Remove(source), keep(source, folder), p.leave(ctx, s))
	}
	if err := s.takeBack(ctx, source, p, folder); err != nil {
		return errors.Join(err, rmtree.Remove(source), p.leave(ctx, s)) // a part of it is of no use
	}
	return p.free(ctx, s)
}

// mount mounts what stays where it is. after is called when that is over.
func (s *Set) mount(ctx context.Context, m engines.Mount, p *place, o bind.Options, after func(context.Context) error) error {
	mounted, err := bind.New(ctx, m.Source, p.dir.file(), p.name, o)
	if err != nil {
		return err //nolint:wrapcheck // says what failed
	}
	s.then(func(ctx context.Context) error {
		busy, err := mounted.Unmount()
		if err != nil {
			return errors.Join(err, p.leave(ctx, s))
		}
		switch {
		case busy && !o.ReadOnly:
			s.Logger.Warn("something still uses a mount of a task that has ended: it is not given to another one, but deleted", "source", m.Source, "target", m.Target)
			err = rmtree.Remove(m.Source)
		case after != nil:
			err = after(ctx)
		}
		return errors.Join(err, p.free(ctx, s))
	})
	return nil
}

// then has something done when the run is over, before what was said earlier.
func (s *Set) then(undo func(context.Context) error) { s.undo = append(s.undo, undo) }

// Undo takes everything back, what came last first. Call it when no process of the run is left. What fails
// does not keep the rest from being done.
func (s *Set) Undo(ctx context.Context) error {
	var failed error
	for _, undo := range slices.Backward(s.undo) {
		failed = errors.Join(failed, undo(ctx))
	}
	s.undo = nil
	return failed
}
