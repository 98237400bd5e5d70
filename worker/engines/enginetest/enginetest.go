// Package enginetest holds the cases that every engine must pass. An engine's package calls
// Main from its TestMain, and Run from a test.
package enginetest

import (
	"os"
	"testing"

	"go.uber.org/goleak"

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
	// Loose says that processes which left the session of their command cannot be found on this system.
	Loose bool
}

// Run puts an engine through the cases.
func Run(t *testing.T, c Case) {
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
	}
	if c.Payload != nil {
		cases = append(cases, programs()...)
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
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	commands := make([][]string, len(acts))
	for i, act := range acts {
		commands[i] = act.command(program)
	}
	return c.Payload(commands...)
}
