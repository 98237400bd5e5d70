package mock

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
)

// Wait implements engines.Sandbox.
func (s *sandbox) Wait(ctx context.Context) (engines.Result, error) {
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s.err != nil {
		return nil, s.err
	}
	return result{s.run.Dir, s.status}, nil
}

// Kill implements engines.Sandbox.
func (s *sandbox) Kill(ctx context.Context, _ time.Duration) error {
	s.once.Do(func() { close(s.killed) })
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

type result struct {
	dir    string
	status engines.Status
}

// Status implements engines.Result.
func (r result) Status() engines.Status { return r.status }

// Dispose implements engines.Result.
func (result) Dispose(context.Context) error { return nil }

// OpenFile implements engines.Result.
func (r result) OpenFile(_ context.Context, path string) (engines.File, error) {
	path = r.path(path)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, engines.ErrWrongKind
	}
	return os.Open(path)
}

// WalkDir implements engines.Result.
func (r result) WalkDir(ctx context.Context, path string, visit func(string, func() (engines.File, error)) error) error {
	root, err := filepath.EvalSymlinks(r.path(path)) // the walk would not follow the root itself
	if err != nil {
		return err
	}
	if info, err := os.Stat(root); err == nil && !info.IsDir() {
		return engines.ErrWrongKind
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(rel), func() (engines.File, error) { return r.OpenFile(ctx, path) })
	})
}

func (r result) path(path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.dir, path)
}
