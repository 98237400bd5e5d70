package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// system is what the trees need to know of this process.
type system struct {
	session   int
	protected bool // from the OOM killer, which tasks must not be
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
	return system{session: session, protected: strings.HasPrefix(string(score), "-")}
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: credential(c.User)}
	if c.DieWithCaller {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
}

// join takes the protection from the OOM killer, which the runner may have given to the worker, from a task's process.
func (t *Tree) join(p *os.Process) error {
	if !t.trees.system.protected {
		return nil
	}
	err := os.WriteFile("/proc/"+strconv.Itoa(p.Pid)+"/oom_score_adj", []byte("0"), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.trees.logger.Warn("proc: a task's process keeps the worker's OOM score", "error", fmt.Errorf("pid %d: %w", p.Pid, err))
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
	for _, pid := range t.members() {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

func (t *Tree) alive() bool { return len(t.members()) > 0 }

// reapEvery is how often adopted processes that have ended are reaped while the tree lives.
const reapEvery = 10 * time.Second

// job reaps for a tree.
type job struct{ stop, done chan struct{} }

func (t *Tree) openJob() (job, error) {
	j := job{make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(j.done)
		tick := time.NewTicker(reapEvery)
		defer tick.Stop()
		for {
			select {
			case <-j.stop:
				return
			case <-tick.C:
				t.members() // reaps as it goes
			}
		}
	}()
	return j, nil
}

func (j job) close() error {
	close(j.stop)
	<-j.done
	return nil
}
