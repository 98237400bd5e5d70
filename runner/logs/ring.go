package logs

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/workerkit/workerkit/runner/textlog"
)

// Ring is a slog.Handler that passes records on and keeps the lines of the last ones. It is
// safe for concurrent use.
type Ring struct {
	next  slog.Handler
	scope scope
	kept  *kept
}

var _ slog.Handler = (*Ring)(nil)

// kept is shared by all loggers of a Ring.
type kept struct {
	mu    sync.Mutex
	most  int
	lines []string // oldest first
}

// Keep makes a Ring with the last n lines of what is passed on to next.
func Keep(next slog.Handler, n int) *Ring { return &Ring{next: next, kept: &kept{most: n}} }

// Lines are the last lines, oldest first, in the form Text.
func (r *Ring) Lines() []string {
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	return slices.Clone(r.kept.lines)
}

// Enabled implements slog.Handler.
func (r *Ring) Enabled(ctx context.Context, level slog.Level) bool { return r.next.Enabled(ctx, level) }

// Handle implements slog.Handler.
func (r *Ring) Handle(ctx context.Context, record slog.Record) error {
	r.kept.add(shorten(textlog.Line(record, r.scope.all(nil, record)), longestLine))
	return r.next.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (r *Ring) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Ring{next: r.next.WithAttrs(attrs), scope: r.scope.with(attrs), kept: r.kept}
}

// WithGroup implements slog.Handler.
func (r *Ring) WithGroup(name string) slog.Handler {
	return &Ring{next: r.next.WithGroup(name), scope: r.scope.group(name), kept: r.kept}
}

// longestLine is how many bytes are kept of a line.
const longestLine = 4096

func (k *kept) add(line string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.lines) >= k.most {
		k.lines = slices.Delete(k.lines, 0, len(k.lines)-k.most+1)
	}
	k.lines = append(k.lines, line)
}
