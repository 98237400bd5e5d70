package enginetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
)

// trees are the cases about the processes that commands start.
func trees() []check {
	return []check{
		{"output that is held open", heldOpen},
		{"descendants end with the commands", descendantsAtTheEnd},
		{"descendants are killed", descendantsKilled},
		{"descendants of another run", apart},
		{"time to obey", grace},
		{"time to obey for a child", graceOfChild},
		{"time to obey for who does not", ignored},
		{"killed while stopped", halted},
		{"killed with little time", killsEndWithTheirContext},
		{"killed between commands", killsSequence},
	}
}

// heldOpen is a process that lives on with the command's output in its hands.
func heldOpen(t *testing.T, c Case) {
	run := c.begin(t, Act{Leave: &Act{Pid: "pid", Sleep: time.Hour}, Print: "x"}, Act{Print: "y"})
	begin := time.Now()
	wait(t, run.start(t))
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("the end took %s", took)
	}
	if got := run.output(t); got != "x\ny\n" && got != "xy\n" {
		t.Errorf("output %q", got)
	}
}

// stranger is a process without any trace of the run that it comes from.
const stranger = "stranger"

// families are the ways in which a process may leave the command that started it.
func (c Case) families() map[string]Act {
	const long = time.Hour
	all := map[string]Act{
		"child":    {Leave: &Act{Pid: "pid", Sleep: long}},
		"orphan":   {Leave: &Act{Leave: &Act{Pid: "pid", Sleep: long}}},
		"deaf one": {Leave: &Act{Pid: "pid", Sleep: long, Deaf: true}},
	}
	if !c.Loose {
		all["session"] = Act{Leave: &Act{Pid: "pid", Sleep: long}, Detach: true}
		all[stranger] = Act{Leave: &Act{Leave: &Act{Leave: &Act{Pid: "pid", Sleep: long}, Bare: true, Detach: true}}, Detach: true}
		all["session of an orphan"] = Act{Leave: &Act{Leave: &Act{Pid: "pid", Sleep: long}, Detach: true}, Detach: true}
	}
	return all
}

// descendantsAtTheEnd: what the commands left ends with the last of them, and not before.
func descendantsAtTheEnd(t *testing.T, c Case) {
	for name, act := range c.families() {
		act.Await, act.Sleep = "pid", 100*time.Millisecond
		run := c.begin(t, act, Act{Sleep: 100 * time.Millisecond})
		sandbox := run.start(t)
		pid := run.pid(t)
		if !c.Alive(pid) {
			t.Errorf("%s: process %d ended before the commands", name, pid)
		}
		if s := wait(t, sandbox).Status(); !s.Success {
			t.Errorf("%s: %+v", name, s)
		}
		c.dead(t, name, pid)
	}
}

