package proc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/internal/cgroup"
)

// system is what the trees need to know of this process.
type system struct {
	session  int
	favoured bool // by the OOM killer, or the contrary: its score is not for tasks
	groups   *cgroup.Root
}

func (t *Trees) grouped() bool { return t.system.groups != nil }

// openGroups has trees live in control groups, if it can.
func (t *Trees) openGroups(ctx context.Context) {
	groups, err := cgroup.Open(ctx, t.logger)
	if err != nil {
		t.logger.Info("proc: trees have no control groups", "error", err)
		return
	}
	t.system.groups = groups
}

func (t *Trees) setUp() system {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.logger.Warn("proc: orphans of tasks cannot be adopted and may survive them", "error", err)
	}
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		keepDescriptors()
	}
	score, _ := os.ReadFile("/proc/self/oom_score_adj")
	session, err := unix.Getsid(0)
	if err != nil {
		t.logger.Warn("proc: own session unknown", "error", err)
	}
	return system{session: session, favoured: strings.TrimSpace(string(score)) != "0"}
}

// keepDescriptors marks each inherited descriptor as not to be passed on, for kernels before 5.11.
func keepDescriptors() {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// prepare gives the command a session of its own, by which its processes are known.
func prepare(cmd *exec.Cmd, c Command) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: c.Terminal, Credential: credential(c.User)}
	if c.DieWithCaller {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
}

// join gives a task's process the usual score of the OOM killer: the runner may have protected the
// worker from it.
func (t *Tree) join(p *os.Process) error {
	if !t.trees.system.favoured {
		return nil
	}
	err := os.WriteFile("/proc/"+strconv.Itoa(p.Pid)+"/oom_score_adj", []byte("0"), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.trees.unscored.Do(func() {
			t.trees.logger.Warn("proc: the processes of tasks keep the worker's OOM score, which only root can change", "error", err)
		})
	}
	return nil
}

// ask asks all processes to end, and returns whether that is of any use.
func (t *Tree) ask() bool {
	for _, pid := range t.members() {
		_ = unix.Kill(pid, unix.SIGTERM) // may have ended
		_ = unix.Kill(pid, unix.SIGCONT) // a stopped process does not see the other signal
	}
	return true
}

func (t *Tree) force() {
	found := t.members()
	if t.job.group != nil && len(found) > 0 {
		if err := t.job.group.Kill(); err != nil {
			t.trees.logger.Warn("proc: a control group was not killed as a whole", "error", err)
		}
	}
	for _, pid := range found {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

func (t *Tree) alive() bool { return len(t.members()) > 0 }

func (t *Tree) pids() []int { return t.members() }

// kill kills what there is of the command's session and of its descendants, and tells whether there
// was anything. The command's number may be another one's when it has been waited for, but only what
// is of the tree is killed.
func (p *Process) kill() bool {
	found, pid := map[int]string{}, p.PID()
	children := byParent()
	for _, siblings := range children {
		for _, other := range siblings {
			if other.session == pid || other.pid == pid {
				below(found, children, other)
			}
		}
	}
	strike := func(members []int) (left bool) {
		for _, member := range members {
			if _, ours := found[member]; ours {
				left = true
				_ = unix.Kill(member, unix.SIGKILL) // may have ended
			}
		}
		return left
	}
	// What is being killed leaves the control group a moment before it has ended; the search reaps.
	return strike(p.tree.members()) || strike(p.tree.search())
}

// reapEvery is how often adopted processes that have ended are reaped while the tree lives.
const reapEvery = 10 * time.Second

// job is a tree's control group, if it has one, and reaps for the tree.
type job struct {
	group      *cgroup.Group
	logger     *slog.Logger
	stop, done chan struct{}
}

func (t *Tree) openJob(l Limits) (job, error) {
	j := job{logger: t.trees.logger, stop: make(chan struct{}), done: make(chan struct{})}
	if groups := t.trees.system.groups; groups != nil {
		var err error
		if j.group, err = groups.New(cgroup.Limits(l)); err != nil {
			return job{}, err //nolint:wrapcheck // says what failed
		}
	}
	go func() {
		defer close(j.done)
		tick := time.NewTicker(reapEvery)
		defer tick.Stop()
		for {
			select {
			case <-j.stop:
				return
			case <-tick.C:
				t.search() // reaps as it goes
			}
		}
	}()
	return j, nil
}

// limited tells whether there is something that can set limits; what it cannot set it logs.
func (j job) limited() bool { return j.group != nil }

func (j job) start(cmd *exec.Cmd, _ Command) error {
	start := cmd.Start
	if cmd.SysProcAttr.Credential != nil {
		start = func() error { return startWithout(cmd) }
	}
	if j.group == nil {
		return start()
	}
	return j.group.Start(cmd.SysProcAttr, start) //nolint:wrapcheck // names the file and the reason already
}

// startWithout starts a command to which no capability comes down, as some would by those of the
// thread that are inheritable: to change the user takes away all but these. The thread has no use for them.
func startWithout(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	err := unix.Capget(&header, &sets[0])
	if sets[0].Inheritable|sets[1].Inheritable != 0 {
		sets[0].Inheritable, sets[1].Inheritable = 0, 0
		err = unix.Capset(&header, &sets[0])
	}
	if err != nil {
		return fmt.Errorf("take the capabilities away: %w", err)
	}
	return cmd.Start() //nolint:wrapcheck // names the file and the reason already
}

// removal is how long the system may take to let go of what has ended.
const removal = time.Second

func (j job) close() error {
	close(j.stop)
	<-j.done
	if j.group == nil {
		return nil
	}
	if err := j.group.Remove(removal); err != nil { // the next worker removes it
		j.logger.Warn("proc: a control group is left", "error", err)
	}
	return nil
}

// counted is what the control group has counted, else what is known from the commands that ended.
func (j job) counted(spent Usage) Usage {
	if j.group == nil {
		return spent
	}
	u := j.group.Usage()
	return Usage{User: u.User, Kernel: u.System, PeakMemory: u.PeakMemory,
		MemoryKills: u.MemoryKills, LimitReached: u.LimitReached, Refused: u.Refused,
		Read: spent.Read, Written: spent.Written}
}

// transferred is what the tree's processes, and their children that have ended, have moved from and to
// block devices.
func (t *Tree) transferred() (read, written uint64) {
	for _, pid := range t.members() {
		data, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/io")
		for line := range strings.Lines(string(data)) {
			name, value, _ := strings.Cut(line, ": ")
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			switch name {
			case "read_bytes":
				read += n
			case "write_bytes":
				written += n
			}
		}
	}
	return read, written
}

// resident is the memory of the tree's processes. Where it is not counted, what they share
// counts for each.
func (t *Tree) resident() uint64 {
	if t.job.group != nil {
		if used := t.job.group.Memory(); used > 0 {
			return used
		}
	}
	pages := uint64(0)
	for _, pid := range t.members() {
		data, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
		if fields := strings.Fields(string(data)); len(fields) > 1 { // else it has ended
			n, _ := strconv.ParseUint(fields[1], 10, 64)
			pages += n
		}
	}
	return pages * uint64(os.Getpagesize()) //nolint:gosec // positive
}
