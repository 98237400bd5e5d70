// Command idle measures start-worker and generic-worker, idle after one task: their memory, the
// processor time that they take, and how often the metadata service is asked. The machine is
// static, or one of an emulated cloud.
package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
)

func main() {
	after := flag.Duration("after", time.Minute, "how `long` to idle")
	cloud := flag.String("cloud", "", "ec2, gce or azure; a static machine when empty")
	measure.Main(func(ctx context.Context, s *measure.Stand) error { return idle(ctx, s, *cloud, *after) })
}

func idle(ctx context.Context, s *measure.Stand, cloud string, after time.Duration) error {
	runner, err := boot(ctx, s, cloud)
	if err != nil {
		return err
	}
	calls, err := s.Await(ctx, "queue", "reportCompleted", 1)
	if err != nil {
		return err
	}
	worker, err := measure.Child(runner, "generic-worker")
	if err != nil {
		return err
	}
	before, err := cpu(runner, worker)
	if err != nil {
		return err
	}
	asked := metadata(calls)
	select {
	case <-time.After(after):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	used, err := cpu(runner, worker)
	if err != nil {
		return err
	}
	name := "idle"
	if cloud != "" {
		name = "idle on " + cloud
		calls, err := s.Await(ctx, "queue", "reportCompleted", 1)
		if err != nil {
			return err
		}
		measure.Row(name+": metadata calls a minute", fmt.Sprintf("%.1f", float64(metadata(calls)-asked)/after.Minutes()), after.String())
	}
	return report(name, after, []int{runner, worker}, before, used)
}

// report prints the rows of the two processes.
func report(name string, after time.Duration, pids []int, before, used []time.Duration) error {
	var resident, anonymous int64
	for i, program := range []string{"start-worker", "generic-worker"} {
		memory, err := measure.Memory(pids[i])
		if err != nil {
			return err
		}
		measure.Row(name+", "+program+": VmRSS", measure.Mebibytes(memory["VmRSS"]), "RssAnon "+measure.Mebibytes(memory["RssAnon"]))
		took := used[i] - before[i]
		measure.Row(name+", "+program+": CPU", fmt.Sprintf("%.3f %%", 100*took.Seconds()/after.Seconds()), fmt.Sprintf("%v in %v", took, after))
		resident += memory["VmRSS"]
		anonymous += memory["RssAnon"]
	}
	measure.Row(name+", both: VmRSS", measure.Mebibytes(resident), "RssAnon "+measure.Mebibytes(anonymous))
	return nil
}

// boot boots a machine with one task for it, and returns the process id of start-worker.
func boot(ctx context.Context, s *measure.Stand, cloud string) (int, error) {
	if cloud == "" {
		if _, err := s.Task(ctx, []string{"/bin/true"}); err != nil {
			return 0, err
		}
		machine, err := s.Machine(ctx)
		if err != nil {
			return 0, err
		}
		return machine.PID(), nil
	}
	all := measure.Clouds()
	i := slices.IndexFunc(all, func(c measure.Cloud) bool { return c.Provider == cloud })
	if i < 0 {
		return 0, fmt.Errorf("there is no cloud %s", cloud)
	}
	if err := s.AddPoolOf(ctx, all[i].Pool(), cloud, all[i].Config(1, 1)); err != nil {
		return 0, err
	}
	if _, err := s.TaskIn(ctx, all[i].Pool(), []string{"/bin/true"}); err != nil {
		return 0, err
	}
	if _, err := s.Await(ctx, "queue", "reportCompleted", 1); err != nil {
		return 0, err
	}
	machines, err := s.CloudMachines(ctx, all[i].Pool())
	if err != nil {
		return 0, err
	}
	if len(machines) != 1 {
		return 0, fmt.Errorf("%d machines, not one", len(machines))
	}
	return machines[0].PID, nil
}

func cpu(pids ...int) ([]time.Duration, error) {
	var all []time.Duration
	for _, pid := range pids {
		used, err := measure.CPU(pid)
		if err != nil {
			return nil, err
		}
		all = append(all, used)
	}
	return all, nil
}

// metadata counts the calls of the metadata service.
func metadata(calls []measure.Call) int {
	n := 0
	for _, c := range calls {
		if c.Service == "metadata" {
			n++
		}
	}
	return n
}
