package dockerworker

import (
	"context"
	"maps"
	"slices"

	"github.com/workerkit/workerkit/worker/task"
)

// Permit checks that the task has the scopes of what it asks for, grants the run what the plugins will
// ask it for, and warns of what this pool does not have. Errors are those of task.Run.Require.
func (t *Translator) Permit(ctx context.Context, run *task.Run) error {
	d, err := decode(run.Definition.Payload)
	if err != nil {
		return task.Malformed("payload: %w", err)
	}
	if t.config.NoMounts && len(d.mounts()) > 0 {
		return task.Malformed("payload.cache and artifacts of the type volume need mounts, which are disabled (enableMounts) on workers of the pool %s: leave them out, or have the task run by another pool", run.Definition.TaskQueueID)
	}
	scopes := &expansion{Expander: t.config.Scopes}
	for _, a := range asks() {
		if !*a.wanted(&d) {
			continue
		}
		if err := a.permit(ctx, run, scopes); err != nil {
			return err
		}
		if !a.allowed(t.config.Policy) {
			run.Log.Warn("payload.%s is left out: workers of the pool %s do not offer it (d2gConfig.%s)", a.place, run.Definition.TaskQueueID, a.key)
			continue
		}
		if a.grants != "" {
			run.Granted = append(run.Granted, a.grants)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Cache)) {
		scope, generic := "docker-worker:cache:"+name, "generic-worker:cache:"+name
		err := run.Require(ctx, scopes, "payload.cache", []string{scope}, []string{scope + ":" + run.Definition.TaskQueueID}, []string{generic})
		if err != nil {
			return err //nolint:wrapcheck // for the task's author
		}
		run.Granted = append(run.Granted, generic)
	}
	return nil
}

func (a ask) permit(ctx context.Context, run *task.Run, e task.Expander) error {
	if a.scope == "" {
		return nil
	}
	anyOf := [][]string{{a.scope}}
	if a.byPool {
		anyOf = append(anyOf, []string{a.scope + ":" + run.Definition.TaskQueueID})
	}
	return run.Require(ctx, e, "payload."+a.place, anyOf...) //nolint:wrapcheck // for the task's author
}

// expansion asks once what a run's scopes amount to.
type expansion struct {
	task.Expander
	asked  bool
	scopes []string
	err    error
}

// ExpandScopes implements task.Expander.
func (e *expansion) ExpandScopes(ctx context.Context, scopes []string) ([]string, error) {
	if !e.asked {
		e.asked = true
		e.scopes, e.err = e.Expander.ExpandScopes(ctx, scopes)
	}
	return slices.Clone(e.scopes), e.err
}
