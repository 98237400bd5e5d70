package container

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// meter reads the control groups of a container. They are removed as soon as it has ended: the files
// are open before, and read once more when its first process has exited, which its engine learns
// no sooner.
type meter struct {
	pidfd   int
	unified bool // version 2
	files   map[string]*os.File

	mu     sync.Mutex
	latest account
	closed bool
}

// groups are the files that are read, by the version of control groups and the controller.
func groups(unified bool) map[string][]string {
	if unified {
		return map[string][]string{"": {"cpu.stat", "memory.current", "memory.peak", "memory.stat", "memory.events", "pids.events", "io.stat"}}
	}
	return map[string][]string{
		"cpuacct": {"cpuacct.usage_user", "cpuacct.usage_sys"},
		"memory":  {"memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.stat", "memory.oom_control"},
		"pids":    {"pids.events"},
		"blkio":   {"blkio.throttle.io_service_bytes"},
	}
}

// newMeter makes the meter of the container id, whose first process has this number on the
// engine's machine; nil when that is not this machine, or the process has ended.
func newMeter(pid int, id string) *meter {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	table, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil || !strings.Contains(string(table), id) {
		_ = unix.Close(pidfd)
		return nil
	}
	m := &meter{pidfd: pidfd, files: map[string]*os.File{}}
	places := map[string]string{} // by controller
	for line := range strings.Lines(string(table)) {
		const parts = 3 // number:controllers:path
		if f := strings.SplitN(strings.TrimSpace(line), ":", parts); len(f) == parts && strings.Contains(f[2], id) {
			for c := range strings.SplitSeq(f[1], ",") {
				places[c] = upTo(f[2], id)
			}
		}
	}
	const mount = "/sys/fs/cgroup"
	_, err = os.Stat(mount + "/cgroup.controllers")
	m.unified = err == nil
	for controller, names := range groups(m.unified) {
		for _, name := range names {
			if f, err := os.Open(filepath.Join(mount, controller, places[controller], name)); err == nil && places[controller] != "" {
				m.files[name] = f
			}
		}
	}
	m.now()
	return m
}

// upTo is a path up to the folder with a name in its own: the limits are there, and in some systems
// the processes are below.
func upTo(path, name string) string {
	at := strings.Index(path, name) + len(name)
	if end := strings.IndexByte(path[at:], '/'); end >= 0 {
		return path[:at+end]
	}
	return path
}

// follow reads when the system has killed a process or refused one, and for the last time when the
// first process has exited, or the container is over. By then systemd may have removed the group.
func (m *meter) follow(over <-chan struct{}) {
	const look = 50 // milliseconds between looks at over
	polled := m.events()
	m.now()
	for {
		n, err := unix.Poll(polled, look)
		if polled[0].Revents != 0 || err != nil && !errors.Is(err, unix.EINTR) {
			break
		}
		if n > 0 {
			polled = m.events() // without those of a group that is no more
			m.now()             // after it: what is read there is told no more
		}
		select {
		case <-over:
			m.close()
			return
		default:
		}
	}
	m.now()
	m.close()
}

// events are what to wait for: the exit of the first process, and then what changes in the files
// that tell of it, until their group is removed.
func (m *meter) events() []unix.PollFd {
	polled := []unix.PollFd{{Fd: int32(m.pidfd), Events: unix.POLLIN}} //nolint:gosec // a descriptor
	for _, name := range []string{"memory.events", "pids.events"} {
		if _, ok := m.text(name); ok && m.unified {
			polled = append(polled, unix.PollFd{Fd: int32(m.files[name].Fd()), Events: unix.POLLPRI}) //nolint:gosec // a descriptor
		}
	}
	return polled
}

// kill ends the container, when its engine cannot.
func (m *meter) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		_ = unix.PidfdSendSignal(m.pidfd, unix.SIGKILL, nil, 0) // may have ended
	}
}

func (m *meter) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	_ = unix.Close(m.pidfd)
	for _, f := range m.files {
		_ = f.Close() // was read only
	}
}

// last is what was read last.
func (m *meter) last() account {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.latest
}

// now reads. What is not there any more stays as it was.
func (m *meter) now() account {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return m.latest
	}
	a := m.latest
	if m.unified {
		m.readUnified(&a)
	} else {
		m.readOld(&a)
	}
	a.peak = max(a.peak, a.memory)
	m.latest = a
	return a
}

// text reads a file from its start; false when its group is no more.
func (m *meter) text(name string) (string, bool) {
	f := m.files[name]
	if f == nil {
		return "", false
	}
	buffer := make([]byte, 16<<10)
	n, err := f.ReadAt(buffer, 0)
	return string(buffer[:n]), n > 0 && (err == nil || errors.Is(err, io.EOF))
}

// number reads the one number of a file, or the one after a name.
func (m *meter) number(into *uint64, file, name string) {
	text, ok := m.text(file)
	if !ok {
		return
	}
	if name == "" {
		if n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64); err == nil {
			*into = n
		}
		return
	}
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			if n, err := strconv.ParseUint(strings.TrimSpace(rest), 10, 64); err == nil {
				*into = n
			}
		}
	}
}

// memory is what is used, without what the system can drop at once.
func (m *meter) memory(a *account, current, idle string) {
	var used, unused uint64
	m.number(&used, current, "")
	m.number(&unused, "memory.stat", idle)
	a.memory = used - min(used, unused)
}

func (m *meter) readUnified(a *account) {
	var user, kernel uint64
	m.number(&user, "cpu.stat", "user_usec")
	m.number(&kernel, "cpu.stat", "system_usec")
	a.user, a.kernel = max(a.user, time.Duration(user)*time.Microsecond), max(a.kernel, time.Duration(kernel)*time.Microsecond) //nolint:gosec // far below
	m.memory(a, "memory.current", "inactive_file")
	m.number(&a.peak, "memory.peak", "")
	m.number(&a.kills, "memory.events", "oom_kill")
	m.number(&a.refused, "pids.events", "max")
	m.blocks(a, "io.stat", "rbytes=", "wbytes=")
}

func (m *meter) readOld(a *account) {
	var user, kernel uint64
	m.number(&user, "cpuacct.usage_user", "")
	m.number(&kernel, "cpuacct.usage_sys", "")
	a.user, a.kernel = max(a.user, time.Duration(user)), max(a.kernel, time.Duration(kernel)) //nolint:gosec // nanoseconds
	m.memory(a, "memory.usage_in_bytes", "total_inactive_file")
	m.number(&a.peak, "memory.max_usage_in_bytes", "")
	m.number(&a.kills, "memory.oom_control", "oom_kill")
	m.number(&a.refused, "pids.events", "max")
	m.blocks(a, "blkio.throttle.io_service_bytes", "Read ", "Write ")
}

// blocks adds what all devices have read and written.
func (m *meter) blocks(a *account, file, read, write string) {
	text, ok := m.text(file)
	if !ok {
		return
	}
	var sums [2]uint64
	for line := range strings.Lines(text) {
		for i, key := range []string{read, write} {
			if _, rest, found := strings.Cut(line, key); found {
				if fields := strings.Fields(rest); len(fields) > 0 {
					n, _ := strconv.ParseUint(fields[0], 10, 64) // 0 where it is no number
					sums[i] += n
				}
			}
		}
	}
	a.read, a.written = max(a.read, sums[0]), max(a.written, sums[1])
}
