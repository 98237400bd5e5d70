// Command noop measures tasks that do nothing, with the live log on: one after another on one
// worker, from one task's resolution to the next, or several at the same time, per task.
package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
)

// warmUp is how many tasks are not counted.
const warmUp = 3

func main() {
	n := flag.Int("n", 200, "how many `tasks`, after three that are not counted")
	capacity := flag.Int("capacity", 1, "how many `tasks` at the same time")
	measure.Main(func(ctx context.Context, s *measure.Stand) error { return noop(ctx, s, *n+warmUp, *capacity) })
}

func noop(ctx context.Context, s *measure.Stand, n, capacity int) error {
	for range n {
		if _, err := s.Task(ctx, []string{"/bin/true"}); err != nil {
			return err
		}
	}
	if _, err := s.MachineIn(ctx, measure.Pool, capacity, nil); err != nil {
		return err
	}
	calls, err := s.Await(ctx, "queue", "reportCompleted", n)
	if err != nil {
		return err
	}
	var resolved []time.Time
	for _, c := range measure.Of(calls, "queue", "reportCompleted") {
		resolved = append(resolved, c.End)
	}
	slices.SortFunc(resolved, time.Time.Compare)
	if capacity > 1 { // when a call is nearly always in flight
		each := resolved[n-1].Sub(resolved[warmUp-1]) / time.Duration(n-warmUp)
		measure.Row(fmt.Sprintf("no-op task, %s, %d at a time: wall of each", s.Engine, capacity), measure.Milliseconds(each), fmt.Sprintf("mean, n=%d", n-warmUp))
		return nil
	}
	var spans []measure.Span
	for i := warmUp; i < n; i++ {
		spans = append(spans, measure.Between(resolved[i-1], resolved[i], calls))
	}
	measure.Spans("no-op task, "+s.Engine, spans, map[string]string{"insecure": "20 ms", "multiuser": "25 ms"}[s.Engine])
	return nil
}
