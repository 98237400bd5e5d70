package proc

import (
	"maps"
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

// members lists the processes of the tree that have not ended. While there are some in the
// tree's group, that is all: what has left the group is searched for when the others have ended.
func (t *Tree) members() []int {
	if t.job.group != nil {
		if found, err := t.job.group.Members(); err == nil && len(found) > 0 {
			t.recognise(found)
			return found
		}
	}
	return t.search()
}

// search finds the processes of the tree among the descendants of this one, and reaps adopted
// ones, of any tree, that have ended.
func (t *Tree) search() []int {
	if childless() {
		return nil
	}
	t.trees.survey.Lock()
	defer t.trees.survey.Unlock()
	for {
		if found, settled := t.look(); settled {
			return found
		}
	}
}

// look is one search. It is not settled when processes were given to this one while it looked:
// those that have ended are still to be reaped.
func (t *Tree) look() (pids []int, settled bool) {
	all := t.trees
	children := byParent()
	trees := all.all() // after the processes were listed, so that whoever waits for one of them is known
	grouped := grouping(trees)
	found, settled := map[int]string{}, true
	for _, p := range children[os.Getpid()] {
		if p.session == all.system.session {
			continue // not of any tree
		}
		switch owner, command := owner(trees, grouped, p); {
		case p.dead && !command && reaped(p.pid): // adopted, so nobody else waits for it
			settled = settled && len(children[p.pid]) == 0
		case owner == t:
			settled = below(found, children, p) && settled
		}
	}
	t.remember(found)
	return slices.Collect(maps.Keys(found)), settled
}

// reaped reaps a child that has ended, and tells whether it is gone.
func reaped(pid int) bool {
	got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
	return got == pid || err != nil
}

// below collects the processes from root down that have not ended. It is not settled when
// one that has ended is there beneath another one: then it has a new parent by now.
func below(found map[int]string, children map[int][]process, root process) (settled bool) {
	if _, seen := found[root.pid]; seen {
		return true
	}
	if !root.dead {
		found[root.pid] = root.start
	}
	settled = true
	for _, child := range children[root.pid] {
		settled = below(found, children, child) && settled && (!root.dead || !child.dead)
	}
	return settled
}

// remember keeps the tree's processes: one whose parent is killed is adopted, and while it ends
// itself it can no longer be told by its environment or directory whose it was.
func (t *Tree) remember(found map[int]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = found
}

// grouping tells in which tree's group each process is.
func grouping(trees []*Tree) map[int]*Tree {
	found := map[int]*Tree{}
	for _, t := range trees {
		if t.job.group == nil {
			continue
		}
		members, _ := t.job.group.Members()
		for _, pid := range members {
			found[pid] = t
		}
	}
	return found
}

// owner tells to which tree a child of this process belongs (nil: it cannot be known yet), and
// whether it is a command, for which somebody waits.
func owner(trees []*Tree, grouped map[int]*Tree, p process) (tree *Tree, command bool) {
	for _, t := range trees {
		if t.waitsFor(p.pid) {
			return t, true
		}
	}
	if t := grouped[p.pid]; t != nil {
		return t, false
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

// recognise keeps the processes of the group: one that ends is out of it before it is dead.
func (t *Tree) recognise(pids []int) {
	found := make(map[int]string, len(pids))
	for _, pid := range pids {
		if p, ok := inspect(pid); ok {
			found[pid] = p.start
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed { // what is being killed leaves the group a moment before it has ended
		maps.Copy(found, t.seen)
	}
	t.seen = found
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
