package enginetest

import (
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
)

// limits are the cases about what a run may use, and what it did.
func limits() []check {
	return []check{
		{"a limit of memory", memoryLimit},
		{"a limit of processes", processLimit},
		{"limits that are kept", limitsKept},
		{"usage", usage},
	}
}

func (c Case) limited(t *testing.T, l proc.Limits, acts ...Act) *run {
	t.Helper()
	if c.Limited == nil {
		t.Skip("this engine sets no limits")
	}
	return c.newRun(t, c.Limited(t, l), c.payload(t, acts...))
}

// memoryLimit is exceeded by what a command started: the run fails, with the reason, whatever
// the command makes of it.
func memoryLimit(t *testing.T, c Case) {
	eater := Act{Eat: 512 << 20, Sleep: time.Hour}
	for name, act := range map[string]Act{"itself": eater, "a child": {Leave: &eater, Sleep: 2 * time.Second}} {
		run := c.limited(t, proc.Limits{Memory: 128 << 20}, act, Act{Print: "too far\n"})
		s := wait(t, run.start(t)).Status()
		if s.Success || s.Aborted || !strings.Contains(s.Reason, "128 MiB of memory (workerkit.taskLimits)") {
			t.Errorf("%s: %+v", name, s)
		}
		if got := run.output(t); strings.Contains(got, "too far") && !c.Lone { // there, it is one command
			t.Errorf("%s: a further command was started: %q", name, got)
		}
	}
}

func processLimit(t *testing.T, c Case) {
	run := c.limited(t, proc.Limits{Processes: 60}, Act{Crowd: 60}, Act{Print: "too far\n"})
	s := wait(t, run.start(t)).Status()
	if s.Success || s.Aborted || !strings.Contains(s.Reason, "60 processes") {
		t.Errorf("%+v", s)
	}
}

func limitsKept(t *testing.T, c Case) {
	run := c.limited(t, proc.Limits{Memory: 1 << 30, Processes: 500, CPUWeight: 50}, Act{Eat: 16 << 20, Crowd: 2, Print: "done\n"}, Act{Exit: 3})
	s := wait(t, run.start(t)).Status()
	if s.ExitCode != 3 || s.Reason != "exit status 3" {
		t.Errorf("%+v", s)
	}
	if got := run.output(t); got != "done\n" {
		t.Errorf("output %q", got)
	}
}

func usage(t *testing.T, c Case) {
	const eaten = 64 << 20
	run := c.begin(t, Act{Eat: eaten, Print: "", Sleep: time.Hour, Leave: &Act{Pid: "pid", Sleep: time.Hour}})
	sandbox := run.start(t)
	meter, ok := sandbox.(engines.Meter)
	if !ok {
		t.Skip("this engine does not know what a run uses")
	}
	run.pid(t)
	var u engines.Usage
	for deadline := time.Now().Add(patience / 3); u.Memory < eaten && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var err error
		if u, err = meter.Usage(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if u.Memory != 0 && u.Memory < eaten || u.Memory > 1<<40 || u.PeakMemory != 0 && u.PeakMemory < u.Memory/2 {
		t.Errorf("a run that uses %d bytes: %+v", eaten, u)
	}
	kill(t, sandbox, 0)
	wait(t, sandbox)
	if u, err := meter.Usage(t.Context()); err != nil || u.Memory != 0 {
		t.Errorf("after the end: %+v, %v", u, err)
	}
}
