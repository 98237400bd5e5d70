// Command boot measures a machine's start: from start-worker's exec to the worker's first
// claimWork, which is not counted itself.
package main

import (
	"context"
	"flag"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	n := flag.Int("n", 20, "how many `machines`, one after another")
	measure.Main(func(ctx context.Context, s *measure.Stand) error { return boot(ctx, s, *n) })
}

func boot(ctx context.Context, s *measure.Stand, n int) error {
	var spans []measure.Span
	for done := range n {
		// a task, so that the claim is answered, and so recorded, at once
		if _, err := s.Task(ctx, []string{"/bin/true"}); err != nil {
			return err
		}
		machine, err := s.Machine(ctx)
		if err != nil {
			return err
		}
		calls, err := s.Await(ctx, "queue", "reportCompleted", done+1)
		if err != nil {
			return err
		}
		for _, claim := range measure.Of(calls, "queue", "claimWork") {
			if claim.Start.After(machine.Started) {
				spans = append(spans, measure.Between(machine.Started, claim.Start, calls))
				break
			}
		}
		if err := machine.Stop(); err != nil {
			return err
		}
	}
	measure.Spans("start-worker to first claim", spans)
	return nil
}
