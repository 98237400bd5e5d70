// Command gap measures what lies between two tasks on one worker while others wait: from the reply
// of one's reportCompleted to the start of the next one's command, the shell's own start included.
package main

import (
	"context"
	"flag"
	"slices"

	"github.com/workerkit/workerkit/bench/measure"
)

// warmUp is how many tasks are not counted.
const warmUp = 3

func main() {
	n := flag.Int("n", 200, "how many `gaps`, after three that are not counted")
	measure.Main(func(ctx context.Context, s *measure.Stand) error { return gap(ctx, s, *n+warmUp) })
}

func gap(ctx context.Context, s *measure.Stand, n int) error {
	bell, err := measure.NewBell()
	if err != nil {
		return err
	}
	defer bell.Close()
	for range n + 1 {
		if _, err := s.Task(ctx, bell.Command(":")); err != nil {
			return err
		}
	}
	if _, err := s.Machine(ctx); err != nil {
		return err
	}
	started, err := bell.Wait(ctx, n+1)
	if err != nil {
		return err
	}
	calls, err := s.Await(ctx, "queue", "reportCompleted", n+1)
	if err != nil {
		return err
	}
	resolved := measure.Of(calls, "queue", "reportCompleted")
	slices.SortFunc(resolved, func(a, b measure.Call) int { return a.End.Compare(b.End) })
	var spans []measure.Span
	for i := warmUp; i < n; i++ {
		spans = append(spans, measure.Between(resolved[i].End, started[i+1].At, calls))
	}
	measure.Spans("one task resolved to the next started, "+s.Engine, spans, "4 ms")
	return nil
}
