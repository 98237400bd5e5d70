package mounts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/internal/bind"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/internal/rmtree"
	"github.com/workerkit/workerkit/worker/engines"
)

// show mounts what can only be read.
func (s *Set) show(ctx context.Context, m engines.Mount, p *place, info fs.FileInfo) error {
	after := func(context.Context) error {
		if m.Given {
			return rmtree.Remove(m.Source) //nolint:wrapcheck // says what failed
		}
		return nil
	}
	o := bind.Options{ReadOnly: true}
	if s.User != nil {
		o.User, o.Group = s.seen(ownerOf(info))
	}
	err := s.mount(ctx, m, p, o, after)
	if errors.Is(err, bind.ErrNoMap) {
		s.Logger.Warn("a task may not be able to read all of a mount, which belongs to another user", "source", m.Source, "error", err)
		err = s.mount(ctx, m, p, bind.Options{ReadOnly: true}, after)
	}
	if errors.Is(err, bind.ErrUnsupported) {
		return fmt.Errorf("a mount that can only be read: %w (%w)", engines.ErrNotSupported, err)
	}
	return err
}

// bind mounts a cache, whose files the task's user sees as its own, and which stays where it is. It belongs
// to the user of the first task that had it: files of that user are on disk for good. What the worker
// itself has filled becomes the user's first.
func (s *Set) bind(ctx context.Context, m engines.Mount, p *place, info fs.FileInfo) error {
	if err := closed(filepath.Dir(m.Source)); err != nil {
		return err
	}
	stored := ownerOf(info)
	if stored.uid == uint32(os.Geteuid()) { //nolint:gosec // not negative here
		if err := own(ctx, m.Source, *s.User, everybody); err != nil {
			return err
		}
		stored = owner{s.User.UID, s.User.GID}
	}
	after := func(ctx context.Context) error { return s.settle(ctx, m.Source, stored) }
	users, groups := s.seen(stored)
	err := s.mount(ctx, m, p, bind.Options{User: users, Group: groups}, after)
	if errors.Is(err, bind.ErrNoMap) || errors.Is(err, bind.ErrUnsupported) {
		s.Logger.Warn("the files of a cache have to be given to the task's user one by one", "cache", m.Source, "error", err)
		if err := own(ctx, m.Source, *s.User, func(o owner) bool { return o.uid == stored.uid }); err != nil {
			return err
		}
		stored = owner{s.User.UID, s.User.GID}
		err = s.mount(ctx, m, p, bind.Options{}, after)
	}
	if errors.Is(err, bind.ErrUnsupported) {
		return s.lend(ctx, m, p, info)
	}
	return err
}

// settle gives what others than the task's user left to the user whose the rest is.
func (s *Set) settle(ctx context.Context, source string, stored owner) error {
	if !s.shared {
		return nil
	}
	return own(ctx, source, proc.User{UID: stored.uid, GID: stored.gid}, everybody)
}

// seen has the stored owner seen as the task's user.
func (s *Set) seen(stored owner) (user, group bind.Pair) {
	return bind.Pair{Stored: stored.uid, Seen: s.User.UID}, bind.Pair{Stored: stored.gid, Seen: s.User.GID}
}
