package plugintest

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/worker/engines"
)

// Result is what commands left in a folder of this machine.
type Result struct{ Dir string }

var _ engines.Result = Result{}

// Status implements engines.Result.
func (Result) Status() engines.Status { return engines.Status{Success: true} }

// OpenFile implements engines.Result.
func (r Result) OpenFile(_ context.Context, path string) (engines.File, error) {
	path = r.path(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, engines.ErrWrongKind
	}
	return os.Open(path)
}

// WalkDir implements engines.Result.
func (r Result) WalkDir(ctx context.Context, path string, visit func(rel string, open func() (engines.File, error)) error) error {
	root := r.path(path)
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return engines.ErrWrongKind
	}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(rel), func() (engines.File, error) { return r.OpenFile(ctx, path) })
	})
}

// Dispose implements engines.Result.
func (Result) Dispose(context.Context) error { return nil }

func (r Result) path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.Dir, path)
}
