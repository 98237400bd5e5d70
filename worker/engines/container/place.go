package container

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// placing finds out, once and when it is needed, where mounts really are.
type placing struct {
	mu   sync.Mutex
	done bool
}

// place follows the targets of the mounts as the engine has done: on the way to one there may be links
// of the image, as /var/run in most. One that cannot be followed stays where it was asked for.
func (f *files) place(ctx context.Context) error {
	f.placing.mu.Lock()
	defer f.placing.mu.Unlock()
	if f.placing.done {
		return nil
	}
	asked := slices.Clone(f.mounts)
	slices.SortStableFunc(asked, func(a, b mounted) int { return strings.Compare(a.Target, b.Target) })
	var found []mounted
	for _, m := range asked {
		f.mounts = found // those above it
		at, _, err := f.resolve(ctx, m.Target)
		if ctx.Err() != nil {
			f.mounts = asked
			return context.Cause(ctx)
		}
		if err == nil {
			m.Target = at
		}
		found = append(found, m)
	}
	f.mounts, f.placing.done = found, true
	return nil
}
