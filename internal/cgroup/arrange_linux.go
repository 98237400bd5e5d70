package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// leaf is the group into which a worker moves, so that the one above can have controllers.
const leaf = "workerkit-worker"

// arrange makes the group of version 2 in which this process is the parent of groups, with as
// many controllers as can be had.
func (r *Root) arrange(own string, top bool) {
	parent := own
	if filepath.Base(own) == leaf { // born there: whoever started this process was moved before
		parent, top = filepath.Dir(own), false
	}
	if !writable(parent) {
		return
	}
	r.unified = parent
	_, err := os.Stat(filepath.Join(parent, "cgroup.kill"))
	r.kills = err == nil
	r.control(parent, top)
	if !usable(parent) {
		r.logger.Info("cgroup: the groups that could be made here take no processes; a systemd unit needs Delegate=yes", "group", parent)
		r.unified, r.on, r.kills = "", nil, false
	}
}

// control switches the controllers on that there are. None may be as long as there are processes in
// the group itself: some could be, but then the groups below it would take no processes.
func (r *Root) control(parent string, top bool) {
	there := list(parent, "cgroup.subtree_control")
	for _, name := range []string{memory, pids, cpu} {
		if !slices.Contains(list(parent, "cgroup.controllers"), name) {
			continue
		}
		err := error(nil)
		if !slices.Contains(there, name) {
			if err = r.room(parent, top); err == nil {
				err = enable(parent, name)
			}
		}
		if err == nil {
			r.on = append(r.on, name)
		} else {
			r.logger.Info("cgroup: a controller cannot be switched on; a systemd unit needs Delegate=yes", "controller", name, "error", err)
		}
	}
}

// room makes sure that no process is in a group, by moving those into a leaf that may be moved.
// The root of all groups, which has no type, may have some.
func (r *Root) room(parent string, top bool) error {
	if _, err := os.Stat(filepath.Join(parent, "cgroup.type")); err != nil || len(list(parent, "cgroup.procs")) == 0 {
		return nil
	}
	if !top && !ours(parent) {
		return syscall.EBUSY
	}
	return vacate(parent)
}

// usable tells whether a group below a parent takes processes.
func usable(parent string) bool {
	probe, err := os.MkdirTemp(parent, "workerkit-probe-")
	if err != nil {
		return false
	}
	defer os.Remove(probe) //nolint:errcheck // an empty group harms nobody
	return !slices.Contains(list(probe, "cgroup.type"), "invalid")
}

func enable(dir, controller string) error {
	if slices.Contains(list(dir, "cgroup.subtree_control"), controller) {
		return nil
	}
	return write(dir, "cgroup.subtree_control", "+"+controller)
}

func list(dir, file string) []string {
	data, _ := os.ReadFile(filepath.Join(dir, file))
	return strings.Fields(string(data))
}

// ours tells whether the processes in a group may be moved: systemd says so, or this one is the only one.
func ours(dir string) bool {
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		var value [8]byte
		if n, err := unix.Getxattr(dir, name, value[:]); err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	return slices.Equal(list(dir, "cgroup.procs"), []string{strconv.Itoa(os.Getpid())})
}

// vacate moves the processes in a group into its leaf. One may start another meanwhile, but not for ever.
func vacate(dir string) error {
	to := filepath.Join(dir, leaf)
	if err := os.Mkdir(to, 0o755); err != nil && !errors.Is(err, os.ErrExist) { //nolint:gosec // as all groups
		return err //nolint:wrapcheck // names the folder
	}
	for range 5 {
		left := list(dir, "cgroup.procs")
		if len(left) == 0 {
			return nil
		}
		for _, pid := range left {
			if err := write(to, "cgroup.procs", pid); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
	}
	return syscall.EBUSY
}
