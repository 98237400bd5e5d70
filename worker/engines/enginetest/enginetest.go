// Package enginetest holds the cases that every engine must pass. An engine's package calls
// Main from its TestMain, before anything else, and Run from a test.
package enginetest

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
)

// Case is an engine to put through the cases.
type Case struct {
	// New makes the engine for one test; it may register cleanups.
	New func(t *testing.T) engines.Engine
	// Payload makes a payload that executes these programs with their arguments, one after the
	// other. No argument needs quoting but for blanks and letters beyond ASCII.
	Payload func(commands ...[]string) string
	// Act is in place of Payload for an engine without programs: it makes a payload for Print,
	// Files, Sleep and Exit, the only fields that are then used.
	Act func(Act) string
	// Limited makes the engine with limits of each task; nil when it knows none. It skips where the
	// machine cannot set them.
	Limited func(t *testing.T, limits proc.Limits) engines.Engine
	// Grouped says that the system keeps the processes of a run together: a process that has lost
	// every trace of its run is not taken for another's, nor left when that one goes on.
	Grouped bool
	// Isolated says that a task cannot read what only this process may.
	Isolated bool
	// Alive tells whether a process runs of which the task knows the id; nil when it is the machine's.
	Alive func(pid int) bool
	// Loose says that processes which left the session of their command cannot be found on this system.
	Loose bool
	// Lone says that the command is the first process of a system of its own, as in a container: all
	// others end with it, nothing but the engine can stop it, and only from there it can be killed.
	Lone bool

	program string // this program, where every user may run it
}

// Run puts an engine through the cases.
func Run(t *testing.T, c Case) {
	if c.Alive == nil {
		c.Alive = alive
	}
	c.program = program(t)
	cases := []check{
		{"its name and payload", describes},
		{"output and files", outputAndFiles},
		{"exit codes", exitCodes},
		{"wait twice, with a context that ends", waits},
		{"kill", kills},
		{"kill after the end", killsLate},
		{"discard", discards},
		{"many runs at the same time", many},
		{"open files", opens},
		{"walk a directory", walks},
		{"abilities that are not there", lacks},
	}
	if c.Payload != nil {
		cases = slices.Concat(cases, programs(), trees(), extraction(), abilities(), limits())
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			ignore := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
			test.run(t, c)
		})
	}
}

// check is one case.
type check struct {
	name string
	run  func(*testing.T, Case)
}

// payload makes a payload that performs these acts.
func (c Case) payload(t *testing.T, acts ...Act) string {
	t.Helper()
	if c.Payload == nil {
		return c.Act(acts[0])
	}
	commands := make([][]string, len(acts))
	for i, act := range acts {
		commands[i] = act.command(c.program)
	}
	return c.Payload(commands...)
}

// open makes a folder that every user may pass through, for what tasks have to reach.
func open(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "enginetest")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// program is this program at a place where every user may run it.
func program(t *testing.T) string {
	t.Helper()
	from, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(open(t), filepath.Base(from))
	// Windows removes no file that is also that of a program which runs, such as this one.
	if runtime.GOOS != "windows" && os.Link(from, to) == nil && os.Chmod(to, 0o755) == nil {
		return to
	}
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}
