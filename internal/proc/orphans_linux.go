package proc

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is what /proc says of one process.
type process struct {
	pid, session int
	dead         bool // a zombie
}

// inspect reads /proc/PID/stat. The name of the program in it may hold anything, so fields
// are counted from the last parenthesis.
func inspect(pid int) (process, bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 4 {
		return process{}, false
	}
	session, err := strconv.Atoi(fields[3])
	return process{pid: pid, session: session, dead: fields[0] == "Z" || fields[0] == "X"}, err == nil
}

// children lists the direct children of a process. While some of them end, others may be
// missing, but not all: whoever needs to be sure that there are none asks until the list is empty.
func children(pid int) []int {
	threads, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	if err != nil || len(threads) == 0 {
		return byParent()[pid] // the kernel does not list children, or pid is gone
	}
	var found []int
	for _, name := range threads {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(data)) {
			if child, err := strconv.Atoi(field); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

// byParent lists all processes by their parent, for kernels without /proc/PID/task/TID/children.
func byParent() map[int][]int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	found := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		text := string(data)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if len(fields) < 2 {
			continue
		}
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			found[parent] = append(found[parent], pid)
		}
	}
	return found
}

// members lists the living processes of the tree, and reaps adopted ones that have ended.
func (t *Tree) members() []int {
	var found []int
	for _, root := range t.roots() {
		found = t.below(found, root)
	}
	return found
}

// below appends the processes from root down.
func (t *Tree) below(found []int, root int) []int {
	p, ok := inspect(root)
	if !ok || slices.Contains(found, root) {
		return found
	}
	if !p.dead {
		found = append(found, root)
	}
	for _, child := range children(root) {
		found = t.below(found, child)
	}
	return found
}

// roots lists the tree's processes whose parent is this process: commands, and what was adopted.
func (t *Tree) roots() []int {
	var found []int
	trees := t.trees.all()
	for _, pid := range children(os.Getpid()) {
		p, ok := inspect(pid)
		if !ok || p.session == t.trees.system.session {
			continue // not of any tree
		}
		switch owner, command := owner(trees, p); {
		case command && owner == t:
			found = append(found, pid)
		case command:
		case p.dead:
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // adopted, so nobody else waits for it
		case owner == t:
			found = append(found, pid)
		}
	}
	return found
}

// all lists the live trees.
func (t *Trees) all() []*Tree {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*Tree, 0, len(t.live))
	for tree := range t.live {
		list = append(list, tree)
	}
	return list
}

// owner tells to which tree a child of this process belongs (nil: it cannot be known yet), and
// whether it is a command, for which somebody waits.
func owner(trees []*Tree, p process) (tree *Tree, command bool) {
	for _, t := range trees {
		if running, started := t.knows(p); running || started {
			return t, running
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

// knows tells whether p is a command of the tree, or in the session of one.
func (t *Tree) knows(p process) (running, session bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.running[p.pid], t.started[p.session]
}
