package multiuser

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/worker/engines"
)

const secretText = "of the worker"

// worker lays out what is the worker's: files that nobody else may read, and one that everybody
// could, in a folder that nobody else may enter.
func worker(t *testing.T) (closed string, open *os.File) {
	t.Helper()
	closed = "/home/worker/closed"
	if err := os.MkdirAll(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod("/home/worker", 0o755); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]fs.FileMode{"/home/worker/config": 0o600, closed + "/journal": 0o600, closed + "/readable": 0o644} {
		if err := os.WriteFile(path, []byte(secretText), mode); err != nil {
			t.Fatal(err)
		}
	}
	open, err := os.Open(closed + "/readable") // as the worker has files open, another task's among them
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = open.Close() })
	return closed, open
}

// What a task sees of the worker as its own account.
func TestTaskSeesNothingOfTheWorker(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	worker(t)
	t.Setenv("TASKCLUSTER_ACCESS_TOKEN", secretText)
	t.Setenv("SOME_VARIABLE", secretText)
	e := open(t, config("/home", 2))
	other := script(t, e, "other_0", "echo '"+secretText+"' > file; chmod 644 file")
	got := script(t, e, "a_0", fmt.Sprintf(`
		echo env: $(env -u PWD -u OLDPWD -u SHLVL -u _ | cut -d= -f1 | sort)
		echo caps: $(grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | cut -f2 | tr -d 0)
		echo groups: $(grep ^Groups /proc/self/status | cut -f2 | wc -w)
		echo oom: $(cat /proc/self/oom_score_adj)
		echo tty: $(ps -o tty= $$) session: $(($(ps -o sid= $$) == $$))
		cat /home/worker/config /home/worker/closed/* /proc/%d/environ /proc/%[1]d/cwd/* /home/task_other_0/file
		ls /home/task_other_0 /proc/%[1]d/fd
		echo > /home/worker/new; kill -0 %[1]d; cd "$HOME" && touch mine && echo done`, os.Getpid())).output(t)
	for _, want := range []string{
		"env: HOME PATH TASK_WORKDIR USER\n", "caps:\n", "groups: 0\n", "oom: 0\n", "tty: ? session: 1\n", "\ndone\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the task's output lacks %q", want)
		}
	}
	if strings.Contains(got, secretText) || strings.Contains(got, "file\n") {
		t.Error("the task has read what is not its own")
	}
	if t.Failed() {
		t.Log(got)
	}
	other.output(t)
}

// What a task names as its artifact is opened with no more rights than its own.
func TestArtifactsAreTheTasksOwn(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	closed, held := worker(t)
	e := open(t, config("/home", 2))
	run := script(t, e, "a_0", fmt.Sprintf(`
		ln -s /home/worker/config link; ln -s %[1]s dir; ln -s %[1]s/readable deep; ln -s /proc/self/fd/%[2]d held
		ln -s /proc/%[3]d/fd/%[2]d worker; ln -s /proc/self/cwd cwd; ln -s /proc/self/root/%[1]s/readable root
		ln -s /dev/zero zero; mkfifo pipe; ln -s link2 link2; ln /home/worker/config hard 2> /dev/null
		ln -s /etc/passwd passwd; echo mine > mine; chmod 0 mine; mkdir none; echo x > none/x; chmod 0 none
		truncate -s 1T sparse; echo fine > fine; ln -s fine good`, closed, held.Fd(), os.Getpid()))
	defer run.output(t)
	if err := os.Link("/home/worker/config", run.Dir+"/hard"); err != nil { // as where the system does not prevent it
		t.Fatal(err)
	}
	if err := os.Mkdir(run.Dir+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		"link": fs.ErrPermission, "dir/readable": fs.ErrPermission, "deep": fs.ErrPermission, "held": fs.ErrPermission,
		"worker": fs.ErrPermission, "cwd/multiuser.go": fs.ErrPermission, "root": fs.ErrPermission, "hard": fs.ErrPermission, "mine": fs.ErrPermission,
		"none/x": fs.ErrPermission, "/home/worker/config": fs.ErrPermission, fmt.Sprintf("/proc/self/fd/%d", held.Fd()): fs.ErrPermission,
		"zero": engines.ErrWrongKind, "pipe": engines.ErrWrongKind, "/dev/null": engines.ErrWrongKind, "dir": engines.ErrWrongKind,
		"/proc/self/maps": fs.ErrPermission, "/proc/1/maps": fs.ErrPermission, "/proc/self/environ": fs.ErrPermission, "/proc/version": nil,
		"good": nil, "passwd": nil, "sparse": nil,
	} {
		file, err := run.result.OpenFile(t.Context(), path)
		if err == nil {
			_ = file.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	for path, want := range map[string]error{"dir": fs.ErrPermission, "none": fs.ErrPermission, closed: fs.ErrPermission, "sub": nil} {
		err := run.result.WalkDir(t.Context(), path, func(rel string, _ func() (engines.File, error)) error {
			t.Errorf("%s: found %s", path, rel)
			return nil
		})
		if !errors.Is(err, want) {
			t.Errorf("walk %s: %v, want %v", path, err, want)
		}
	}
}

// A directory that becomes a link between two looks does not lead out of the task's rights.
func TestDirectoriesThatBecomeLinks(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	closed, held := worker(t)
	e := open(t, config("/home", 1))
	run := script(t, e, "a_0", "mkdir -p out/sub; echo fine > out/sub/readable")
	defer run.output(t)
	sub, aside := filepath.Join(run.Dir, "out/sub"), filepath.Join(run.Dir, "aside")
	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			target := []string{closed, fmt.Sprintf("/proc/self/fd/%d/..", held.Fd()), fmt.Sprintf("/proc/%d/cwd", os.Getpid())}[i%3]
			if err := errors.Join(os.Rename(sub, aside), os.Symlink(target, sub), os.Remove(sub), os.Rename(aside, sub)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	read := 0
	for range 2000 {
		_ = run.result.WalkDir(t.Context(), "out", func(_ string, open func() (engines.File, error)) error {
			file, err := open()
			if err != nil {
				return nil
			}
			defer file.Close()
			text, _ := io.ReadAll(file)
			if read++; strings.Contains(string(text), secretText) {
				t.Error("the worker's file was read")
			}
			return nil
		})
		if file, err := run.result.OpenFile(t.Context(), "out/sub/readable"); err == nil {
			if text, _ := io.ReadAll(file); strings.Contains(string(text), secretText) {
				t.Error("the worker's file was read")
			}
			_ = file.Close()
		}
	}
	close(stop)
	swapping.Wait()
	if read == 0 {
		t.Error("nothing was ever read")
	}
}
