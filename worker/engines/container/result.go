package container

import (
	"context"

	"github.com/workerkit/workerkit/worker/engines"
)

// result is a container that has ended.
type result struct {
	*builder
	files  *files
	status engines.Status
}

// Status implements engines.Result.
func (r *result) Status() engines.Status { return r.status }

// Dispose implements engines.Result.
func (r *result) Dispose(ctx context.Context) error { return r.free(ctx) }

// OpenFile implements engines.Result.
func (r *result) OpenFile(ctx context.Context, path string) (engines.File, error) {
	return r.files.open(ctx, path) //nolint:wrapcheck // names the file
}

// WalkDir implements engines.Result.
func (r *result) WalkDir(ctx context.Context, path string, visit func(rel string, open func() (engines.File, error)) error) error {
	return r.files.walk(ctx, path, visit)
}

var _ engines.Result = (*result)(nil)
