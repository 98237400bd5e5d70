package plugintest

import (
	"context"

	"github.com/workerkit/workerkit/worker/commands"
	"github.com/workerkit/workerkit/worker/engines"
)

// Result is what commands left in a folder of this machine.
type Result struct{ Dir string }

var _ engines.Result = Result{}

// Status implements engines.Result.
func (Result) Status() engines.Status { return engines.Status{Success: true} }

// OpenFile implements engines.Result.
func (r Result) OpenFile(ctx context.Context, path string) (engines.File, error) {
	return commands.Files{Dir: r.Dir}.OpenFile(ctx, path)
}

// WalkDir implements engines.Result.
func (r Result) WalkDir(ctx context.Context, path string, visit func(rel string, open func() (engines.File, error)) error) error {
	return commands.Files{Dir: r.Dir}.WalkDir(ctx, path, visit)
}

// Dispose implements engines.Result.
func (Result) Dispose(context.Context) error { return nil }
