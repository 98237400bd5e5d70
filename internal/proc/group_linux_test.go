package proc

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// grouped are trees in control groups.
func grouped(t *testing.T) *Trees {
	t.Helper()
	trees := NewGrouped(t.Context(), discard())
	if !trees.Grouped() {
		t.Skip("no control group is writable here")
	}
	return trees
}

// A process without any trace of its tree is that tree's, while others live.
func TestStrangersAreKnownByTheirGroup(t *testing.T) {
	trees := grouped(t)
	const script = `(env -i /usr/bin/setsid /bin/sh -c 'cd /; echo $$ > '$PWD'/pids; exec sleep 1000 >/dev/null 2>&1' &); sleep 1000`
	a, p, _ := start(t, trees, script)
	b, q, _ := start(t, trees, script)
	inA, inB := pids(t, filepath.Join(a.dir, "pids"), 1)[0], pids(t, filepath.Join(b.dir, "pids"), 1)[0]
	go p.Wait() // killed here
	go q.Wait() // killed with the test
	if err := a.Kill(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if alive(inA) || !alive(inB) {
		t.Errorf("after a kill of the first tree: first %v, second %v; want only the second alive", alive(inA), alive(inB))
	}
}

// What has left the group, as root may, is found by descent.
func TestKillReachesWhatLeftTheGroup(t *testing.T) {
	trees := grouped(t)
	tree, p, _ := start(t, trees, `(sh -c 'echo $$ > gone; while [ ! -e go ]; do sleep 0.01; done; echo $$ > pids; exec sleep 1000' &); sleep 1000`)
	pid := pids(t, filepath.Join(tree.dir, "gone"), 1)[0]
	before, err := tree.job.group.Members()
	if err != nil {
		t.Fatal(err)
	}
	leave(t, pid)
	if after, err := tree.job.group.Members(); err != nil || len(after) >= len(before) {
		t.Skipf("the process cannot leave its group here: %v", err)
	}
	if err := os.WriteFile(filepath.Join(tree.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pids(t, filepath.Join(tree.dir, "pids"), 1)
	go p.Wait()
	if err := tree.Kill(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Errorf("process %d survived", pid)
	}
}

// leave puts a process into this one's own groups.
func leave(t *testing.T, pid int) {
	t.Helper()
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if !strings.Contains(fields[2], "workerkit-") {
			continue
		}
		for _, mount := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup/" + fields[1]} {
			dir := filepath.Join(mount, filepath.Dir(fields[2]))
			_ = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0) // one of them is there
		}
	}
}

func TestUsage(t *testing.T) {
	for kind, trees := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			tree, p, _ := start(t, trees(), `i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo $$ > pids; while [ ! -e go ]; do sleep 0.01; done`)
			pids(t, filepath.Join(tree.dir, "pids"), 1)
			if u := tree.Usage(); u.Memory == 0 || u.Memory > 1<<30 {
				t.Errorf("a shell uses %+v", u)
			}
			if err := os.WriteFile(filepath.Join(tree.dir, "go"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			wait(t, p)
			for _, closed := range []bool{false, true} {
				if closed {
					if err := tree.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if u := tree.Usage(); closed && u.Memory > 0 || u.User+u.Kernel < 5*time.Millisecond {
					t.Errorf("closed %v: a shell has used %+v", closed, u)
				}
			}
		})
	}
}

func TestLimitsWithoutGroupsAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	trees := New(slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		tree, err := trees.Open(Options{Limits: Limits{Memory: 1 << 30}})
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Count(log.String(), "limits"); got != 1 {
		t.Errorf("%d lines: %s", got, log.String())
	}
}
