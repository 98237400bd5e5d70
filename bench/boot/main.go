// Command boot measures a machine's start, on static hardware and on each emulated cloud: from
// start-worker's exec to the worker's first claimWork, which is not counted itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	n := flag.Int("n", 20, "how many `machines` of each sort, one after another")
	measure.Main(func(ctx context.Context, s *measure.Stand) error { return boot(ctx, s, *n) })
}

func boot(ctx context.Context, s *measure.Stand, n int) error {
	done := 0 // tasks
	if err := series(ctx, s, "static", n, &done, measure.Pool, static); err != nil {
		return err
	}
	for _, c := range measure.Clouds() {
		if err := s.AddPoolOf(ctx, c.Pool(), c.Provider, c.Config(0, 1)); err != nil {
			return err
		}
		if err := series(ctx, s, c.Provider, n, &done, c.Pool(), cloud); err != nil {
			return err
		}
	}
	return nil
}

// start boots a machine for the task that waits in a pool. It returns when start-worker was
// started, and a function that takes the machine away once the task is done.
type start func(ctx context.Context, s *measure.Stand, pool string) (started func() (time.Time, error), stop func() error, err error)

func series(ctx context.Context, s *measure.Stand, name string, n int, done *int, pool string, boots start) error {
	var spans []measure.Span
	for range n {
		// a task, so that the claim is answered, and so recorded, at once
		if _, err := s.TaskIn(ctx, pool, []string{"/bin/true"}); err != nil {
			return err
		}
		started, stop, err := boots(ctx, s, pool)
		if err != nil {
			return err
		}
		*done++
		calls, err := s.Await(ctx, "queue", "reportCompleted", *done)
		if err != nil {
			return err
		}
		begin, err := started()
		if err != nil {
			return err
		}
		if span, ok := measured(calls, begin); ok {
			spans = append(spans, span)
		}
		if err := stop(); err != nil {
			return err
		}
	}
	measure.Spans("start to first claim, "+name, spans, "")
	return nil
}

// measured is the time from the start to the first claim. Of the calls to the metadata service,
// those count that the start waits for: the watch for notices goes on beside it.
func measured(calls []measure.Call, begin time.Time) (measure.Span, bool) {
	var registered time.Time
	var counted []measure.Call
	for _, c := range calls {
		if c.Method == "registerWorker" && c.Start.After(begin) && registered.IsZero() {
			registered = c.End
		}
	}
	for _, c := range calls {
		if c.Service != "metadata" || c.End.Before(registered) {
			counted = append(counted, c)
		}
	}
	for _, claim := range measure.Of(calls, "queue", "claimWork") {
		if claim.Start.After(begin) {
			return measure.Between(begin, claim.Start, counted), true
		}
	}
	return measure.Span{}, false
}

func static(ctx context.Context, s *measure.Stand, _ string) (func() (time.Time, error), func() error, error) {
	machine, err := s.Machine(ctx)
	if err != nil {
		return nil, nil, err
	}
	return func() (time.Time, error) { return machine.Started, nil }, machine.Stop, nil
}

func cloud(ctx context.Context, s *measure.Stand, pool string) (func() (time.Time, error), func() error, error) {
	var machine measure.CloudMachine
	started := func() (time.Time, error) {
		all, err := s.CloudMachines(ctx, pool)
		if err == nil && len(all) != 1 {
			err = fmt.Errorf("%d machines in %s, not one", len(all), pool)
		}
		if err != nil {
			return time.Time{}, err
		}
		machine = all[0]
		return machine.Started, nil
	}
	return started, func() error { return s.RemoveMachine(ctx, machine) }, nil
}
