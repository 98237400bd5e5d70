// Command idle measures start-worker and generic-worker, idle after one task: their memory, the
// processor time that they take, and the calls that they make; then their memory with tasks that
// run. The machine is static, or one of an emulated cloud, where how often the metadata service is
// asked counts and no further tasks are run.
package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/workerkit/workerkit/bench/measure"
)

// The targets of the worker's memory.
const (
	idleMemory = "16 MiB"
	busyMemory = "48 MiB"
)

func main() {
	after := flag.Duration("after", time.Minute, "how `long` to idle")
	cloud := flag.String("cloud", "", "ec2, gce or azure; a static machine when empty")
	tasks := flag.Int("tasks", 8, "how many `tasks` then run on the static machine")
	measure.Main(func(ctx context.Context, s *measure.Stand) error {
		runner, err := boot(ctx, s, *cloud, *tasks)
		if err != nil {
			return err
		}
		pids, err := idle(ctx, s, runner, *cloud, *after)
		if err != nil || *cloud != "" {
			return err
		}
		return busy(ctx, s, pids, *tasks)
	}, "--long-poll", "20s") // as the queue has it: calls are counted here
}

// idle returns the process ids of start-worker and generic-worker.
func idle(ctx context.Context, s *measure.Stand, runner int, cloud string, after time.Duration) ([]int, error) {
	calls, err := s.Await(ctx, "queue", "reportCompleted", 1)
	if err != nil {
		return nil, err
	}
	worker, err := measure.Child(runner, "generic-worker")
	if err != nil {
		return nil, err
	}
	pids := []int{runner, worker}
	before, err := cpu(pids...)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(after):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	used, err := cpu(pids...)
	if err != nil {
		return nil, err
	}
	later, err := s.Await(ctx, "queue", "reportCompleted", 1)
	if err != nil {
		return nil, err
	}
	name := "idle, " + s.Engine
	if cloud != "" {
		name = "idle on " + cloud
		measure.Row(name+": metadata calls a minute", fmt.Sprintf("%.1f", float64(metadata(later)-metadata(calls))/after.Minutes()), after.String())
	} else {
		measure.Row(name+": calls an hour", fmt.Sprintf("%.0f", float64(len(later)-len(calls))/after.Hours()), "in "+after.String()+"; target 360")
	}
	for i, program := range programs() {
		took := used[i] - before[i]
		measure.Row(name+", "+program+": CPU", fmt.Sprintf("%.3f %%", 100*took.Seconds()/after.Seconds()), fmt.Sprintf("%v in %v", took, after))
	}
	return pids, memory(name, pids, idleMemory)
}

// busy shows the memory while tasks run.
func busy(ctx context.Context, s *measure.Stand, pids []int, tasks int) error {
	bell, err := measure.NewBell()
	if err != nil {
		return err
	}
	defer bell.Close()
	for range tasks {
		if _, err := s.Task(ctx, bell.Command("seq 1 100000; exec sleep 5")); err != nil {
			return err
		}
	}
	if _, err := bell.Wait(ctx, tasks); err != nil {
		return err
	}
	select {
	case <-time.After(2 * time.Second): // they have printed it
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := memory(fmt.Sprintf("%d tasks, %s", tasks, s.Engine), pids, busyMemory); err != nil {
		return err
	}
	_, err = s.Await(ctx, "queue", "reportCompleted", tasks+1)
	return err
}

// programs are what the process ids are of.
func programs() []string { return []string{"start-worker", "generic-worker"} }

// memory prints the rows of the two processes; the target is the worker's.
func memory(name string, pids []int, target string) error {
	var resident, anonymous int64
	for i, program := range programs() {
		memory, err := measure.Memory(pids[i])
		if err != nil {
			return err
		}
		row := "RssAnon " + measure.Mebibytes(memory["RssAnon"])
		if i == 1 {
			row += "; target " + target
		}
		measure.Row(name+", "+program+": VmRSS", measure.Mebibytes(memory["VmRSS"]), row)
		resident += memory["VmRSS"]
		anonymous += memory["RssAnon"]
	}
	measure.Row(name+", both: VmRSS", measure.Mebibytes(resident), "RssAnon "+measure.Mebibytes(anonymous))
	return nil
}

// boot boots a machine with one task for it, and returns the process id of start-worker.
func boot(ctx context.Context, s *measure.Stand, cloud string, capacity int) (int, error) {
	if cloud == "" {
		if _, err := s.Task(ctx, []string{"/bin/true"}); err != nil {
			return 0, err
		}
		machine, err := s.MachineIn(ctx, measure.Pool, capacity, nil)
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
