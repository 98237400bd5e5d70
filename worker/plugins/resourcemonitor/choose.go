package resourcemonitor

import (
	"context"
	"slices"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// patience is how long an engine may take to say what a run uses.
const patience = interval

func (p *Plugin) enter(h *hooks) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs = append(p.runs, h)
}

func (p *Plugin) leave(h *hooks) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs = slices.DeleteFunc(p.runs, func(other *hooks) bool { return other == h })
}

// end ends the run that uses the most, once noticed has found that too little is left, and gives the
// others their time again. Both locks are held.
func (p *Plugin) end(noticed *hooks, m memory) {
	most := p.greediest(noticed)
	c := p.config
	most.run.Abort(task.Failure("task aborted - for more than %s, over %d%% of the system's memory was used and less than %s was available (now %s of %s)",
		c.Allowed, c.MaxUsedPercent, size(c.MinAvailable), size(m.available), size(m.total)))
	for _, h := range p.runs {
		if h == noticed {
			h.high = time.Time{}
			continue
		}
		h.mu.Lock()
		h.high = time.Time{}
		h.mu.Unlock()
	}
}

// greediest is the run that uses the most; noticed where that is not known.
func (p *Plugin) greediest(noticed *hooks) *hooks {
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	most := noticed
	used := noticed.memory(ctx)
	for _, h := range p.runs {
		if n := h.memory(ctx); n > used {
			most, used = h, n
		}
	}
	return most
}

// memory is what the run's processes use, in bytes; 0 where the engine does not know.
func (h *hooks) memory(ctx context.Context) uint64 {
	meter, ok := h.sandbox.(engines.Meter)
	if !ok {
		return 0
	}
	u, err := meter.Usage(ctx)
	if err != nil {
		h.run.Logger.Debug("resourcemonitor: what the task uses is not known", "error", err)
	}
	return u.Memory
}
