package cgroup

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// roots are the ways in which this machine can make groups, what it prefers first.
func roots(t *testing.T) map[string]*Root {
	t.Helper()
	mountinfo, _ := os.ReadFile("/proc/self/mountinfo")
	own, _ := os.ReadFile("/proc/self/cgroup")
	p := locate(string(mountinfo), string(own))
	logger := slog.New(slog.DiscardHandler)
	all := map[string]*Root{}
	if r := newRoot(logger, p); r.unified != "" || r.old[freezer] != "" {
		all["as found"] = r
	}
	if r := newRoot(logger, places{old: p.old}); r.old[freezer] != "" {
		all["version 1 alone"] = r
	}
	if r := newRoot(logger, p); r.unified != "" {
		r.kills = false
		all["without cgroup.kill"] = r
	}
	if len(all) == 0 {
		t.Skip("no control group is writable here")
	}
	return all
}

// each runs a test for every way.
func each(t *testing.T, test func(*testing.T, *Root)) {
	t.Helper()
	for name, r := range roots(t) {
		t.Run(name, func(t *testing.T) { test(t, r) })
	}
}

func newGroup(t *testing.T, r *Root, limits Limits) *Group {
	t.Helper()
	g, err := r.New(limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		empty(t, g)
		if err := g.Remove(10 * time.Second); err != nil {
			t.Error(err)
		}
		for _, parent := range r.parents() {
			if _, err := os.Stat(filepath.Join(parent, filepath.Base(g.home()))); err == nil {
				t.Errorf("a group is left in %s", parent)
			}
		}
	})
	return g
}

// empty kills until nothing is left.
func empty(t *testing.T, g *Group) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		found, err := g.Members()
		if err != nil {
			t.Error(err)
			return
		}
		if len(found) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("processes %v cannot be killed", found)
			return
		}
		if err := g.Kill(); err != nil {
			t.Error(err)
		}
	}
}

// shell starts a script in the group; it is waited for with the test.
func shell(t *testing.T, g *Group, script string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, 10*time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := g.Start(cmd.SysProcAttr, cmd.Start); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

// Where a process is, it says itself: it was there from its first moment.
func TestStart(t *testing.T) {
	each(t, func(t *testing.T, r *Root) {
		g := newGroup(t, r, Limits{Memory: 1 << 30, Processes: 50, CPUWeight: 200})
		before := ownGroups(t)
		cmd, out := shell(t, g, "cat /proc/self/cgroup")
		if err := cmd.Wait(); err != nil {
			t.Fatal(err, out)
		}
		want := len(g.old)
		if g.unified != nil {
			want++
		}
		if got := strings.Count(out.String(), filepath.Base(g.home())+"\n"); got != want {
			t.Errorf("the process was in %d of %d groups:\n%s", got, want, out)
		}
		if after := ownGroups(t); !slices.Equal(before, after) {
			t.Errorf("threads of this process are in groups %q, and were in %q", after, before)
		}
	})
}

// ownGroups are the groups of all threads of this process.
func ownGroups(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil && !slices.Contains(all, string(data)) { // else the thread has ended
			all = append(all, string(data))
		}
	}
	return all
}

func TestManyStartsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *Root) {
		var wg sync.WaitGroup
		for range 8 {
			g := newGroup(t, r, Limits{Processes: 20})
			wg.Go(func() {
				for range 5 {
					cmd := exec.Command("/bin/cat", "/proc/self/cgroup")
					var out bytes.Buffer
					cmd.Stdout, cmd.SysProcAttr = &out, &syscall.SysProcAttr{}
					if err := g.Start(cmd.SysProcAttr, cmd.Start); err != nil {
						t.Error(err)
						return
					}
					if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), filepath.Base(g.home())+"\n") {
						t.Errorf("%v: %s", err, out.String())
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestStartThatFails(t *testing.T) {
	each(t, func(t *testing.T, r *Root) {
		g := newGroup(t, r, Limits{})
		cmd := exec.Command("/no/such/program")
		cmd.SysProcAttr = &syscall.SysProcAttr{}
		if err := g.Start(cmd.SysProcAttr, cmd.Start); err == nil {
			t.Error("it was started")
		}
	})
}

// A process that forks as fast as it can, and groups that were made inside, die as well.
func TestKill(t *testing.T) {
	each(t, func(t *testing.T, r *Root) {
		g := newGroup(t, r, Limits{Processes: 200})
		inner := filepath.Join(g.home(), "inner")
		if err := os.Mkdir(inner, 0o755); err != nil {
			t.Fatal(err)
		}
		inside, _ := shell(t, g, "echo $$ > "+inner+"/cgroup.procs; exec sleep 1000")
		forks, _ := shell(t, g, "(while :; do setsid env -i /bin/sleep 1000 & sleep 0.01; done) & wait")
		for {
			if found, err := g.Members(); err != nil || len(found) > 5 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		empty(t, g)
		for _, cmd := range []*exec.Cmd{inside, forks} {
			if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Errorf("the process ended with %v", err)
			}
		}
	})
}

func TestMemoryLimit(t *testing.T) {
	each(t, func(t *testing.T, r *Root) {
		g := newGroup(t, r, Limits{Memory: 32 << 20})
		if g.place(memory) == "" {
			t.Skipf("memory is not limited here: %s", r)
		}
		cmd, out := shell(t, g, "head -c 200000000 /dev/zero | tail") // which keeps a line whole
		err := cmd.Wait()
		u := g.Usage()
		if u.MemoryKills == 0 || !u.LimitReached || u.PeakMemory < 30<<20 || u.PeakMemory > 33<<20 {
			t.Errorf("usage %+v after %v: %s", u, err, out)
		}
	})
}

func TestProcessLimit(t *testing.T) {
	each(t, func(t *testing.T, r *Root) {
		g := newGroup(t, r, Limits{Processes: 5})
		if g.place(pids) == "" {
			t.Skipf("processes are not limited here: %s", r)
		}
		cmd, out := shell(t, g, "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2 & done; wait")
		err := cmd.Wait()
		if u := g.Usage(); u.Refused == 0 || !strings.Contains(out.String(), "fork") {
			t.Errorf("usage %+v after %v: %s", u, err, out)
		}
	})
}

// A program that starts no other runs within the narrowest limit, also after another one.
func TestProcessLimitOfOne(t *testing.T) {
	each(t, func(t *testing.T, r *Root) {
		g := newGroup(t, r, Limits{Processes: 1})
		for range 2 {
			cmd, out := shell(t, g, "echo fine")
			if err := cmd.Wait(); err != nil || out.String() != "fine\n" {
				t.Errorf("%v: %q", err, out)
			}
		}
		if u := g.Usage(); u.Refused != 0 {
			t.Errorf("usage %+v", u)
		}
	})
}

func TestUsage(t *testing.T) {
	each(t, func(t *testing.T, r *Root) {
		g := newGroup(t, r, Limits{Memory: 1 << 30})
		cmd, _ := shell(t, g, "(i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done) & sleep 1000")
		for deadline := time.Now().Add(20 * time.Second); g.Usage().User < 20*time.Millisecond; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("usage %+v of a process that works", g.Usage())
			}
		}
		if used := g.Memory(); g.place(memory) != "" && (used == 0 || used > 1<<30) {
			t.Errorf("%d bytes are used", used)
		}
		u := g.Usage()
		if u.MemoryKills != 0 || u.LimitReached || u.Refused != 0 {
			t.Errorf("usage %+v of a process without trouble", u)
		}
		empty(t, g)
		_ = cmd.Wait() // killed
	})
}

// A dead worker's groups go, with what is in them; those of one that lives stay.
func TestLeftovers(t *testing.T) {
	each(t, func(t *testing.T, r *Root) {
		dead := *newRoot(r.logger, places{}) //nolint:govet // no lock is held
		dead.unified, dead.on, dead.old, dead.kills = r.unified, r.on, r.old, r.kills
		own := prefix(os.Getpid())
		dead.prefix = own[:len(own)-1] + "0-" // as this process, but it started at another time
		left, err := dead.New(Limits{Memory: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		cmd, _ := shell(t, left, "setsid sleep 1000")
		alive := newGroup(t, r, Limits{})
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
		defer done()
		r.sweep(ctx)
		if err := <-ended; err == nil {
			t.Error("the process ended well")
		}
		for _, dir := range append([]string{left.home()}, left.old[memory]) {
			if _, err := os.Stat(dir); dir != "" && err == nil {
				t.Errorf("%s is left", dir)
			}
		}
		if _, err := os.Stat(alive.home()); err != nil {
			t.Error(err)
		}
		if left.unified != nil {
			_ = left.unified.Close()
		}
	})
}

func TestOpenSaysWhatWasFound(t *testing.T) {
	var log bytes.Buffer
	r, err := Open(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
	if !strings.Contains(log.String(), "cgroup: found") {
		t.Errorf("log %q", log.String())
	}
	if err == nil && !strings.Contains(log.String(), r.String()) {
		t.Errorf("log %q lacks %q", log.String(), r)
	}
	if err != nil && !strings.Contains(log.String(), "none") {
		t.Errorf("%v, log %q", err, log.String())
	}
}
