// Command noop measures tasks that do nothing, one after another on one worker with the live
// log on: from one task's resolution to the next.
package main

import (
	"context"
	"flag"
	"slices"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	n := flag.Int("n", 50, "how many `tasks`, after three that are not counted")
	measure.Main(func(ctx context.Context, s *measure.Stand) error { return noop(ctx, s, *n+3) })
}

func noop(ctx context.Context, s *measure.Stand, n int) error {
	for range n {
		if _, err := s.Task(ctx, []string{"/bin/true"}); err != nil {
			return err
		}
	}
	if _, err := s.Machine(ctx); err != nil {
		return err
	}
	calls, err := s.Await(ctx, "queue", "reportCompleted", n)
	if err != nil {
		return err
	}
	resolved := measure.Of(calls, "queue", "reportCompleted")
	slices.SortFunc(resolved, func(a, b measure.Call) int { return a.End.Compare(b.End) })
	var spans []measure.Span
	for i := 3; i < n; i++ {
		spans = append(spans, measure.Between(resolved[i-1].End, resolved[i].End, calls))
	}
	measure.Spans("no-op task", spans)
	return nil
}
