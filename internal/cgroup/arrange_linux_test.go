package cgroup

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A group with processes can have controllers once these are in its leaf. The machine's one
// controller that nobody needs is enough for that.
func TestVacateMakesRoomForControllers(t *testing.T) {
	r := roots(t)["as found"]
	if r == nil || r.unified == "" {
		t.Skip("version 2 of control groups is not writable here")
	}
	g := newGroup(t, r, Limits{})
	dir := g.home()
	offered := list(dir, "cgroup.controllers")
	if len(offered) == 0 {
		t.Skip("version 2 has no controller here that could be switched on")
	}
	cmd, _ := shell(t, g, "exec sleep 1000")
	if err := enable(dir, offered[0]); !errors.Is(err, syscall.EBUSY) {
		t.Fatalf("a controller above a process: %v", err)
	}
	if err := vacate(dir); err != nil {
		t.Fatal(err)
	}
	if err := enable(dir, offered[0]); err != nil {
		t.Error(err)
	}
	if got := list(filepath.Join(dir, leaf), "cgroup.procs"); !slices.Equal(got, []string{strconv.Itoa(cmd.Process.Pid)}) {
		t.Errorf("in the leaf are %q", got)
	}
	empty(t, g)
	_ = cmd.Wait() // killed
}

// fake is a folder that has the files of a group of version 2 with all controllers.
func fake(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestArrange(t *testing.T) {
	files := map[string]string{"cgroup.controllers": "cpu io memory pids\n", "cgroup.subtree_control": "", "cgroup.kill": "", "cgroup.procs": ""}
	r := &Root{logger: slog.New(slog.DiscardHandler)}
	dir := fake(t, files)
	r.arrange(dir, false)
	if r.unified != dir || !r.kills || !slices.Equal(r.on, []string{memory, pids, cpu}) {
		t.Errorf("arranged %+v", r)
	}
	// a worker that is started by what a worker started before was moved with
	r = &Root{logger: slog.New(slog.DiscardHandler)}
	r.arrange(filepath.Join(dir, leaf), false)
	if r.unified != dir {
		t.Errorf("from its leaf it makes groups in %q, want %q", r.unified, dir)
	}
}

// TestAForeignGroupIsLeftAsItIs: with processes of others in it a group gets no controllers, or the
// groups below it would take no processes.
func TestAForeignGroupIsLeftAsItIs(t *testing.T) {
	for name, test := range map[string]struct {
		procs, on string
		changed   bool // what is switched on
		want      []string
	}{
		"of others":             {procs: "1\n2\n", want: nil},
		"with a controller on":  {procs: "1\n2\n", on: "pids\n", want: []string{pids}},
		"without any processes": {procs: "", changed: true, want: []string{memory, pids, cpu}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := fake(t, map[string]string{
				"cgroup.type": "domain\n", "cgroup.procs": test.procs, "cgroup.subtree_control": test.on, "cgroup.controllers": "cpu memory pids\n",
			})
			r := &Root{logger: slog.New(slog.DiscardHandler)}
			r.arrange(dir, false)
			left, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
			if changed := string(left) != test.on; err != nil || changed != test.changed || !slices.Equal(r.on, test.want) || r.unified != dir {
				t.Errorf("subtree_control %q, %v; arranged %+v", left, err, r)
			}
		})
	}
}

func TestOurs(t *testing.T) {
	for procs, want := range map[string]bool{
		strconv.Itoa(os.Getpid()) + "\n":    true,
		strconv.Itoa(os.Getpid()) + "\n1\n": false,
		strconv.Itoa(os.Getppid()) + "\n":   false,
		"":                                  false,
	} {
		if got := ours(fake(t, map[string]string{"cgroup.procs": procs})); got != want {
			t.Errorf("a group with %q: %v, want %v", procs, got, want)
		}
	}
}

func TestFilesOfVersion2(t *testing.T) {
	dir := fake(t, map[string]string{
		"memory.max": "", "memory.swap.max": "", "memory.oom.group": "", "pids.max": "", "cpu.weight": "",
		"memory.events": "low 0\nhigh 0\nmax 12\noom 2\noom_kill 3\noom_group_kill 1\n", "memory.peak": "1000\n",
		"memory.current": "900\n", "memory.stat": "anon 1\ninactive_file 200\nactive_file 5\n",
		"pids.events": "max 7\n", "cpu.stat": "usage_usec 5\nuser_usec 3\nsystem_usec 2\n",
	})
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	r := &Root{logger: slog.New(slog.DiscardHandler), on: []string{memory, pids, cpu}, said: map[string]bool{}}
	g := &Group{root: r, unified: folder, limits: Limits{Memory: 1 << 20, Processes: 9, CPUWeight: 50}}
	g.limit()
	for file, want := range map[string]string{"memory.max": "1048576", "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "9", "cpu.weight": "50"} {
		if got, _ := os.ReadFile(filepath.Join(dir, file)); string(got) != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	want := Usage{User: 3 * time.Microsecond, System: 2 * time.Microsecond, PeakMemory: 1000, MemoryKills: 3, LimitReached: true, Refused: 7}
	if got := g.Usage(); got != want {
		t.Errorf("usage %+v, want %+v", got, want)
	}
	if got := g.Memory(); got != 700 {
		t.Errorf("memory %d, want 700", got)
	}
}

func TestLimitsThatCannotBeSetAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	r := &Root{logger: slog.New(slog.NewTextHandler(&log, nil)), said: map[string]bool{}}
	for range 3 {
		g := &Group{root: r, limits: Limits{Memory: 1, Processes: 1, CPUWeight: 1}}
		g.limit()
	}
	if got := strings.Count(log.String(), "without a limit"); got != 3 {
		t.Errorf("%d lines for three limits:\n%s", got, log.String())
	}
}
