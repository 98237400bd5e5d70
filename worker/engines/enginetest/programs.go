package enginetest

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
)

// programs are the cases for engines that run programs.
func programs() []check {
	return []check{
		{"commands one after another", sequence},
		{"programs that cannot be started", notStarted},
		{"killed by a signal", crashes},
		{"arguments", arguments},
		{"environment", environment},
		{"working directory and input", surroundings},
		{"descriptors", descriptors},
		{"100 MiB of output", much},
	}
}

func sequence(t *testing.T, c Case) {
	run := c.begin(t, Act{Print: "one\n", Say: Say{Err: "err\n"}}, Act{Print: "two\n", Exit: 5}, Act{Print: "three\n"})
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
		makes := Act{Make: Make{Files: map[string]string{"text": "just text"}}}
		run := c.newRun(t, engine, c.Payload(makes.command(c.program), []string{program}))
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
	if c.Lone {
		t.Skip("the first process of a system cannot kill itself")
	}
	run := c.begin(t, Act{Print: "x\n", Crash: true})
	s := wait(t, run.start(t)).Status()
	if s.Success || s.Aborted || s.ExitCode != engines.ExitSignalled || !strings.Contains(s.Reason, "killed") {
		t.Errorf("status %+v, want exit code %d", s, engines.ExitSignalled)
	}
}

func environment(t *testing.T, c Case) {
	t.Setenv("ENGINETEST_BOTH", "the worker's")
	run := c.begin(t, Act{Say: Say{Env: []string{"ENGINETEST_BOTH", "ENGINETEST_TEXT", "ENGINETEST_EMPTY", "ENGINETEST_NOT"}}})
	result := wait(t, run.start(t, [2]string{"ENGINETEST_BOTH", "first"}, [2]string{"ENGINETEST_BOTH", "the task's"},
		[2]string{"ENGINETEST_TEXT", "Grüße = 世界"}, [2]string{"ENGINETEST_EMPTY", ""}))
	want := "ENGINETEST_BOTH=the task's\nENGINETEST_TEXT=Grüße = 世界\nENGINETEST_EMPTY=\nENGINETEST_NOT=(not set)\n"
	if got := run.output(t); got != want {
		t.Errorf("environment %q, want %q (%+v)", got, want, result.Status())
	}
	builder := c.newRun(t, run.engine, string(run.Payload)).build(t)
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
	run := c.begin(t, Act{Say: Say{Where: true, Input: true}})
	wait(t, run.start(t))
	if got, want := run.output(t), run.Dir+"\n\"\"\n"; got != want {
		t.Errorf("working directory and input %q, want %q", got, want)
	}
}

func arguments(t *testing.T, c Case) {
	want := []string{"Grüße", "世界-🌍", "a b", "plain"}
	run := c.newRun(t, c.New(t), c.Payload(append(Act{Say: Say{Args: true}}.command(c.program), want...)))
	s := wait(t, run.start(t)).Status()
	if got := run.output(t); got != strings.Join(want, "\n")+"\n" {
		t.Errorf("arguments %q, want %q (%+v)", got, want, s)
	}
}

// descriptors: nothing that this process has open is open in a task.
func descriptors(t *testing.T, c Case) {
	name := os.Getenv(held)
	if name == "" {
		t.Skip("which descriptors a process has cannot be known on this system")
	}
	run := c.begin(t, Act{Say: Say{Held: name}})
	wait(t, run.start(t))
	if got := run.output(t); got != "false\n" {
		t.Errorf("the task has the descriptor %s of this process: %q", name, got)
	}
}

// much checks every line, so that nothing may be lost, torn or out of order, and that it is
// not kept in memory.
func much(t *testing.T, c Case) {
	const line = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"
	const lines = 100 << 20 / len(line)
	run := c.begin(t, Act{Print: line, Times: lines}, Act{Print: "end\n"})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	wait(t, run.start(t))
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
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
