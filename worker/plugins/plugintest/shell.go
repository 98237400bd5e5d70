package plugintest

import (
	"context"
	"io"

	"github.com/workerkit/workerkit/worker/engines"
)

var _ engines.Sheller = (*sandbox)(nil)

// Shell implements engines.Sheller with one that says what it is told, until it is closed.
func (*sandbox) Shell(context.Context, []string, bool) (engines.Shell, error) {
	out, in := io.Pipe()
	return shell{out, in, make(chan struct{})}, nil
}

// shell is an echo.
type shell struct {
	io.Reader
	in    *io.PipeWriter
	ended chan struct{}
}

// Write implements engines.Shell.
func (s shell) Write(p []byte) (int, error) { return s.in.Write(p) }

// Resize implements engines.Shell.
func (shell) Resize(uint16, uint16) error { return nil }

// Wait implements engines.Shell.
func (s shell) Wait(ctx context.Context) (int, error) {
	select {
	case <-s.ended:
		return 0, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Close implements engines.Shell. It comes once.
func (s shell) Close() error {
	close(s.ended)
	return s.in.Close()
}
