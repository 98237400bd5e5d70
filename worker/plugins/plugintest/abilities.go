package plugintest

import (
	"context"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/worker/engines"
)

var (
	_ engines.Grouper       = (*sandbox)(nil)
	_ engines.Elevator      = (*sandbox)(nil)
	_ engines.RemoteDesktop = (*sandbox)(nil)
	_ engines.Promoter      = (*sandbox)(nil)
	_ engines.Prober        = (*sandbox)(nil)
	_ engines.Meter         = (*sandbox)(nil)
)

// Join implements engines.Grouper.
func (*sandbox) Join(context.Context, []string) error { return nil }

// Promote implements engines.Promoter.
func (*sandbox) Promote(context.Context) (string, error) { return "", nil }

// Elevate implements engines.Elevator.
func (*sandbox) Elevate(context.Context) error { return nil }

// RemoteDesktop implements engines.RemoteDesktop.
func (*sandbox) RemoteDesktop(context.Context) (string, secret.String, error) {
	return "task_1", secret.New("password-of-a-task"), nil
}

// CanRead implements engines.Prober. The commands cannot read anything of the worker's.
func (*sandbox) CanRead(context.Context, string) (bool, error) { return false, nil }

// Usage implements engines.Meter. Nothing is used.
func (*sandbox) Usage(context.Context) (engines.Usage, error) { return engines.Usage{}, nil }
