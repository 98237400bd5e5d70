// Command crash kills a worker (SIGKILL) while tasks run, and measures from the moment start-worker
// has started the next worker until the last of those tasks is resolved, and until the last of
// their commands is dead.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	n := flag.Int("n", 10, "how many `times` for each number of tasks")
	counts := flag.String("tasks", "1,4", "how many `tasks` run")
	measure.Main(func(ctx context.Context, s *measure.Stand) error {
		b := &bench{Stand: s}
		for field := range strings.SplitSeq(*counts, ",") {
			tasks, err := strconv.Atoi(field)
			if err != nil {
				return fmt.Errorf("-tasks: %w", err)
			}
			if err := b.series(ctx, *n, tasks); err != nil {
				return err
			}
		}
		return nil
	})
}

type bench struct {
	*measure.Stand
	pools int
}

func (b *bench) series(ctx context.Context, n, tasks int) error {
	var resolved, dead []time.Duration
	for range n {
		r, d, err := b.once(ctx, tasks)
		if err != nil {
			return err
		}
		resolved, dead = append(resolved, r), append(dead, d)
	}
	what := fmt.Sprintf("kill -9, %s, %d running: restart to ", b.Engine, tasks)
	measure.Target(what+"resolved", resolved, "2 s", measure.Milliseconds)
	measure.Target(what+"dead", dead, "", measure.Milliseconds)
	return nil
}

// once boots a machine of a pool of its own, as a worker is restarted only so often.
func (b *bench) once(ctx context.Context, tasks int) (resolved, dead time.Duration, err error) {
	bell, err := measure.NewBell()
	if err != nil {
		return 0, 0, err
	}
	defer bell.Close()
	b.pools++
	pool := fmt.Sprintf("bench/crash-%d", b.pools)
	if err := b.NewPool(ctx, pool); err != nil {
		return 0, 0, err
	}
	for range tasks {
		if _, err := b.TaskIn(ctx, pool, bell.Command("while :; do sleep 1; done")); err != nil {
			return 0, 0, err
		}
	}
	machine, err := b.MachineIn(ctx, pool, tasks, nil)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, machine.Stop()) }()
	rings, err := bell.Wait(ctx, tasks)
	if err != nil {
		return 0, 0, err
	}
	calls, err := b.Await(ctx, "queue", "reportException", 0)
	if err != nil {
		return 0, 0, err
	}
	before := len(measure.Of(calls, "queue", "reportException"))
	restarted, err := kill(ctx, machine.PID())
	if err != nil {
		return 0, 0, err
	}
	for _, ring := range rings {
		gone, err := measure.Gone(ctx, ring.PID)
		if err != nil {
			return 0, 0, err
		}
		dead = max(dead, gone.Sub(restarted))
	}
	if calls, err = b.Await(ctx, "queue", "reportException", before+tasks); err != nil {
		return 0, 0, err
	}
	for _, c := range measure.Of(calls, "queue", "reportException")[before:] {
		resolved = max(resolved, c.End.Sub(restarted))
	}
	return resolved, dead, nil
}

// kill kills the worker below start-worker, and returns when the next one was started.
func kill(ctx context.Context, runner int) (time.Time, error) {
	const program = "generic-worker"
	worker, err := measure.Child(runner, program)
	if err != nil {
		return time.Time{}, err
	}
	process, err := os.FindProcess(worker)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		return time.Time{}, err
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		if next, err := measure.Child(runner, program); err == nil && next != worker {
			return time.Now(), nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return time.Time{}, context.Cause(ctx)
		}
	}
}
