package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/endwatch"
	"github.com/workerkit/workerkit/worker/taskrun"
)

// watch has the queue asked which runs it has ended, until the returned function is called.
func (p *program) watch(runs *taskrun.Deps) (stop func()) {
	watch := endwatch.New(endwatch.Config{
		Every: time.Duration(p.config.Workerkit.CancelPollSecs) * time.Second, //nolint:gosec // a number of seconds
		Ask:   askStatuses(p.client, p.source), Random: rand.Float64, Logger: p.logger,
	})
	runs.Watch = watch
	ctx, cancel := context.WithCancel(context.Background())
	var owned sync.WaitGroup
	owned.Go(func() { watch.Run(ctx) })
	return func() {
		cancel()
		owned.Wait()
	}
}

// askStatuses asks where tasks stand as nobody, which most deployments allow; where they do not,
// with the worker's credentials from then on.
func askStatuses(client *tc.Client, own tc.Source) func(context.Context, []string) (map[string]tc.TaskStatus, error) {
	nobody, worker := client.Tasks(tc.Anonymous()), client.Tasks(own)
	var refused atomic.Bool
	return func(ctx context.Context, taskIDs []string) (map[string]tc.TaskStatus, error) {
		if !refused.Load() {
			statuses, err := nobody.Statuses(ctx, taskIDs)
			if status := tc.Status(err); status != http.StatusForbidden && status != http.StatusUnauthorized {
				return statuses, err //nolint:wrapcheck // names the call
			}
			refused.Store(true)
		}
		return worker.Statuses(ctx, taskIDs) //nolint:wrapcheck // names the call
	}
}
