package proc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kinds are the ways to keep trees together: by descent, and by control groups where they are
// to be had.
func kinds(t *testing.T) map[string]func() *Trees {
	t.Helper()
	all := map[string]func() *Trees{"by descent": func() *Trees { return New(discard()) }}
	if grouped := NewGrouped(t.Context(), discard()); grouped.system.groups != nil {
		all["by group"] = func() *Trees { return grouped }
	} else {
		t.Log("no control group is writable here: only descent is tested")
	}
	return all
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// start runs a shell script in a new tree. The tree is killed and closed with the test.
func start(t *testing.T, trees *Trees, script string, env ...string) (*Tree, *Process, *os.File) {
	t.Helper()
	dir := t.TempDir()
	mark := "MARK=" + dir
	tree, err := trees.Open(Options{Dir: dir, Mark: mark})
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	env = append(env, mark, "PATH="+os.Getenv("PATH"))
	p, err := tree.Start(Command{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Dir: dir, Env: env, Output: w})
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	t.Cleanup(func() {
		if err := errors.Join(tree.Kill(context.Background(), 0), tree.Close(), r.Close()); err != nil {
			t.Error(err)
		}
	})
	return tree, p, r
}

func wait(t *testing.T, p *Process) *os.ProcessState {
	t.Helper()
	state, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// alive tells whether a process runs (a zombie does not).
func alive(pid int) bool {
	p, ok := inspect(pid)
	return ok && !p.dead
}

// pids waits for a file with as many process ids and returns them.
func pids(t *testing.T, path string, n int) []int {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		data, _ := os.ReadFile(path)
		fields := strings.Fields(string(data))
		if len(fields) == n {
			var list []int
			for _, f := range fields {
				pid, err := strconv.Atoi(f)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, pid)
			}
			return list
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %q, want %d process ids", path, data, n)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestOutputAndExitStatus(t *testing.T) {
	_, p, r := start(t, New(discard()), "echo out; echo err >&2; exit 3")
	if code := wait(t, p).ExitCode(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	if data, err := io.ReadAll(r); err != nil || string(data) != "out\nerr\n" {
		t.Errorf("output %q, %v", data, err)
	}
}

func TestOnlyStandardDescriptorsAreInherited(t *testing.T) {
	var inherited [2]int // as from a careless parent of this process: not close-on-exec
	if err := unix.Pipe(inherited[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(inherited[0])
	defer unix.Close(inherited[1])
	for kind, trees := range kinds(t) {
		_, p, r := start(t, trees(), "readlink /proc/$$/fd/0; ls /proc/$$/fd; true")
		wait(t, p)
		data, _ := io.ReadAll(r)
		if string(data) != "/dev/null\n0\n1\n2\n" {
			t.Errorf("%s: descriptors of a task: %q; want /dev/null and 0 to 2 only", kind, data)
		}
	}
}

func TestKillReachesEveryDescendant(t *testing.T) {
	for name, script := range map[string]string{
		"background":     `sleep 1000 & echo $! > pids; wait`,
		"session":        `setsid sh -c 'echo $$ > pids; exec sleep 1000'; wait`,
		"double fork":    `(sh -c 'echo $$ > pids; exec sleep 1000' & ) ; sleep 1000`,
		"both, no trace": `(env -i /usr/bin/setsid /bin/sh -c 'cd /; echo $$ > '$PWD'/pids; exec sleep 1000 >/dev/null 2>&1' &); sleep 1000`,
		"ignores TERM":   `trap "" TERM; echo $$ > pids; while :; do sleep 1000; done`,
		"first thread":   `python3 -c 'import ctypes,os,threading,time; threading.Thread(target=time.sleep,args=(1000,)).start(); open("p","w").write(str(os.getpid())); os.rename("p","pids"); ctypes.CDLL(None).pthread_exit(None)' & sleep 1000`,
		"stopped":        `sh -c 'echo $$ > pids; kill -STOP $$'; sleep 1000`,
	} {
		for kind, trees := range kinds(t) {
			t.Run(kind+"/"+name, func(t *testing.T) {
				if _, err := exec.LookPath("python3"); err != nil && strings.HasPrefix(script, "python3") {
					t.Skip("needs python3 for a process whose first thread has ended")
				}
				killReaches(t, trees(), script)
			})
		}
	}
}

// killReaches kills a tree with a process that wrote its id.
func killReaches(t *testing.T, trees *Trees, script string) {
	t.Helper()
	tree, p, _ := start(t, trees, script)
	list := pids(t, filepath.Join(tree.dir, "pids"), 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait(t, p)
	}()
	if err := tree.Kill(t.Context(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	<-done
	if alive(list[0]) {
		t.Errorf("process %d survived", list[0])
	}
	if _, err := tree.Start(Command{Path: "/bin/true", Args: []string{"true"}}); !errors.Is(err, ErrClosed) {
		t.Errorf("a killed tree took another command: %v", err)
	}
}

// What a command leaves running stays until the tree is killed, although its parent is gone.
func TestKillReachesWhatACommandLeft(t *testing.T) {
	for kind, trees := range kinds(t) {
		t.Run(kind, func(t *testing.T) { killReachesWhatACommandLeft(t, trees()) })
	}
}

func killReachesWhatACommandLeft(t *testing.T, trees *Trees) {
	t.Helper()
	tree, p, _ := start(t, trees, `setsid sh -c 'echo $$ >> pids; exec sleep 1000' & sleep 1000 & echo $! >> pids`)
	wait(t, p)
	list := pids(t, filepath.Join(tree.dir, "pids"), 2)
	for _, pid := range list {
		if !alive(pid) {
			t.Errorf("process %d ended with its command", pid)
		}
	}
	if err := tree.Kill(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for _, pid := range list {
		if alive(pid) {
			t.Errorf("process %d survived", pid)
		}
		if _, ok := inspect(pid); ok {
			t.Errorf("process %d was not reaped", pid)
		}
	}
}

func TestTreesDoNotReachEachOther(t *testing.T) {
	for kind, trees := range kinds(t) {
		t.Run(kind, func(t *testing.T) { treesDoNotReachEachOther(t, trees()) })
	}
}

func treesDoNotReachEachOther(t *testing.T, trees *Trees) {
	t.Helper()
	const script = `(setsid sh -c 'echo $$ > pids; exec sleep 1000' &) ; sleep 0.01`
	a, p, _ := start(t, trees, script)
	b, q, _ := start(t, trees, script)
	wait(t, p)
	wait(t, q)
	inA, inB := pids(t, filepath.Join(a.dir, "pids"), 1)[0], pids(t, filepath.Join(b.dir, "pids"), 1)[0]
	if err := a.Kill(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if alive(inA) || !alive(inB) {
		t.Errorf("after a kill of the first tree: first %v, second %v; want only the second alive", alive(inA), alive(inB))
	}
}

func TestKillGivesTimeToObey(t *testing.T) {
	for kind, trees := range kinds(t) {
		t.Run(kind, func(t *testing.T) { killGivesTimeToObey(t, trees()) })
	}
}

func killGivesTimeToObey(t *testing.T, trees *Trees) {
	t.Helper()
	tree, p, r := start(t, trees, `trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done`)
	if n, err := r.Read(make([]byte, 6)); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	state := make(chan *os.ProcessState, 1)
	go func() {
		s, _ := p.Wait()
		state <- s
	}()
	if err := tree.Kill(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if code := (<-state).ExitCode(); code != 7 {
		t.Errorf("exit code %d, want 7", code)
	}
	if data, _ := io.ReadAll(r); !strings.HasSuffix(string(data), "bye\n") {
		t.Errorf("last words %q", data)
	}
}

func TestOwnSessionIsLeftAlone(t *testing.T) {
	cmd, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, &os.ProcAttr{}) // in our session, as any helper
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Kill()
	tree, p, _ := start(t, New(discard()), "true")
	wait(t, p)
	if err := tree.Kill(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if !alive(cmd.Pid) {
		t.Error("a process of the worker's own died with a task")
	}
}

// The processes of all trees are children of this one: whoever looks after one tree must not
// take the exit status of another tree's command away.
func TestExitStatusIsNotStolen(t *testing.T) {
	for kind, trees := range kinds(t) {
		t.Run(kind, func(t *testing.T) { exitStatusIsNotStolen(t, trees()) })
	}
}

func exitStatusIsNotStolen(t *testing.T, trees *Trees) {
	t.Helper()
	busy, p, _ := start(t, trees, "sleep 1000")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				busy.members()
			}
		}
	}()
	for i := range 50 {
		_, quick, _ := start(t, trees, "exit "+strconv.Itoa(i+1))
		if code := wait(t, quick).ExitCode(); code != i+1 {
			t.Errorf("exit code %d, want %d", code, i+1)
		}
	}
	close(stop)
	<-stopped
	if err := busy.Kill(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	wait(t, p)
}

func TestOrphansAreReapedWhileTheTreeLives(t *testing.T) {
	tree, p, _ := start(t, New(discard()), `(sh -c 'echo $$ > pids' &); sleep 1000`)
	orphan := pids(t, filepath.Join(tree.dir, "pids"), 1)[0]
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		tree.members()
		if _, there := inspect(orphan); !there {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d has ended and is a zombie still", orphan)
		}
	}
	if !alive(p.cmd.Process.Pid) {
		t.Error("the command ended with what it left")
	}
	go p.Wait() // the tree is killed with the test
}

func TestCloseTwice(t *testing.T) {
	for kind, trees := range kinds(t) {
		t.Run(kind, func(t *testing.T) { closeTwice(t, trees()) })
	}
}

func closeTwice(t *testing.T, trees *Trees) {
	t.Helper()
	tree, p, _ := start(t, trees, "true")
	wait(t, p)
	if err := errors.Join(tree.Kill(t.Context(), 0), tree.Close(), tree.Close()); err != nil {
		t.Error(err)
	}
	if _, err := tree.Start(Command{Path: "/bin/true", Args: []string{"true"}}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed tree took another command: %v", err)
	}
}

func TestKillEndsWithItsContext(t *testing.T) {
	tree, p, _ := start(t, New(discard()), `trap "" TERM; echo $$ > pids; while :; do sleep 1000; done`)
	pids(t, filepath.Join(tree.dir, "pids"), 1)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("no more time")
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	if err := tree.Kill(ctx, time.Minute); err != nil && !errors.Is(err, cause) {
		t.Errorf("Kill returned %v, not what ended its context", err)
	}
	if state := wait(t, p); state.Success() {
		t.Errorf("the command ended well: %v", state)
	}
}
