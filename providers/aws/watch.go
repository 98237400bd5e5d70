package aws

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/providers"
)

const (
	// shortest and longest are the bounds of the time between two looks at what is urgent: EC2
	// announces it two minutes ahead.
	shortest = 1200 * time.Millisecond
	longest  = 1800 * time.Millisecond
	// seldom is how many of these looks there are to one at what is not urgent.
	seldom = 10
)

// watch is what Watch knows from call to call.
type watch struct {
	next    time.Time // of the next look
	looks   int
	pending []providers.Notice
	said    map[string]bool // what has been told, by its content
	trouble string          // why the last look failed, "" when it did not
}

// Watch implements providers.Watcher. It asks for spot interruptions every 1.5 seconds and for
// what is not urgent every 15. It goes on while the service fails, and ends only with ctx.
func (p *Provider) Watch(ctx context.Context) (providers.Notice, error) {
	w := &p.watch
	for ctx.Err() == nil {
		if len(w.pending) > 0 {
			n := w.pending[0]
			w.pending = w.pending[1:]
			return n, nil
		}
		if wait(ctx, time.Until(w.next)) {
			w.next = time.Now().Add(shortest + rand.N(longest-shortest)) //nolint:gosec // it only spreads the load
			p.look(ctx)
		}
	}
	return providers.Notice{}, fmt.Errorf("aws: watch: %w", context.Cause(ctx))
}

// wait waits for d; false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// look asks once and keeps what is new.
func (p *Provider) look(ctx context.Context) {
	w := &p.watch
	found, err := p.spot(imds.Once(ctx))
	if w.looks%seldom == 0 && err == nil {
		var more []providers.Notice
		more, err = p.advice(imds.Once(ctx))
		found = append(found, more...)
	}
	if err == nil {
		w.looks++ // what failed is asked again at the next look
	}
	for _, n := range found {
		key := fmt.Sprint(n.Reason, n.ID, n.Resource, n.Deadline.Unix())
		if !w.said[key] {
			w.said[key] = true
			w.pending = append(w.pending, n)
		}
	}
	p.remember(ctx, err)
}

// remember logs that looking has begun to fail, fails for another reason, or works again.
func (p *Provider) remember(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	w := &p.watch
	before := w.trouble
	w.trouble = class(err)
	switch {
	case w.trouble == before:
	case err == nil:
		p.log.InfoContext(ctx, "EC2's metadata service answers again")
	default:
		p.log.WarnContext(ctx, "EC2's metadata service fails, so a notice may be missed; it is asked on and on", "error", err)
	}
}
