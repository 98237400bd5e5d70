package commands

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/worker/engines"
)

// Files are what commands have left in a task directory on this machine. An engine embeds it in
// its engines.Result.
type Files struct {
	Dir string // absolute
	// eyes have the rights that the task has to files, and no more; nil are those of this process.
	eyes eyes
}

// look is how to look at files.
func (f Files) look() eyes {
	if f.eyes != nil {
		return f.eyes
	}
	return lent{Config{}.as}
}

// OpenFile is that of engines.Result.
func (f Files) OpenFile(ctx context.Context, path string) (engines.File, error) {
	return f.look().open(ctx, f.absolute(path))
}

func (f Files) absolute(path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.Dir, path)
}

// open opens a regular file, and no device or pipe: opening one may have effects or wait. What the
// path is may have changed since it was looked at, so it is opened without waiting and looked
// at again.
func open(path string) (engines.File, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err //nolint:wrapcheck // names the file
	} else if !info.Mode().IsRegular() {
		return nil, engines.ErrWrongKind
	}
	file, err := openAny(path)
	if err != nil {
		if isDevice(err) {
			return nil, engines.ErrWrongKind
		}
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = engines.ErrWrongKind
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// WalkDir is that of engines.Result. All files are found before the first is visited: the rights of
// the task are for looking, not for whatever visit does.
func (f Files) WalkDir(ctx context.Context, path string, visit func(rel string, open func() (engines.File, error)) error) error {
	root, found, err := f.look().list(ctx, f.absolute(path))
	if err != nil {
		return err
	}
	for _, rel := range found {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := visit(filepath.ToSlash(rel), func() (engines.File, error) { return f.look().open(ctx, filepath.Join(root, rel)) })
		if err != nil {
			return err
		}
	}
	return nil
}

// list returns the regular files below root, relative to it, in lexical order.
func list(ctx context.Context, root string) ([]string, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the file
	}
	if !info.IsDir() {
		return nil, engines.ErrWrongKind
	}
	var found []string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !regular(path, d) {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		found = append(found, rel)
		return err
	})
	return found, err
}

// regular tells whether an entry is a file, or a link to one that the task may read. What a link
// leads to may be anybody's, so only opening it tells.
func regular(path string, d fs.DirEntry) bool {
	if d.Type()&fs.ModeSymlink == 0 {
		return d.Type().IsRegular()
	}
	file, err := open(path)
	return err == nil && file.Close() == nil
}
