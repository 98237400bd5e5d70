package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Group holds the processes of one task. Its methods may be called concurrently, but for Remove,
// which comes last.
type Group struct {
	root    *Root
	unified *os.File          // the folder of version 2; nil is none
	old     map[string]string // the folders of version 1, by controller
	limits  Limits
}

// New makes a group. A limit that cannot be set is logged once, and the group has none.
func (r *Root) New(limits Limits) (*Group, error) {
	g := &Group{root: r, old: map[string]string{}, limits: limits}
	name := r.prefix + strconv.FormatUint(r.count.Add(1), 10)
	err := g.make(name)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cgroup: make a group: %w", err), g.Remove(0))
	}
	g.limit()
	return g, nil
}

// make makes the folders that are of use: each one costs every start of a process.
func (g *Group) make(name string) error {
	if g.root.unified != "" {
		dir := filepath.Join(g.root.unified, name)
		if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // as all groups
			return err //nolint:wrapcheck // names the folder
		}
		var err error
		if g.unified, err = os.Open(dir); err != nil {
			return errors.Join(err, os.Remove(dir))
		}
	}
	for controller, parent := range g.root.old {
		if controller == cpu && g.limits.CPUWeight == 0 || controller == pids && g.limits.Processes == 0 && g.crowd() != pids {
			continue
		}
		dir := filepath.Join(parent, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) { //nolint:gosec // as all groups; two controllers may be mounted as one
			return err //nolint:wrapcheck // names the folder
		}
		g.old[controller] = dir
	}
	return nil
}

// crowd is the controller of version 1 whose folder lists the processes where version 2 does not.
func (g *Group) crowd() string {
	switch {
	case g.unified != nil:
		return ""
	case g.root.old[freezer] != "":
		return freezer
	default:
		return pids
	}
}

// home is the folder that lists the processes.
func (g *Group) home() string {
	if g.unified != nil {
		return g.unified.Name()
	}
	return g.old[g.crowd()]
}

// Start calls start, which starts a process with attr, so that the process is in the group from
// its first moment: of version 1 the thread that calls start is moved into the group and back
// again. It is the caller's where that is possible.
func (g *Group) Start(attr *syscall.SysProcAttr, start func() error) error {
	if g.unified != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(g.unified.Fd())
	}
	if len(g.old) == 0 {
		return start()
	}
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		back, err := g.visit(start)
		if back { // else the thread ends with the goroutine that called
			runtime.UnlockOSThread()
		}
		return err
	}
	// The first thread stands for the whole process. While it is held here, a goroutine gets another.
	defer runtime.UnlockOSThread()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		back, err := g.visit(start)
		if back {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// visit moves the calling thread into the group, calls start and moves it back; it tells whether that was done.
func (g *Group) visit(start func() error) (back bool, err error) {
	for _, dir := range g.old {
		if err := write(dir, "tasks", self); err != nil {
			return g.leave(), fmt.Errorf("cgroup: enter a group: %w", err)
		}
	}
	err = start()
	return g.leave(), err
}

// self stands for the thread that writes it.
const self = "0"

// leave moves the calling thread back to where the process is.
func (g *Group) leave() bool {
	back := true
	for controller := range g.old {
		back = write(g.root.old[controller], "tasks", self) == nil && back
	}
	return back
}

// Members lists the processes in the group that have not ended.
func (g *Group) Members() ([]int, error) {
	found, err := members(g.home())
	if err != nil || len(found) > 0 {
		return found, err
	}
	for _, dir := range below(g.home()) { // groups that the processes made for themselves
		more, err := members(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
		found = append(found, more...)
	}
	return found, nil
}

func members(dir string) ([]int, error) {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, fmt.Errorf("cgroup: list processes: %w", err)
	}
	var found []int
	for line := range strings.Lines(string(data)) {
		// 0 is a process of another namespace. This one is there while a thread of it is.
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 0 && pid != os.Getpid() {
			found = append(found, pid)
		}
	}
	return found, nil
}

// below lists the groups below one, each before those above it.
func below(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() {
			path := filepath.Join(dir, e.Name())
			found = append(append(found, below(path)...), path)
		}
	}
	return found
}

// Kill kills every process in the group. They may take a moment to end.
func (g *Group) Kill() error {
	if g.unified != nil && g.root.kills {
		return killWhole(g.unified.Name())
	}
	file, halt, resume := "cgroup.freeze", "1", "0"
	if g.unified == nil {
		file, halt, resume = "freezer.state", "FROZEN", "THAWED"
	}
	_ = write(g.home(), file, halt) // so that none starts another meanwhile
	found, err := g.Members()
	for _, pid := range found {
		_ = unix.Kill(pid, unix.SIGKILL) // may have ended
	}
	_ = write(g.home(), file, resume)
	return err
}

func killWhole(dir string) error {
	if err := write(dir, "cgroup.kill", "1"); err != nil {
		return fmt.Errorf("cgroup: kill: %w", err)
	}
	return nil
}

// Remove removes the group, which must be empty, and those that its processes made. It waits no
// longer than patience for the system to let go of processes that have ended.
func (g *Group) Remove(patience time.Duration) error {
	var failed error
	deadline := time.Now().Add(patience)
	if g.unified != nil {
		failed = errors.Join(remove(g.unified.Name(), deadline), g.unified.Close())
	}
	for _, dir := range g.old {
		failed = errors.Join(failed, remove(dir, deadline))
	}
	return failed
}

// remove removes the folder of a group.
func remove(dir string, deadline time.Time) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.Rmdir(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, inner := range below(dir) {
			_ = unix.Rmdir(inner)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cgroup: remove %s: %w", dir, err)
		}
		<-tick.C
	}
}
