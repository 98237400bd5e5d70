// Command cancel measures from cancelTask's reply to the death of the task's command, which obeys
// SIGTERM, at random moments of the worker's interval (workerkit.cancelPollSecs).
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	n := flag.Int("n", 20, "how many `tasks`")
	poll := flag.Int("poll", 2, "workerkit.cancelPollSecs; 60 unless it is set")
	measure.Main(func(ctx context.Context, s *measure.Stand) error { return cancel(ctx, s, *n, *poll) })
}

func cancel(ctx context.Context, s *measure.Stand, n, poll int) error {
	bell, err := measure.NewBell()
	if err != nil {
		return err
	}
	defer bell.Close()
	if _, err := s.MachineIn(ctx, measure.Pool, 1, map[string]any{"cancelPollSecs": poll}); err != nil {
		return err
	}
	var took []time.Duration
	for range n {
		id, err := s.Task(ctx, bell.Command("exec sleep 1000"))
		if err != nil {
			return err
		}
		rings, err := bell.Wait(ctx, 1)
		if err != nil {
			return err
		}
		select {
		case <-time.After(rand.N(time.Duration(poll) * time.Second)): //nolint:gosec // nobody gains by guessing it
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := s.Tasks().Cancel(ctx, id); err != nil {
			return err
		}
		begin := time.Now()
		end, err := measure.Gone(ctx, rings[0].PID)
		if err != nil {
			return err
		}
		took = append(took, end.Sub(begin))
	}
	what := fmt.Sprintf("cancelled to dead, %s, asking every %d s", s.Engine, poll)
	measure.Spread(what, took, measure.Milliseconds)
	measure.Percentile(what+": p95", took, 95, measure.Milliseconds)
	measure.Row(what+": target of the worst", fmt.Sprintf("%d ms", (poll+1)*1000), "the interval and a second")
	return nil
}
