package task

import (
	"context"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/scopes"
	"github.com/workerkit/workerkit/internal/tc"
)

// Expander tells what scopes with roles among them amount to: *tc.Client is one.
type Expander interface {
	ExpandScopes(ctx context.Context, scopes []string) ([]string, error)
}

// Require is nil when the task's scopes grant all scopes of at least one of the lists; that
// malformed-payload which names what is missing when they do not. Only scopes that assume a
// role are asked about; resource-unavailable says that nobody answered.
func (r *Run) Require(ctx context.Context, e Expander, feature string, anyOf ...[]string) error {
	held := slices.Concat(r.Definition.Scopes, r.Granted)
	granted := func(all []string) bool { return len(scopes.Missing(held, all)) == 0 }
	if slices.ContainsFunc(anyOf, granted) {
		return nil
	}
	if slices.ContainsFunc(held, func(s string) bool { return strings.HasPrefix(s, "assume:") }) {
		expanded, err := e.ExpandScopes(ctx, r.Definition.Scopes)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case tc.Temporary(err):
			return Unavailable("%s: whether the task's scopes suffice is not known: %w", feature, err)
		case err != nil:
			return Malformed("%s: the task's scopes cannot be expanded: %w", feature, err)
		}
		if held = append(expanded, r.Granted...); slices.ContainsFunc(anyOf, granted) {
			return nil
		}
	}
	lists := make([]string, len(anyOf))
	for i, all := range anyOf {
		lists[i] = strings.Join(all, ", ")
	}
	return Malformed("%s: the task needs the scopes %s; it has %s. Add them to task.scopes",
		feature, strings.Join(lists, ", or "), scopeList(r.Definition.Scopes))
}

func scopeList(all []string) string {
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}
