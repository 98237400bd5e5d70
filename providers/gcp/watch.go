package gcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/providers"
)

const (
	// preempted is the value of instance/preempted when Google takes the instance away.
	preempted = "TRUE"
	// none is the value of instance/maintenance-event while there is no such event.
	none = "NONE"
	// rarely is how often upcoming maintenance is asked for where the instance's metadata does
	// not include it: it is announced an hour ahead or more.
	rarely = 10 * time.Minute
	// slowest is about the longest wait after calls that failed: a preemption is announced 30
	// seconds ahead.
	slowest = 10 * time.Second
	// calm is the wait after more than a few looks, one after the other, that took less than it and
	// brought no notice: something else in the metadata may change all the time.
	calm, few = time.Second, 3
)

// watch is what a Provider has seen and told, from call to call of Watch. One GET hangs on all
// metadata of the instance, from the ETag of what was seen last: a change between two calls
// makes the next one return at once, and nothing runs between them.
type watch struct {
	etag    string
	pending []providers.Notice // found, and not told yet

	preempted   bool
	maintenance string
	upcoming    string // which maintenance was announced last; "" when it is off again

	included bool      // the instance's metadata tells of upcoming maintenance
	asked    time.Time // when upcoming maintenance was asked for by itself
	armed    bool      // maintenance-event was read since the last such event
	trouble  string    // what Watch said last about calls that fail
}

// Watch implements providers.Watcher. It goes on until a notice comes or ctx ends: calls that
// fail are repeated after waits of up to slowest.
func (p *Provider) Watch(ctx context.Context) (providers.Notice, error) {
	policy := retry.Policy{Initial: 100 * time.Millisecond, Factor: 2, Cap: slowest, Notify: p.failing}
	for quick := 0; ctx.Err() == nil; {
		if len(p.watch.pending) > 0 {
			n := p.watch.pending[0]
			p.watch.pending = p.watch.pending[1:]
			return n, nil
		}
		p.ask(ctx)
		if len(p.watch.pending) > 0 {
			continue
		}
		began := time.Now()
		if err := retry.Do(ctx, policy, p.look); err != nil {
			break // ctx has ended
		}
		if quick++; time.Since(began) >= calm {
			quick = 0
		}
		if quick > few && len(p.watch.pending) == 0 {
			pause(ctx, calm)
		}
	}
	return providers.Notice{}, fmt.Errorf("gcp: watch: %w", context.Cause(ctx))
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// errNoWait is a server that does not hold calls back: asking it at once again would not end.
var errNoWait = errors.New("the metadata server ignores wait_for_change")

// look waits for the instance's metadata to be different, for a minute at most.
func (p *Provider) look(ctx context.Context) error {
	began, known := time.Now(), p.watch.etag
	about, etag, err := p.client.instance(ctx, known)
	if err != nil {
		return err
	}
	p.watch.saw(about, etag)
	if etag == known && time.Since(began) < hang/2 && len(p.watch.pending) == 0 {
		return errNoWait
	}
	if p.watch.trouble != "" {
		p.watch.trouble = ""
		p.log.Info("notices of the instance's end can be read again")
	}
	return nil
}

// ask makes the calls besides the one that hangs. They may fail: the next round asks again.
func (p *Provider) ask(ctx context.Context) {
	ctx = imds.Once(ctx)
	if !p.watch.armed {
		// Google gives the warning of 60 seconds only to those who have read this very key since
		// the last event.
		_, _, err := p.client.get(ctx, "instance/maintenance-event")
		p.watch.armed = err == nil || errors.Is(err, errNotThere)
	}
	if p.watch.included || time.Since(p.watch.asked) < rarely {
		return
	}
	p.watch.asked = time.Now()
	// An error (404, and 503 as well) means that nothing was announced yet.
	if text, _, err := p.client.get(ctx, "instance/upcoming-maintenance?alt=json"); err == nil {
		p.watch.sawUpcoming([]byte(text))
	}
}

// failing logs why calls fail, when that changes.
func (p *Provider) failing(err error, _ time.Duration) {
	text := err.Error()
	if op, ok := errors.AsType[*net.OpError](err); ok { // its text has another port at each call
		text = fmt.Sprint(op.Op, ": ", op.Err)
	}
	if text != p.watch.trouble {
		p.watch.trouble = text
		p.log.Warn("notices of the instance's end cannot be read; trying again", "error", err)
	}
}

// saw takes in the instance's metadata, and finds what is new in it.
func (w *watch) saw(about instance, etag string) {
	w.etag = etag
	if on := about.Preempted == preempted; on != w.preempted {
		if w.preempted = on; on {
			w.tell(providers.Termination, "preempted", time.Now().Add(30*time.Second)) // Google's best effort
		}
	}
	if event := cmp.Or(about.MaintenanceEvent, none); event != cmp.Or(w.maintenance, none) {
		w.maintenance, w.armed = event, false
		switch {
		case strings.HasPrefix(event, "TERMINATE"):
			w.tell(providers.Termination, event, time.Now().Add(time.Minute))
		case event != none:
			w.tell(providers.Remark, event, time.Now().Add(time.Minute))
		}
	}
	if w.included = len(about.UpcomingMaintenance) > 0; w.included {
		w.sawUpcoming(about.UpcomingMaintenance)
	}
}

func (w *watch) tell(kind providers.NoticeKind, reason string, deadline time.Time) {
	w.pending = append(w.pending, providers.Notice{Kind: kind, Reason: reason, Deadline: deadline})
}
