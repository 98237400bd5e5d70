// Package dockertest runs tests with real engines of containers, Docker and Podman, in namespaces
// of their own: nothing of the machine's processes, mounts, network and firewall is touched, and
// nothing outlives the test.
package dockertest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/isolated"
)

// script prepares the rest of the namespaces and runs the test. It stays the first process there,
// which takes the orphans that engines leave. /run and /var/lib/cni are where they keep notes.
const script = `mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up || exit 1
for dir in /var/lib/cni /var/lib/containers; do [ ! -d $dir ] || mount -t tmpfs -o mode=755 tmpfs $dir; done
"$@"
exit $?`

// Inside tells whether this is the test in namespaces of its own, where engines can run. The first
// time it is called it is not: it runs the test again in there, with copies of files in the folder
// isolated.Bin, reports how that went, and the caller returns. It skips where such namespaces cannot be
// had.
func Inside(t *testing.T, files ...string) bool {
	t.Helper()
	if isolated.Entered() {
		return true
	}
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("engines of containers are started by root on Linux only")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	left := 9 * time.Minute
	if end, ok := t.Deadline(); ok { // so that it says where it hangs before this test is ended
		left = max(time.Until(end)-5*time.Second, time.Second)
	}
	args := []string{"-c", script, "sh", filepath.Join(isolated.Bin, filepath.Base(self)), "-test.run=^" + t.Name() + "$", "-test.v=true", "-test.timeout=" + left.String()}
	cmd, err := isolated.Command("/bin/sh", append([]string{self}, files...), args...)
	if err != nil {
		t.Skip(err)
	}
	alone(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in namespaces of its own: %v\n%s", err, out)
	} else {
		t.Logf("in namespaces of its own:\n%s", out)
	}
	return false
}
