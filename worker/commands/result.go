package commands

import (
	"context"
	"fmt"

	"github.com/workerkit/workerkit/worker/engines"
)

// result is the task directory after the commands.
type result struct {
	Files
	engine string
	free   func(context.Context) error // once
	status engines.Status
}

// Status implements engines.Result.
func (r *result) Status() engines.Status { return r.status }

// Dispose implements engines.Result. The processes were ended when the commands had.
func (r *result) Dispose(ctx context.Context) error {
	if err := r.free(ctx); err != nil {
		return fmt.Errorf("%s: %w", r.engine, err)
	}
	return nil
}

var _ engines.Result = (*result)(nil)
