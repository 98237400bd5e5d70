package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
)

// programs are the cases for engines that run programs.
func programs() []check {
	return []check{
		{"commands one after another", sequence},
		{"programs that cannot be started", notStarted},
		{"killed by a signal", crashes},
		{"environment", environment},
		{"working directory and input", surroundings},
		{"64 MiB of output", much},
		{"output that is held open", heldOpen},
		{"descendants end with the commands", descendantsAtTheEnd},
		{"descendants are killed", descendantsKilled},
		{"time to obey", grace},
		{"time to obey for a child", graceOfChild},
		{"killed between commands", killsSequence},
	}
}

func sequence(t *testing.T, c Case) {
	run := c.begin(t, Act{Print: "one\n", Err: "err\n"}, Act{Print: "two\n", Exit: 5}, Act{Print: "three\n"})
	s := wait(t, run.start(t)).Status()
	if got := run.output(t); !strings.Contains(got, "one\nerr\n") || !strings.Contains(got, "two\n") || strings.Contains(got, "three") {
		t.Errorf("output %q", got)
	}
	if s.Success || s.ExitCode != 5 || s.Reason == "" {
		t.Errorf("status %+v, want exit code 5 of the second", s)
	}
}

// notStarted are programs that are no task's error to find wrong: the task is red, not the worker.
func notStarted(t *testing.T, c Case) {
	engine := c.New(t)
	for name, program := range map[string]string{"not found": "no-such-program-anywhere", "no such path": "dir/no-such-program", "a text": "./text"} {
		program = filepath.FromSlash(program)
		run := c.newRun(t, engine, c.Payload([]string{program}))
		if err := os.WriteFile(filepath.Join(run.Dir, "text"), []byte("just text"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := wait(t, run.start(t)).Status()
		if s.Success || s.Aborted || s.ExitCode == 0 || s.Reason == "" {
			t.Errorf("%s: status %+v, want a failure", name, s)
		}
		said := false
		run.read(t, func(line string) { said = said || strings.Contains(line, strings.TrimPrefix(program, "./")) })
		if !said {
			t.Errorf("%s: the log does not name the program", name)
		}
	}
}

func crashes(t *testing.T, c Case) {
	if !signals {
		t.Skip("this system has no signals")
	}
	run := c.begin(t, Act{Print: "x\n", Crash: true})
	s := wait(t, run.start(t)).Status()
	if s.Success || s.Aborted || s.ExitCode != engines.ExitSignalled || !strings.Contains(s.Reason, "killed") {
		t.Errorf("status %+v, want exit code %d", s, engines.ExitSignalled)
	}
}

func environment(t *testing.T, c Case) {
	t.Setenv("ENGINETEST_BOTH", "the worker's")
	run := c.begin(t, Act{Env: []string{"ENGINETEST_BOTH", "ENGINETEST_TEXT", "ENGINETEST_EMPTY", "ENGINETEST_NOT"}})
	result := wait(t, run.start(t, [2]string{"ENGINETEST_BOTH", "first"}, [2]string{"ENGINETEST_BOTH", "the task's"},
		[2]string{"ENGINETEST_TEXT", "Grüße = 世界"}, [2]string{"ENGINETEST_EMPTY", ""}))
	want := "ENGINETEST_BOTH=the task's\nENGINETEST_TEXT=Grüße = 世界\nENGINETEST_EMPTY=\nENGINETEST_NOT=(not set)\n"
	if got := run.output(t); got != want {
		t.Errorf("environment %q, want %q (%+v)", got, want, result.Status())
	}
	builder, err := run.engine.NewBuilder(t.Context(), run.Run)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"": "x", "A=B": "x", "A": "x\x00"} {
		if err := builder.Setenv(name, value); err == nil {
			t.Errorf("variable %q was set to %q", name, value)
		}
	}
	if err := builder.Discard(t.Context()); err != nil {
		t.Error(err)
	}
}

func surroundings(t *testing.T, c Case) {
	run := c.begin(t, Act{Where: true, Input: true})
	wait(t, run.start(t))
	if got, want := run.output(t), run.Dir+"\n\"\"\n"; got != want {
		t.Errorf("working directory and input %q, want %q", got, want)
	}
}

// much checks every line, so that nothing may be lost, torn or out of order.
func much(t *testing.T, c Case) {
	const line = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"
	const lines = 64 << 20 / len(line)
	run := c.begin(t, Act{Print: line, Times: lines}, Act{Print: "end\n"})
	wait(t, run.start(t))
	n, last := 0, ""
	run.read(t, func(got string) {
		switch {
		case strings.HasPrefix(got, "[taskcluster"):
			return
		case got == line:
			n++
		case n != lines:
			t.Fatalf("line %d is %q", n, got)
		}
		last = got
	})
	if n != lines || last != "end\n" {
		t.Errorf("%d lines of %d, the last one %q", n, lines, last)
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
		all["session of an orphan"] = Act{Leave: &Act{Leave: &Act{Pid: "pid", Sleep: long}, Detach: true}, Detach: true}
	}
	return all
}

// descendantsAtTheEnd: what the commands left ends with the last of them, and not before.
func descendantsAtTheEnd(t *testing.T, c Case) {
	for name, act := range c.families() {
		act.Sleep = 100 * time.Millisecond
		run := c.begin(t, act, Act{Sleep: 100 * time.Millisecond})
		sandbox := run.start(t)
		pid := run.pid(t)
		if !alive(pid) {
			t.Errorf("%s: process %d ended before the commands", name, pid)
		}
		if s := wait(t, sandbox).Status(); !s.Success {
			t.Errorf("%s: %+v", name, s)
		}
		dead(t, name, pid)
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
			dead(t, fmt.Sprintf("%s, with a grace of %s,", name, grace), pid)
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
	if !signals {
		t.Skipf("programs on %s cannot be asked to end", runtime.GOOS)
	}
	run := c.begin(t, Act{Leave: &Act{Pid: "pid", Sleep: time.Hour, Pause: time.Second, Last: "bye\n"}, Sleep: time.Hour})
	sandbox := run.start(t)
	pid := run.pid(t)
	kill(t, sandbox, patience)
	dead(t, "the child", pid)
	s := wait(t, sandbox).Status()
	if got := run.output(t); got != "bye\n" || !s.Aborted {
		t.Errorf("last words %q, status %+v", got, s)
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
