package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Controllers, by their names in both versions.
const (
	memory  = "memory"
	pids    = "pids"
	cpu     = "cpu"
	cpuacct = "cpuacct"
	freezer = "freezer"
)

// Root is where a worker makes its groups. Its methods may be called concurrently.
type Root struct {
	logger  *slog.Logger
	unified string            // the parent of groups of version 2; "" is none
	on      []string          // controllers of those
	old     map[string]string // the parents of groups of version 1, by controller
	kills   bool              // unified groups have cgroup.kill
	prefix  string            // of all this process's groups
	count   atomic.Uint64

	mu   sync.Mutex
	said map[string]bool // limits that were logged as not to be had
}

// ErrNone says that this process may not make groups.
var ErrNone = errors.New("no control group is writable")

// Open finds out where groups can be made, logs it, and ends and removes what workers that
// have died left there; that takes no longer than ctx. A process opens one. The error is ErrNone.
func Open(ctx context.Context, logger *slog.Logger) (*Root, error) {
	mountinfo, _ := os.ReadFile("/proc/self/mountinfo")
	own, _ := os.ReadFile("/proc/self/cgroup")
	r := newRoot(logger, locate(string(mountinfo), string(own)))
	if r.unified == "" && r.old[freezer] == "" && r.old[pids] == "" { // nothing that lists processes
		logger.Info("cgroup: found", "cgroups", "none that is writable")
		return nil, ErrNone
	}
	logger.Info("cgroup: found", "cgroups", r.String())
	r.sweep(ctx)
	return r, nil
}

func newRoot(logger *slog.Logger, p places) *Root {
	r := &Root{logger: logger, old: map[string]string{}, prefix: prefix(os.Getpid()), said: map[string]bool{}}
	if p.unified != "" && clones() {
		r.arrange(p.unified, p.top)
	}
	for name, dir := range p.old {
		if !slices.Contains(r.on, name) && writable(dir) {
			r.old[name] = dir
		}
	}
	if r.unified != "" { // it counts processor time and kills by itself
		delete(r.old, cpuacct)
		delete(r.old, freezer)
	}
	return r
}

// String says what was found.
func (r *Root) String() string {
	var parts []string
	if r.unified != "" {
		text := "version 2 without controllers"
		if len(r.on) > 0 {
			text = "version 2 with " + strings.Join(r.on, ", ")
		}
		parts = append(parts, text)
	}
	if len(r.old) > 0 {
		names := make([]string, 0, len(r.old))
		for name := range r.old {
			names = append(names, name)
		}
		slices.Sort(names)
		parts = append(parts, "version 1 with "+strings.Join(names, ", "))
	}
	return strings.Join(parts, "; ")
}

// writable tells whether groups can be made in a folder.
func writable(dir string) bool { return unix.Access(dir, unix.W_OK) == nil && !readOnly(dir) }

func readOnly(dir string) bool {
	var system unix.Statfs_t
	return unix.Statfs(dir, &system) != nil || system.Flags&unix.ST_RDONLY != 0
}

// clones tells whether processes can be started in a group of version 2 (Linux 5.7, and no
// filter of system calls against it). The call names a group that cannot be, and so starts nothing.
func clones() bool {
	const into = 0x200000000 // CLONE_INTO_CGROUP
	args := [11]uint64{0: into, 4: uint64(syscall.SIGCHLD), 10: 1 << 30}
	_, _, err := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	return err == syscall.EBADF
}

// prefix is the beginning of the names of the groups of a process: what names it for ever, in
// its namespace.
func prefix(pid int) string {
	space, _ := os.Readlink("/proc/self/ns/pid")
	return fmt.Sprintf("workerkit-%d-%s-%s-", pid, strings.Trim(space, "pid:[]"), started(pid))
}

// started is when a process started, in ticks since the machine did; "" when there is none.
func started(pid int) string {
	data, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	text := string(data)
	const field = 19 // behind the name of the program, which may hold anything
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) <= field {
		return ""
	}
	return fields[field]
}

// lacks logs once that a limit cannot be set.
func (r *Root) lacks(limit string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.said[limit] {
		r.said[limit] = true
		r.logger.Warn("cgroup: tasks run without a limit", "limit", limit, "cgroups", r.String(), "error", err)
	}
}

// write writes to a file of a group. It is on the way of every start of a process, so it does
// without the preparations of package os for files that may block.
func write(dir, file, text string) error {
	path := filepath.Join(dir, file)
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd) //nolint:errcheck // nothing is buffered
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}
