package mounts

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// place is where something is mounted: a name in an open directory. Until something is there an empty
// folder or file keeps it.
type place struct {
	dir     *directory
	name    string
	outside bool     // of the task directory, which the worker removes
	made    []string // folders that were made on the way, from the top
}

func baseOf(path string) string { return filepath.Base(path) }

// reserve makes the way to a path and an empty folder or file there, as the task. What is there from then on
// is what the task has found: this process opens no other.
func (s *Set) reserve(ctx context.Context, path string, folder bool) (*place, error) {
	p := &place{name: baseOf(path), outside: !strings.HasPrefix(path, s.Dir+string(filepath.Separator))}
	way, err := s.Hands.Reserve(ctx, path, folder)
	p.made = way.Made
	if err == nil {
		p.dir, err = hold(way)
	}
	if err != nil {
		return nil, errors.Join(err, p.leave(ctx, s))
	}
	return p, nil
}

// put makes an empty folder or file.
func put(dir *os.Root, name string, folder bool) error {
	const ownerOnly = 0o700
	if folder {
		return dir.Mkdir(name, ownerOnly)
	}
	file, err := dir.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, ownerOnly)
	if err != nil {
		return err
	}
	return file.Close()
}

// free ends the place. What is at a place in the task directory is removed with that; elsewhere it is
// the run's to remove.
func (p *place) free(ctx context.Context, s *Set) error {
	if p.outside {
		s.remove(ctx, p)
	}
	return p.leave(ctx, s)
}

// remove removes what is at a place, with the rights of the task: it may have moved something there that is
// not its own, which stays.
func (s *Set) remove(ctx context.Context, p *place) {
	err := p.dir.in(func(dir *os.Root) error { return s.Hands.Remove(ctx, dir, filepath.Join(p.dir.path, p.name)) })
	if err != nil {
		s.Logger.Warn("something is left at the place of a task's mount", "error", err)
	}
}

// leave lets the directory go, and removes the folders outside the task directory that were made and are empty.
func (p *place) leave(ctx context.Context, s *Set) error {
	var err error
	if p.dir != nil {
		err = p.dir.Close()
	}
	if p.outside {
		for _, dir := range slices.Backward(p.made) {
			if s.Hands.RemoveEmpty(ctx, dir) != nil { // somebody uses it
				break
			}
		}
	}
	return err
}

// look tells what is at the place.
func (p *place) look() (info fs.FileInfo, err error) {
	err = p.dir.in(func(dir *os.Root) error {
		info, err = dir.Lstat(p.name)
		return err
	})
	return info, err
}
