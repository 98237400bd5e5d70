// Package accountstest runs tests that make accounts where they change nothing of the machine.
package accountstest

import (
	"os"
	"testing"

	"github.com/workerkit/workerkit/internal/isolated"
)

// Bin is where Inside puts files, for every account to execute.
const Bin = isolated.Bin

// Inside tells whether this is the test in namespaces of its own (see isolated.Command). The first
// time it is called it is not: it runs the test again in there, with copies of files in the folder
// Bin, and reports how that went, and the caller returns. The test's own program can be executed
// by everybody there. Without root or the tools for accounts the test is skipped.
func Inside(t *testing.T, files ...string) bool {
	t.Helper()
	if isolated.Entered() {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := isolated.Command(self, files, "-test.run=^"+t.Name()+"$", "-test.v=true", "-test.timeout=5m")
	if err != nil {
		t.Skip(err)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in namespaces of its own: %v\n%s", err, out)
	} else {
		t.Logf("in namespaces of its own:\n%s", out)
	}
	return false
}
