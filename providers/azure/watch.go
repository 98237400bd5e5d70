package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/providers"
)

const (
	// interval bounds what a notice is late by: at a random moment p95 is 0.95 of it.
	interval = 900 * time.Millisecond
	// slowest is the longest wait after calls that failed. Spot machines have 30 s.
	slowest = 5 * time.Second
	// activation is how long the first call may take: it switches the service on.
	activation = 130 * time.Second
)

// watch is what is known of the scheduled events.
type watch struct {
	last    []byte    // the document as it was read last; nil before the first
	asked   time.Time // when the last call began
	failed  int       // calls since the last good one
	failure int       // the status of those that was logged
	pending []providers.Notice

	mu    sync.Mutex       // guards known, which Acknowledge reads
	known map[string]event // those about us, by ID, as they were listed last
}

// Watch implements providers.Watcher. It reads the events until there is news of this machine,
// and tells each event once. Calls that fail are repeated, more slowly, for as long as ctx
// lasts; what is logged is only that their failing begins, changes or ends.
func (p *Provider) Watch(ctx context.Context) (providers.Notice, error) {
	w := &p.watch
	for {
		if ctx.Err() != nil {
			return providers.Notice{}, fmt.Errorf("azure: watch scheduled events: %w", context.Cause(ctx))
		}
		if len(w.pending) > 0 {
			n := w.pending[0]
			w.pending = w.pending[1:]
			return n, nil
		}
		if !pause(ctx, time.Until(w.asked.Add(w.wait()))) {
			continue
		}
		w.asked = time.Now()
		if err := p.poll(ctx); ctx.Err() == nil {
			p.note(ctx, err)
		}
	}
}

// wait is how long after the last call the next one is due.
func (w *watch) wait() time.Duration {
	return min(interval<<min(w.failed, 3), slowest)
}

// pause waits, and tells whether it did so to the end.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// note counts calls that fail, and logs when something changes.
func (p *Provider) note(ctx context.Context, err error) {
	w := &p.watch
	if err == nil {
		if w.failed > 0 {
			p.log.InfoContext(ctx, "scheduled events can be read again", "calls failed", w.failed)
		}
		w.failed = 0
		return
	}
	w.failed++
	// Errors of the network have changing ports in their texts: how it fails is what counts.
	if how := status(err); w.failed == 1 || how != w.failure {
		w.failure = how
		p.log.WarnContext(ctx, "scheduled events cannot be read; trying on", "error", err)
	}
}

// poll reads the events once, and puts what is new into pending.
func (p *Provider) poll(ctx context.Context) error {
	w := &p.watch
	call := imds.Once(ctx)
	if w.last == nil {
		call = imds.Within(call, activation)
	}
	body, err := p.service.call(call, http.MethodGet, eventsPath, nil)
	// The text says all that its DocumentIncarnation would, and does not start again from 1
	// when the service does.
	if err != nil || bytes.Equal(body, w.last) {
		return err
	}
	var d document
	if err := json.Unmarshal(body, &d); err != nil {
		return fmt.Errorf("decode the scheduled events: %w", err)
	}
	w.last = body
	w.pending = append(w.pending, w.update(d, p.vm)...)
	return nil
}

// update takes over a document and returns what is new in it for the machine. An event is told
// again when it means something else than before, and once more when it is gone.
func (w *watch) update(d document, vm string) []providers.Notice {
	w.mu.Lock()
	defer w.mu.Unlock()
	var news []providers.Notice
	listed := make(map[string]event, len(d.Events))
	for _, e := range d.Events {
		if !e.concerns(vm) {
			continue
		}
		listed[e.EventID] = e
		if before, told := w.known[e.EventID]; !told || before.meaning() != e.meaning() {
			news = append(news, e.notice(vm))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.known)) {
		if _, still := listed[id]; !still && !w.known[id].over() {
			news = append(news, w.known[id].withdrawn(vm))
		}
	}
	w.known = listed
	return news
}

// Acknowledge implements providers.Acknowledger. It lets the event start when the configuration
// wants that, the event is about this machine alone, and it takes the machine away.
func (p *Provider) Acknowledge(ctx context.Context, n providers.Notice) error {
	p.watch.mu.Lock()
	e, listed := p.watch.known[n.ID]
	p.watch.mu.Unlock()
	if !p.acknowledge || !listed || !e.acknowledgeable(p.vm) {
		return nil
	}
	body, err := json.Marshal(start{[]startRequest{{e.EventID}}})
	if err != nil {
		return fmt.Errorf("azure: acknowledge %s %s: %w", e.EventType, e.EventID, err)
	}
	if _, err := p.service.call(ctx, http.MethodPost, eventsPath, body); err != nil {
		return fmt.Errorf("azure: acknowledge %s %s: %w", e.EventType, e.EventID, err)
	}
	p.log.InfoContext(ctx, "the event may start", "type", e.EventType, "event", e.EventID)
	return nil
}
