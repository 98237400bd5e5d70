package runner

import (
	"context"
	"sync"

	"github.com/workerkit/workerkit/runner/config"
	"github.com/workerkit/workerkit/runner/launch"
)

// probe finds out, in the background, whether the worker is ours. It costs a process, and is
// asked only when the answer matters.
type probe struct {
	path string
	once sync.Once
	done chan struct{}
	ours bool
	err  error
}

// newProbe starts at once when the runner's own config needs the answer.
func newProbe(ctx context.Context, c config.Config) *probe {
	p := &probe{path: c.Worker.Path, done: make(chan struct{})}
	if c.Worker.Implementation == config.GenericWorker && (launch.AsksWhose || config.Workerkit(c.WorkerConfig)) {
		p.start(ctx)
	}
	return p
}

func (p *probe) start(ctx context.Context) {
	p.once.Do(func() {
		go func() {
			defer close(p.done)
			p.ours, p.err = launch.IsOurs(ctx, p.path)
		}()
	})
}

// answer waits for the answer. A worker that cannot be asked is not ours.
func (p *probe) answer(ctx context.Context) (bool, error) {
	p.start(ctx)
	<-p.done
	return p.ours, p.err
}

// known tells whether the worker is ours, as far as that has been asked.
func (p *probe) known() bool {
	select {
	case <-p.done:
		return p.ours
	default:
		return false
	}
}

// wait returns when nothing runs in the background any longer.
func (p *probe) wait() {
	p.once.Do(func() { close(p.done) })
	<-p.done
}
