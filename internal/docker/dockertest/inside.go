// Package dockertest runs tests with real engines of containers, Docker and Podman, in namespaces
// of their own: nothing of the machine's processes, mounts, network and firewall is touched, and
// nothing outlives the test.
package dockertest

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/isolated"
)

// script prepares the rest of the namespaces and runs the test. It stays the first process there, which
// takes the orphans that engines leave. They keep notes in /run, /etc/cni/net.d and /var/lib. Names are
// not found at once, here and in Podman's containers: nobody could answer.
const script = `mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up || exit 1
echo nameserver 127.0.0.1 > /etc/resolv.conf
for dir in /etc/cni/net.d /var/lib/cni /var/lib/containers; do [ ! -d $dir ] || mount -t tmpfs -o mode=755 tmpfs $dir; done
"$@"
exit $?`

// only is the variable with the label of the one engine that a test in namespaces is for.
const only = "DOCKERTEST_ENGINE"

// Inside tells whether this is the test in namespaces of its own, where engines can run. The first
// time it is called it is not: it runs the test again in there, once for each kind of engine and all at
// the same time, with copies of files in the folder isolated.Bin, reports how that went, and the caller
// returns. Other tests may run beside it. It skips where such namespaces cannot be had.
func Inside(t *testing.T, files ...string) bool {
	t.Helper()
	if isolated.Entered() {
		return true
	}
	self, line := enter(t)
	var all sync.WaitGroup
	defer all.Wait()
	for _, k := range kinds() {
		cmd, err := Command(append([]string{self}, files...), line...)
		if err != nil {
			t.Skip(err)
		}
		cmd.Env = append(cmd.Env, only+"="+k.label)
		all.Go(func() { again(t, k.label, cmd) })
	}
	return false
}

// enter is this test's program, and how it runs again in namespaces of its own. Other tests may run beside it. It skips
// where only root could.
func enter(t *testing.T) (self string, line []string) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("engines of containers are started by root on Linux only")
	}
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	left := 9 * time.Minute
	if end, ok := t.Deadline(); ok { // so that it says where it hangs before this test is ended
		left = max(time.Until(end)-5*time.Second, time.Second)
	}
	wanted := "^" + t.Name() + "$"
	if _, cases, ok := strings.Cut(flag.Lookup("test.run").Value.String(), "/"); ok {
		wanted += "/" + cases
	}
	return self, []string{filepath.Join(isolated.Bin, filepath.Base(self)), "-test.run=" + wanted, "-test.v=true", "-test.timeout=" + left.String()}
}

// Command makes a command that runs a program, which is the first of the arguments, in namespaces of its
// own where engines can run, with copies of files in the folder isolated.Bin. It is an error where such
// namespaces cannot be had.
func Command(files []string, args ...string) (*exec.Cmd, error) {
	cmd, err := isolated.Command("/bin/sh", files, append([]string{"-c", script, "sh"}, args...)...)
	if err != nil {
		return nil, err
	}
	alone(cmd)
	return cmd, nil
}

// again runs the test with one kind of engine.
func again(t *testing.T, label string, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("with %s in namespaces of its own: %v\n%s", label, err, out)
	} else {
		t.Logf("with %s in namespaces of its own:\n%s", label, out)
	}
}
