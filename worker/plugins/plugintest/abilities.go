package plugintest

import (
	"context"

	"github.com/workerkit/workerkit/worker/engines"
)

var (
	_ engines.Grouper  = (*sandbox)(nil)
	_ engines.Promoter = (*sandbox)(nil)
	_ engines.Prober   = (*sandbox)(nil)
	_ engines.Meter    = (*sandbox)(nil)
)

// Join implements engines.Grouper.
func (*sandbox) Join(context.Context, []string) error { return nil }

// Promote implements engines.Promoter.
func (*sandbox) Promote(context.Context) (string, error) { return "", nil }

// CanRead implements engines.Prober. The commands cannot read anything of the worker's.
func (*sandbox) CanRead(context.Context, string) (bool, error) { return false, nil }

// Usage implements engines.Meter. Nothing is used.
func (*sandbox) Usage(context.Context) (engines.Usage, error) { return engines.Usage{}, nil }
