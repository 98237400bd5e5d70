package proc

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// End reaches what the command has started, in its session or another one, and nothing else of the tree.
func TestEnd(t *testing.T) {
	for name, trees := range kinds(t) {
		t.Run(name, func(t *testing.T) { end(t, trees()) })
	}
}

func end(t *testing.T, trees *Trees) {
	tree, first, _ := start(t, trees, "sleep 1000 & echo $! > pids; wait")
	own := pids(t, tree.dir+"/pids", 1)
	second, err := tree.Start(Command{
		Path: "/bin/sh", Args: []string{"sh", "-c", `trap "" TERM HUP; sleep 1000 & echo $! > others; setsid sleep 1000 & echo $! >> others; (sleep 1000 & echo $! >> others); wait`},
		Dir: tree.dir, Env: []string{tree.mark, "PATH=" + os.Getenv("PATH")},
	})
	if err != nil {
		t.Fatal(err)
	}
	others := append(pids(t, tree.dir+"/others", 3), second.PID())
	if members := tree.Members(); !slices.Contains(members, own[0]) || !slices.Contains(members, others[0]) {
		t.Errorf("members %v lack %v or %v", members, own, others)
	}
	for range 2 {
		if err := second.End(t.Context()); err != nil {
			t.Error(err)
		}
		for _, pid := range others {
			if alive(pid) {
				t.Errorf("process %d is left of %v", pid, others)
			}
		}
	}
	if state := wait(t, second); state.Success() {
		t.Errorf("%v", state)
	}
	if err := second.End(t.Context()); err != nil {
		t.Error(err)
	}
	if !alive(own[0]) || !alive(first.PID()) {
		t.Error("another command of the tree was ended")
	}
	if err := tree.Kill(t.Context(), 0); err != nil {
		t.Error(err)
	}
	wait(t, first)
}

func TestEndEndsWithItsContext(t *testing.T) {
	_, p, _ := start(t, New(discard()), "sleep 1000")
	ctx, cancel := context.WithCancelCause(t.Context())
	told := errors.New("told to end")
	cancel(told)
	if err := p.End(ctx); err != nil && !errors.Is(err, told) {
		t.Error(err)
	}
	if err := p.End(t.Context()); err != nil {
		t.Error(err)
	}
	wait(t, p)
}

func TestInput(t *testing.T) {
	tree, first, _ := start(t, New(discard()), "cat") // nobody's input is empty
	wait(t, first)
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := tree.Start(Command{Path: "/bin/cat", Args: []string{"cat"}, Input: in, Output: out})
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, "text")
	if err = errors.Join(err, w.Close(), in.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); string(text) != "text" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	wait(t, p)
}

// What a tree has moved is counted while its processes live, with those of their children that have ended.
func TestTransferred(t *testing.T) {
	if _, err := os.Stat("/proc/self/io"); err != nil {
		t.Skip("this kernel does not count what processes read and write")
	}
	for name, trees := range kinds(t) {
		tree, p, r := start(t, trees(), "dd if=/dev/zero of=file bs=1M count=4 conv=fsync 2> /dev/null; echo written; sleep 1000")
		if line, err := bufio.NewReader(r).ReadString('\n'); err != nil {
			t.Fatalf("%q, %v", line, err)
		}
		if onTmpfs(t, tree.dir) {
			t.Skip("the test's files are in memory")
		}
		used := tree.Usage()
		if used.Written < 4<<20 {
			t.Errorf("%s: %d bytes written", name, used.Written)
		}
		if err := tree.Kill(t.Context(), 0); err != nil {
			t.Error(err)
		}
		wait(t, p)
		if after := tree.Usage(); after.Written != used.Written {
			t.Errorf("%s: %d bytes written, and %d in the end", name, used.Written, after.Written)
		}
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
		if after := tree.Usage(); after.Written != used.Written {
			t.Errorf("%s: %d bytes written, and %d after Close", name, used.Written, after.Written)
		}
	}
}

func onTmpfs(t *testing.T, dir string) bool {
	t.Helper()
	table, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] != "/" && strings.HasPrefix(dir, fields[4]+"/") && strings.Contains(line, " - tmpfs ") {
			return true
		}
	}
	return false
}
