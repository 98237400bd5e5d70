//go:build unix

package commands

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/worker/commands/mounts"
)

// reserve is the other process's part of Reserve.
func reserve(path string, folder bool) (at string, made []string, err error) {
	way, err := mounts.Reserve(path, folder)
	if err != nil {
		return "", way.Made, err //nolint:wrapcheck // names the file
	}
	return way.Path, way.Made, errors.Join(pass(way.Dir), way.Dir.Close())
}

// Reserve implements mounts.Hands. The directory comes back open. The task could have the other process pass on
// one that it can only enter, so this looks whether the task has made the place there.
func (a apart) Reserve(ctx context.Context, path string, folder bool) (mounts.Way, error) {
	what := keepFile
	if folder {
		what = keepFolder
	}
	got, dir, err := a.ask(ctx, what, path)
	if err == nil && dir == nil {
		err = errors.New("the program that works as the task's user has passed nothing on")
	}
	way := mounts.Way{Made: got.Found}
	if err != nil {
		return way, err
	}
	if err := a.made(dir, filepath.Base(path), folder); err != nil {
		return way, errors.Join(err, dir.Close())
	}
	way.Dir, way.Path = dir, got.Root
	return way, nil
}

// made tells by an error that a place is not the user's, or not what was to be made.
func (a apart) made(dir *os.File, name string, folder bool) error {
	var found unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), name, &found, unix.AT_SYMLINK_NOFOLLOW)
	uid := os.Geteuid()
	if a.user != nil {
		uid = int(a.user.UID)
	}
	want := uint32(unix.S_IFREG)
	if folder {
		want = unix.S_IFDIR
	}
	if err == nil && (int(found.Uid) != uid || uint32(found.Mode)&unix.S_IFMT != want) {
		err = unix.EPERM
	}
	if err != nil {
		return &fs.PathError{Op: "make", Path: name, Err: err}
	}
	return nil
}

// Remove implements mounts.Hands. What the path leads to by now, the task could remove as well.
func (a apart) Remove(ctx context.Context, _ *os.Root, path string) error {
	_, _, err := a.ask(ctx, removeTree, path)
	return err
}

// RemoveEmpty implements mounts.Hands.
func (a apart) RemoveEmpty(ctx context.Context, path string) error {
	_, _, err := a.ask(ctx, removeEmpty, path)
	return err
}

var _ mounts.Hands = apart{}
