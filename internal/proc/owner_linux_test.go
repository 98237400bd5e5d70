package proc

import (
	"os/exec"
	"testing"
)

// The system gives numbers of processes out again: a tree that had a command with the number
// must not take the orphans of the command that has it now.
func TestSessionNumberOfAnotherTree(t *testing.T) {
	trees := New(discard())
	old, p, _ := start(t, trees, "true")
	wait(t, p)
	now, q, _ := start(t, trees, "sleep 1000")
	pid := q.cmd.Process.Pid
	old.mu.Lock()
	old.started[pid] = true // as if it had had a command of that number
	old.mu.Unlock()
	orphan := process{pid: -1, session: pid, start: "0"}
	for _, list := range [][]*Tree{{old, now}, {now, old}} {
		if got, command := owner(list, nil, orphan); got != now || command {
			t.Errorf("an orphan belongs to the tree in %s (a command: %v), want %s", got.dir, command, now.dir)
		}
	}
	go q.Wait() // the tree is killed with the test
}

func TestStartTakesTheNumberFromOtherTrees(t *testing.T) {
	trees := New(discard())
	old, p, _ := start(t, trees, "true")
	wait(t, p)
	last := exec.Command("true") // whose number tells which ones come next
	if err := last.Run(); err != nil {
		t.Fatal(err)
	}
	const ahead = 10000
	old.mu.Lock()
	for i := range ahead {
		old.started[last.Process.Pid+i] = true
		old.started[i] = true // where the numbers begin again
	}
	old.mu.Unlock()
	now, q, _ := start(t, trees, "exit 0")
	pid := q.cmd.Process.Pid
	wait(t, q)
	for _, test := range []struct {
		tree *Tree
		pid  int
		want bool
	}{{now, pid, true}, {old, pid, false}, {old, pid + 1, pid >= last.Process.Pid}} {
		if got := test.tree.knows(process{pid: -1, session: test.pid, start: "0"}); got != test.want {
			t.Errorf("tree in %s knows session %d: %v, want %v", test.tree.dir, test.pid, got, test.want)
		}
	}
}
