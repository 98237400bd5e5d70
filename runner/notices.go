package runner

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/control"
)

// remembered is how many notices are kept, to know those that come again.
const remembered = 64

// notices is what the place has announced, newest last. It belongs to one goroutine at a time.
type notices struct {
	heard   []providers.Notice
	drained []providers.Notice // those that ended the work
}

// isNew remembers a notice; false when it has been heard before.
func (h *notices) isNew(n providers.Notice) bool {
	if slices.ContainsFunc(h.heard, func(o providers.Notice) bool {
		return o.Kind == n.Kind && o.ID == n.ID && o.Reason == n.Reason && o.Deadline.Equal(n.Deadline)
	}) {
		return false
	}
	h.heard = append(h.heard, n)
	h.heard = h.heard[max(0, len(h.heard)-remembered):]
	return true
}

// decide is what follows from a notice: whether the work ends, and how. Advice without a time
// lets tasks be finished wherever a notice may, since nothing hurries.
func decide(c config.Notices, n providers.Notice, now time.Time) (order, bool) {
	o := order{deadline: n.Deadline}
	if c.FinishTasksIfLeft > 0 {
		o.finish = n.Kind == providers.Advice
		if !n.Deadline.IsZero() {
			o.finish = n.Deadline.Sub(now) >= c.FinishTasksIfLeft
		}
	}
	switch n.Kind {
	case providers.Termination:
		return o, true
	case providers.Advice:
		return o, slices.Contains(c.DrainOn, n.Reason)
	default:
		return order{}, false
	}
}

// watch acts on notices until ctx ends. A place that cannot be watched is tried again.
func (r *runner) watch(ctx context.Context, w providers.Watcher, h *notices) {
	var wait time.Duration
	for ctx.Err() == nil {
		n, err := w.Watch(ctx)
		if err == nil {
			wait = 0
			r.notice(ctx, h, n)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		wait = min(max(2*wait, time.Second), time.Minute)
		jittered := time.Duration(float64(wait) * (0.75 + 0.5*r.deps.Random()))
		r.log.Warn("notices about this machine are not heard; trying again", "error", err, "in", jittered.Round(time.Millisecond))
		pause(ctx, jittered)
	}
}

// notice acts on one notice. The worker comes first, the log second: a machine may have seconds.
func (r *runner) notice(ctx context.Context, h *notices, n providers.Notice) {
	if !h.isNew(n) {
		return
	}
	o, drains := decide(r.config.Notices, n, time.Now())
	if drains {
		h.drained = append(h.drained, n)
		_, _ = r.drain(o) // while notices are heard there is work
	}
	level := slog.LevelWarn
	if n.Kind == providers.Remark {
		level = slog.LevelInfo
	}
	attrs := []any{"reason", n.Reason, "drains", drains}
	if !n.Deadline.IsZero() {
		attrs = append(attrs, "deadline", n.Deadline)
	}
	if n.Resource != "" {
		attrs = append(attrs, "resource", n.Resource)
	}
	r.log.Log(ctx, level, "notice about this machine", attrs...)
	r.board.change(func(s *control.Status) {
		s.Notices = append(s.Notices, control.Notice{Reason: n.Reason, Resource: n.Resource, Heard: time.Now(), Deadline: n.Deadline, Drains: drains})
		s.Notices = s.Notices[max(0, len(s.Notices)-remembered):]
	})
}

// lastWord is how long it may take to tell the place that nothing runs here any longer.
const lastWord = 10 * time.Second

// acknowledge tells the place that the worker, which its notices have ended, is no more: it may
// take the machine at once. So the hold file stops this too. Call it when nobody watches any longer.
func (r *runner) acknowledge(ctx context.Context, p providers.Provider, h *notices) {
	a, ok := p.(providers.Acknowledger)
	if !ok || r.held() {
		return
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer done()
	for _, n := range h.drained {
		if err := a.Acknowledge(ctx, n); err != nil {
			r.log.Warn("the notice was not acknowledged", "reason", n.Reason, "error", err)
		}
	}
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
