package proc

import (
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A worker that may pass capabilities on, as some containers' may, does not do so to another user.
func TestNoCapabilityIsInherited(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can start a process as another user")
	}
	for name, trees := range kinds(t) {
		runtime.LockOSThread() // and never unlocked: the thread ends with the test
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var sets [2]unix.CapUserData
		if err := unix.Capget(&header, &sets[0]); err != nil {
			t.Fatal(err)
		}
		sets[0].Inheritable, sets[1].Inheritable = sets[0].Permitted, sets[1].Permitted
		if err := unix.Capset(&header, &sets[0]); err != nil {
			t.Fatal(err)
		}
		const nobody = 65534
		tree, err := trees().Open(Options{Dir: "/"})
		if err != nil {
			t.Fatal(err)
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p, err := tree.Start(Command{
			Path: "/bin/sh", Args: []string{"sh", "-c", "grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | tr -d '0\t'"}, Dir: "/",
			Env: []string{"PATH=/usr/bin:/bin"}, Output: w, User: &User{UID: nobody, GID: nobody},
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		wait(t, p)
		got, _ := io.ReadAll(r)
		if string(got) != "CapInh:\nCapPrm:\nCapEff:\nCapAmb:\n" {
			t.Errorf("%s: the process has\n%s", name, got)
		}
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
		_ = r.Close()
	}
}

// Neither the worker's protection from the OOM killer is a task's, nor its contrary.
func TestOOMScore(t *testing.T) {
	const file = "/proc/self/oom_score_adj"
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	scores := []string{"123"}
	if os.Geteuid() == 0 {
		scores = append(scores, "-123")
	}
	t.Cleanup(func() {
		if err := os.WriteFile(file, before, 0); err != nil {
			t.Error(err)
		}
	})
	for _, score := range scores {
		if err := os.WriteFile(file, []byte(score), 0); err != nil {
			t.Skipf("this process may not change its OOM score: %v", err)
		}
		_, p, out := start(t, New(discard()), "sleep 0.2; cat "+file)
		wait(t, p)
		if got, _ := io.ReadAll(out); strings.TrimSpace(string(got)) != "0" {
			t.Errorf("a worker with the score %s has a task with %s", score, got)
		}
	}
}
