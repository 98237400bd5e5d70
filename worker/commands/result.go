package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/worker/engines"
)

// result is the task directory after the commands.
type result struct {
	config Config
	dir    string
	status engines.Status
}

// Status implements engines.Result.
func (r *result) Status() engines.Status { return r.status }

// OpenFile implements engines.Result.
func (r *result) OpenFile(_ context.Context, path string) (engines.File, error) {
	return r.open(r.absolute(path))
}

// open opens a file that the task may read.
func (r *result) open(path string) (file engines.File, err error) {
	err = r.config.As(func() (err error) {
		file, err = open(path)
		return err
	})
	return file, err
}

func (r *result) absolute(path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.dir, path)
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
	file, err := os.OpenFile(path, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		if isDevice(err) {
			return nil, engines.ErrWrongKind
		}
		return nil, err //nolint:wrapcheck // names the file
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

// WalkDir implements engines.Result. All files are found before the first is visited: the rights of
// the task are for looking, not for whatever visit does.
func (r *result) WalkDir(ctx context.Context, path string, visit func(rel string, open func() (engines.File, error)) error) error {
	var root string
	var found []string
	err := r.config.As(func() (err error) {
		root, err = filepath.EvalSymlinks(r.absolute(path)) // the walk would not follow the root itself
		if err == nil {
			found, err = list(ctx, root)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, rel := range found {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := visit(filepath.ToSlash(rel), func() (engines.File, error) { return r.open(filepath.Join(root, rel)) })
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

// regular tells whether an entry is a file, or a link to one. A link that leads nowhere is none.
func regular(path string, d fs.DirEntry) bool {
	if d.Type()&fs.ModeSymlink == 0 {
		return d.Type().IsRegular()
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Dispose implements engines.Result. The processes were ended when the commands had.
func (r *result) Dispose(ctx context.Context) error {
	if err := r.config.Free(ctx); err != nil {
		return fmt.Errorf("%s: %w", r.config.Engine, err)
	}
	return nil
}

var _ engines.Result = (*result)(nil)
