package asuser_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/asuser"
)

const nobody = 65534

// place makes a folder that everybody can enter, as a test's own is not.
func place(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can take on another user's rights")
	}
	dir, err := os.MkdirTemp("", "asuser")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRights(t *testing.T) {
	dir := place(t)
	const group = 4242
	for name, c := range map[string]struct {
		uid, gid int
		mode     fs.FileMode
		want     error
	}{
		"roots":       {0, 0, 0o600, fs.ErrPermission},
		"everybodys":  {0, 0, 0o604, nil},
		"of its own":  {nobody, 0, 0o400, nil},
		"of a group":  {0, group, 0o640, nil},
		"roots group": {0, 0, 0o640, fs.ErrPermission},
		"own, closed": {nobody, nobody, 0, fs.ErrPermission},
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, c.uid, c.gid), os.Chmod(path, c.mode)); err != nil {
			t.Fatal(err)
		}
		err := asuser.Do(asuser.User{UID: nobody, GID: nobody, Groups: []uint32{group}}, func() error {
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			return file.Close()
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if _, err := os.ReadFile(path); err != nil {
			t.Errorf("%s: this process lost its rights: %v", name, err)
		}
	}
}

// Calls at the same time do not get each other's rights, and no thread keeps them.
func TestThreads(t *testing.T) {
	dir := place(t)
	var wg sync.WaitGroup
	for i := range 50 {
		uid := uint32(5000 + i%5)
		wg.Go(func() {
			err := asuser.Do(asuser.User{UID: uid, GID: uid}, func() error {
				if status, _ := os.ReadFile("/proc/thread-self/status"); strings.Count(string(status), "\nCapEff:\t0000000000000000\n") != 1 {
					t.Errorf("capabilities are left:\n%s", status)
				}
				err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o600)
				if !errors.Is(err, fs.ErrPermission) {
					t.Errorf("user %d wrote into root's folder: %v", uid, err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := os.WriteFile(filepath.Join(dir, "roots"), nil, 0o600); err != nil {
				t.Errorf("this process cannot do what it may: %v", err)
			}
		})
	}
	wg.Wait()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // threads take a moment to end
		left := others(t)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("threads are left with the rights of others: %q", left)
		}
	}
}

// others lists the users of threads that are not root's.
func others(t *testing.T) (left []string) {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		status, _ := os.ReadFile("/proc/self/task/" + thread.Name() + "/status")
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "Uid:") && line != "Uid:\t0\t0\t0\t0\n" {
				left = append(left, line)
			}
		}
	}
	return left
}

// What only a capability opens stays closed, though everybody may read the file by its permissions.
func TestOtherProcesses(t *testing.T) {
	place(t)
	cmd := exec.CommandContext(t.Context(), "sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // it is killed
	defer cmd.Process.Kill()
	path := fmt.Sprintf("/proc/%d/maps", cmd.Process.Pid)
	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	err := asuser.Do(asuser.User{UID: nobody, GID: nobody}, func() error {
		_, err := os.ReadFile(path)
		return err
	})
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the memory of root's process as nobody: %v, want %v", err, fs.ErrPermission)
	}
}

func TestErrorsAndPanics(t *testing.T) {
	place(t)
	told := errors.New("told to")
	user := asuser.User{UID: nobody, GID: nobody}
	if err := asuser.Do(user, func() error { return told }); !errors.Is(err, told) {
		t.Errorf("%v, want the function's", err)
	}
	if err := asuser.Do(user, func() error { panic("told to") }); err == nil || !strings.Contains(err.Error(), "told to") {
		t.Errorf("%v, want what the function panicked with", err)
	}
}
