package runner

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// say logs a text that is not ours to choose: a line of the worker, or one that the public
// runner writes too and that people look for.
func say(ctx context.Context, log *slog.Logger, level slog.Level, text string, attrs ...slog.Attr) {
	record := slog.NewRecord(time.Now(), level, text, 0)
	record.AddAttrs(attrs...)
	_ = log.Handler().Handle(ctx, record) // where would one say that a log failed
}

// noAnswer makes a retry.Policy's Notify that logs the first failure and then one a minute,
// however many calls fail meanwhile.
func (r *runner) noAnswer() func(error, time.Duration) {
	var mu sync.Mutex
	var last time.Time
	return func(err error, wait time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); last.IsZero() || now.Sub(last) >= time.Minute {
			last = now
			r.log.Warn("Taskcluster does not answer; trying again", "error", err, "in", wait.Round(time.Millisecond))
		}
	}
}
