// Command idle measures the memory of start-worker and generic-worker, idle for a minute after
// one task.
package main

import (
	"context"
	"flag"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	after := flag.Duration("after", time.Minute, "how `long` to idle")
	measure.Main(func(ctx context.Context, s *measure.Stand) error { return idle(ctx, s, *after) })
}

func idle(ctx context.Context, s *measure.Stand, after time.Duration) error {
	if _, err := s.Task(ctx, []string{"/bin/true"}); err != nil {
		return err
	}
	machine, err := s.Machine(ctx)
	if err != nil {
		return err
	}
	if _, err := s.Await(ctx, "queue", "reportCompleted", 1); err != nil {
		return err
	}
	select {
	case <-time.After(after):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	worker, err := measure.Child(machine.PID(), "generic-worker")
	if err != nil {
		return err
	}
	var resident, anonymous int64
	for _, p := range []struct {
		name string
		pid  int
	}{{"start-worker", machine.PID()}, {"generic-worker", worker}} {
		memory, err := measure.Memory(p.pid)
		if err != nil {
			return err
		}
		measure.Row("idle "+p.name+": VmRSS", measure.Mebibytes(memory["VmRSS"]), "RssAnon "+measure.Mebibytes(memory["RssAnon"]))
		resident += memory["VmRSS"]
		anonymous += memory["RssAnon"]
	}
	measure.Row("idle, both: VmRSS", measure.Mebibytes(resident), "RssAnon "+measure.Mebibytes(anonymous))
	return nil
}
