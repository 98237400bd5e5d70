package mounts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/rmtree"
)

// place is where something is mounted: a name in an open directory. Until something is there an empty
// folder or file keeps it.
type place struct {
	dir     *directory
	name    string
	outside bool     // of the task directory, which the worker removes
	made    []string // folders that were made on the way, from the top
}

// path leads to the place whatever has become of the directories above it.
func (p *place) path() string { return filepath.Join(p.dir.path(), p.name) }

// reserve makes the way to a path and an empty folder or file there, as the task.
func (s *Set) reserve(path string, folder bool) (*place, error) {
	p := &place{name: filepath.Base(path), outside: !strings.HasPrefix(path, s.Dir+string(filepath.Separator))}
	err := s.As(func() (err error) {
		if p.dir, p.made, err = openDir(filepath.Dir(path)); err != nil {
			return err
		}
		return p.keep(folder)
	})
	if err != nil {
		return nil, errors.Join(err, p.leave(s))
	}
	return p, nil
}

// keep makes an empty folder or file at the place, where there is nothing but an empty folder.
func (p *place) keep(folder bool) error {
	if info, err := os.Lstat(p.path()); err == nil {
		if !info.IsDir() {
			return errTaken
		}
		if err := os.Remove(p.path()); err != nil { // only an empty one
			if errors.Is(err, fs.ErrPermission) {
				return err
			}
			return errTaken
		}
	}
	return keep(p.path(), folder)
}

// free ends the place. What is at a place in the task directory is removed with that; elsewhere it is
// the run's to remove.
func (p *place) free(s *Set) error {
	if p.outside {
		s.remove(p.path())
	}
	return p.leave(s)
}

// remove removes what is at a place, with the rights of the task: it may have moved something there that is
// not its own, which stays.
func (s *Set) remove(place string) {
	if err := s.As(func() error { return rmtree.Remove(place) }); err != nil {
		s.Logger.Warn("something is left at the place of a task's mount", "error", err)
	}
}

// leave lets the directory go, and removes the folders outside the task directory that were made and are empty.
func (p *place) leave(s *Set) error {
	var err error
	if p.dir != nil {
		err = p.dir.Close()
	}
	if p.outside {
		_ = s.As(func() error {
			for _, dir := range slices.Backward(p.made) {
				if os.Remove(dir) != nil { // somebody uses it
					return nil
				}
			}
			return nil
		})
	}
	return err
}