func descendantsKilled(t *testing.T, c Case) {
	for name, act := range c.families() {
		for _, grace := range []time.Duration{0, 20 * time.Millisecond} {
			act.Sleep = time.Hour
			run := c.begin(t, act)
			sandbox := run.start(t)
			pid := run.pid(t)
			kill(t, sandbox, grace)
			c.dead(t, fmt.Sprintf("%s, with a grace of %s,", name, grace), pid)
			if s := wait(t, sandbox).Status(); !s.Aborted {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

func grace(t *testing.T, c Case) {
	if !signals {
		t.Skipf("programs on %s cannot be asked to end", runtime.GOOS)
	}
	run := c.begin(t, Act{Pid: "pid", Sleep: time.Hour, Last: "bye\n"})
	sandbox := run.start(t)
	run.pid(t)
	kill(t, sandbox, patience)
	s := wait(t, sandbox).Status()
	if got := run.output(t); got != "bye\n" || !s.Aborted {
		t.Errorf("last words %q, status %+v", got, s)
	}
}

// graceOfChild has the grace outlive the command, as the shell of "server & wait" ends at once
// when it is asked to, and the server does not.
func graceOfChild(t *testing.T, c Case) {
	if c.Lone {
		t.Skip("all processes end with the first")
	}
	if !signals {
		t.Skipf("programs on %s cannot be asked to end", runtime.GOOS)
	}
	run := c.begin(t, Act{Leave: &Act{Pid: "pid", Sleep: time.Hour, Pause: time.Second, Last: "bye\n"}, Sleep: time.Hour})
	sandbox := run.start(t)
	pid := run.pid(t)
	kill(t, sandbox, patience)
	c.dead(t, "the child", pid)
	s := wait(t, sandbox).Status()
	if got := run.output(t); got != "bye\n" || !s.Aborted {
		t.Errorf("last words %q, status %+v", got, s)
	}
}

// ignored has commands that do not obey die when the grace is over, and not before.
func ignored(t *testing.T, c Case) {
	if !signals {
		t.Skipf("programs on %s cannot be asked to end", runtime.GOOS)
	}
	run := c.begin(t, Act{Deaf: true, Pid: "pid", Sleep: time.Hour})
	sandbox := run.start(t)
	pid := run.pid(t)
	const grace = 300 * time.Millisecond
	begin := time.Now()
	kill(t, sandbox, grace)
	if took := time.Since(begin); took < grace || took > patience/2 {
		t.Errorf("it was dead after %s, with a grace of %s", took, grace)
	}
	c.dead(t, "a command that does not obey", pid)
}

// halted is a process that is stopped: it is woken to obey, and cannot escape by its sleep.
func halted(t *testing.T, c Case) {
	if c.Lone {
		t.Skip("the first process of a system cannot stop itself")
	}
	if !signals {
		t.Skipf("programs on %s cannot be asked to end", runtime.GOOS)
	}
	for _, grace := range []time.Duration{0, patience} {
		run := c.begin(t, Act{Pid: "pid", Stop: true, Sleep: time.Hour, Last: "bye\n"})
		sandbox := run.start(t)
		pid := run.pid(t)
		for deadline := time.Now().Add(patience); !stopped(pid) && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		kill(t, sandbox, grace)
		c.dead(t, "a stopped process", pid)
		if got := run.output(t); (got == "bye\n") != (grace > 0) {
			t.Errorf("last words %q with a grace of %s", got, grace)
		}
	}
}

// killsEndWithTheirContext: the processes go on dying, and a later Kill awaits them.
func killsEndWithTheirContext(t *testing.T, c Case) {
	if !signals {
		t.Skipf("programs on %s cannot be asked to end", runtime.GOOS)
	}
	run := c.begin(t, Act{Deaf: true, Pid: "pid", Sleep: time.Hour})
	sandbox := run.start(t)
	pid := run.pid(t)
	cause := errors.New("no more time")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	if err := sandbox.Kill(ctx, patience); err != nil && !errors.Is(err, cause) {
		t.Errorf("Kill returned %v, not what ended its context", err)
	}
	kill(t, sandbox, 0)
	c.dead(t, "a command that does not obey", pid)
}

// apart: what a run left behind dies with that run, and with no other.
func apart(t *testing.T, c Case) {
	engine := c.New(t)
	for name, act := range c.families() {
		if name == stranger && !c.Grouped {
			continue // is found when the other run has ended
		}
		act.Sleep = time.Hour
		one, other := c.newRun(t, engine, c.payload(t, act)), c.newRun(t, engine, c.payload(t, act))
		first, second := one.start(t), other.start(t)
		dies, stays := one.pid(t), other.pid(t)
		kill(t, first, 0)
		c.dead(t, name, dies)
		if !c.Alive(stays) {
			t.Errorf("%s: process %d died with another run", name, stays)
		}
		kill(t, second, 0)
		c.dead(t, name, stays)
	}
}

// killsSequence kills at any moment of a run: whatever it hits, no further command starts.
func killsSequence(t *testing.T, c Case) {
	engine := c.New(t)
	for i := range 8 {
		run := c.newRun(t, engine, c.payload(t, Act{}, Act{}, Act{}, Act{Sleep: time.Hour}, Act{Print: "too far\n"}))
		sandbox := run.start(t)
		time.Sleep(time.Duration(i) * 3 * time.Millisecond) // any moment will do
		kill(t, sandbox, 0)
		if s := wait(t, sandbox).Status(); !s.Aborted || s.ExitCode != engines.ExitAborted {
			t.Errorf("status %+v", s)
		}
		if got := run.output(t); got != "" {
			t.Errorf("output %q", got)
		}
	}
}
