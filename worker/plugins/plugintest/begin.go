package plugintest

import (
	"context"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
)

// Begin takes a run through New, Prepare and Build of a plugin whose hooks have both. A plugin that the run does not
// ask for has nothing to say.
func Begin(ctx context.Context, p plugins.Plugin, run *Run, b engines.Builder) error {
	hooks, err := p.New(run.Run)
	if err != nil || hooks == nil {
		return err //nolint:wrapcheck // as the worker sees it
	}
	if err := hooks.(plugins.Preparer).Prepare(ctx); err != nil {
		return err //nolint:wrapcheck // as the worker sees it
	}
	return hooks.(plugins.Builder).Build(ctx, b) //nolint:wrapcheck // as the worker sees it
}
