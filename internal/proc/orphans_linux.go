package proc

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is what /proc says of one process.
type process struct {
	pid, parent, session int
	start                string // in ticks since the machine booted; with pid it names a process for ever
	dead                 bool   // a zombie, with no thread left that runs
}

// Fields of /proc/PID/stat behind the name of the program.
const (
	fieldState   = 0
	fieldParent  = 1
	fieldSession = 3
	fieldThreads = 17
	fieldStart   = 19
)

// inspect reads /proc/PID/stat. The name of the program in it may hold anything, so fields
// are counted from the last parenthesis.
func inspect(pid int) (process, bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) <= fieldStart {
		return process{}, false
	}
	parent, err := strconv.Atoi(fields[fieldParent])
	if err != nil {
		return process{}, false
	}
	session, err := strconv.Atoi(fields[fieldSession])
	if err != nil {
		return process{}, false
	}
	// The first thread may have ended, and be shown as a zombie, while others go on.
	dead := fields[fieldState] == "X" || fields[fieldState] == "Z" && (fields[fieldThreads] == "0" || fields[fieldThreads] == "1")
	return process{pid: pid, parent: parent, session: session, start: fields[fieldStart], dead: dead}, true
}

// byParent lists all processes by their parent. (The kernel's own list of children, where it
// is compiled in at all, may leave some out while others end.)
func byParent() map[int][]process {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	found := map[int][]process{}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if p, ok := inspect(pid); ok {
				found[p.parent] = append(found[p.parent], p)
			}
		}
	}
	return found
}

// childless tells at no cost whether this process has no child, and so no tree a process.
func childless() bool {
	return unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil) == unix.ECHILD
}

// members lists the processes of the tree that have not ended, and reaps adopted ones, of any tree, that have.
func (t *Tree) members() []int {
	if childless() {
		return nil
	}
	all := t.trees
	all.survey.Lock()
	defer all.survey.Unlock()
	children := byParent()
	trees := all.all() // after the processes were listed, so that whoever waits for one of them is known
	found := map[int]string{}
	for _, p := range children[os.Getpid()] {
		if p.session == all.system.session {
			continue // not of any tree
		}
		switch owner, command := owner(trees, p); {
		case p.dead && !command && reaped(p.pid): // adopted, so nobody else waits for it
		case owner == t:
			below(found, children, p)
		}
	}
	t.remember(found)
	pids := make([]int, 0, len(found))
	for pid := range found {
		pids = append(pids, pid)
	}
	return pids
}

// reaped reaps a child that has ended, and tells whether it is gone.
func reaped(pid int) bool {
	got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
	return got == pid || err != nil
}

// below collects the processes from root down that have not ended.
func below(found map[int]string, children map[int][]process, root process) {
	if _, seen := found[root.pid]; seen {
		return
	}
	if !root.dead {
		found[root.pid] = root.start
	}
	for _, child := range children[root.pid] {
		below(found, children, child)
	}
}

// remember keeps the tree's processes: one whose parent is killed is adopted, and while it ends
// itself it can no longer be told by its environment or directory whose it was.
func (t *Tree) remember(found map[int]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = found
}

// owner tells to which tree a child of this process belongs (nil: it cannot be known yet), and
// whether it is a command, for which somebody waits.
func owner(trees []*Tree, p process) (tree *Tree, command bool) {
	for _, t := range trees {
		if t.waitsFor(p.pid) {
			return t, true
		}
	}
	for _, t := range trees { // before what a tree remembers: the number may have been another tree's once
		if t.waitsFor(p.session) {
			return t, false
		}
	}
	for _, t := range trees {
		if t.knows(p) {
			return t, false
		}
	}
	if len(trees) == 1 {
		return trees[0], false
	}
	environ, _ := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/environ")
	dir, _ := os.Readlink("/proc/" + strconv.Itoa(p.pid) + "/cwd")
	entries := strings.Split(string(environ), "\x00")
	for _, t := range trees {
		if slices.Contains(entries, t.mark) || dir == t.dir || strings.HasPrefix(dir, t.dir+"/") {
			return t, false
		}
	}
	return nil, false
}

// waitsFor tells whether pid is a command of the tree that has not been waited for. A command
// that is just being started is waited for already: Start holds the lock.
func (t *Tree) waitsFor(pid int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.running[pid]
}

// knows tells whether p is in the session of a command of the tree, or was found in it before.
func (t *Tree) knows(p process) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.started[p.session] || t.seen[p.pid] == p.start
}
