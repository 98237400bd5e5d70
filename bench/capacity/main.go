// Command capacity measures how many more tasks a worker gets done with more slots: tasks that
// wait, eight at a time against one, and tasks that compute, one for each processor against one.
// What the processors themselves give, which other programs may be using, is measured beside that.
package main

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	n := flag.Int("n", 200, "how many waiting `tasks` for each capacity; a fifth as many that compute")
	measure.Main(func(ctx context.Context, s *measure.Stand) error { return capacity(ctx, s, *n) })
}

func capacity(ctx context.Context, s *measure.Stand, n int) error {
	b := &bench{Stand: s}
	// a second or so of a shell's own work
	compute := []string{"/bin/sh", "-c", "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done"}
	if err := b.compare(ctx, "sleep 0.2", []string{"/bin/sleep", "0.2"}, n, 8, "7"); err != nil {
		return err
	}
	if err := b.compare(ctx, "pure CPU", compute, n/5, runtime.NumCPU(), "1.9 with 2"); err != nil {
		return err
	}
	return bare(ctx, compute, n/5, runtime.NumCPU())
}

// bare runs the commands without a worker.
func bare(ctx context.Context, command []string, n, most int) error {
	var took []time.Duration
	for _, slots := range []int{1, most} {
		begin := time.Now()
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(slots)
		for range n {
			group.Go(exec.CommandContext(ctx, command[0], command[1:]...).Run)
		}
		if err := group.Wait(); err != nil {
			return err
		}
		took = append(took, time.Since(begin))
	}
	measure.Row(fmt.Sprintf("pure CPU without a worker, %d against 1", most), fmt.Sprintf("%.2f x", took[0].Seconds()/took[1].Seconds()), "what the machine gives now")
	return nil
}

type bench struct {
	*measure.Stand
	pools, done int
}

// compare runs n tasks one at a time, and so many at a time.
func (b *bench) compare(ctx context.Context, what string, command []string, n, most int, target string) error {
	var rates []float64
	for _, slots := range []int{1, most} {
		rate, err := b.rate(ctx, command, n, slots)
		if err != nil {
			return err
		}
		measure.Row(fmt.Sprintf("%s, %s, capacity %d: tasks a second", what, b.Engine, slots), fmt.Sprintf("%.2f", rate), fmt.Sprintf("n=%d", n))
		rates = append(rates, rate)
	}
	measure.Row(fmt.Sprintf("%s, %s, capacity %d against 1", what, b.Engine, most), fmt.Sprintf("%.2f x", rates[1]/rates[0]), "target "+target+" x")
	return nil
}

// rate is how many of n tasks a new machine resolves a second, from its first claim on.
func (b *bench) rate(ctx context.Context, command []string, n, slots int) (float64, error) {
	b.pools++
	pool := fmt.Sprintf("bench/capacity-%d", b.pools)
	if err := b.NewPool(ctx, pool); err != nil {
		return 0, err
	}
	for range n {
		if _, err := b.TaskIn(ctx, pool, command); err != nil {
			return 0, err
		}
	}
	machine, err := b.MachineIn(ctx, pool, slots, nil)
	if err != nil {
		return 0, err
	}
	b.done += n
	calls, err := b.Await(ctx, "queue", "reportCompleted", b.done)
	if err != nil {
		return 0, err
	}
	first := slices.IndexFunc(calls, func(c measure.Call) bool {
		return c.Method == "claimWork" && c.Start.After(machine.Started)
	})
	resolved := measure.Of(calls, "queue", "reportCompleted")
	var last time.Time
	for _, c := range resolved {
		if c.End.After(last) {
			last = c.End
		}
	}
	return float64(n) / last.Sub(calls[first].Start).Seconds(), machine.Stop()
}
