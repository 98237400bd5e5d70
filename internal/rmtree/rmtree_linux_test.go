package rmtree_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/internal/rmtree"
)

const flag = "rmtree-as-nobody"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == flag {
		if err := rmtree.Remove(os.Args[2]); err != nil {
			_, _ = os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// dig makes a directory below another, so many levels deep, as if somebody had: with a file at the bottom.
func dig(t *testing.T, dir string, levels int) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range levels {
		if err := unix.Mkdirat(fd, "a", 0o700); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, "a", unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Close(fd)
		fd = next
	}
	_ = unix.Close(fd)
}

// A tree can be deeper than a process may have files open, and than a path may be long.
func TestDepth(t *testing.T) {
	dir := t.TempDir()
	dig(t, dir, 3000)
	write(t, filepath.Join(dir, "a", ".left1", "a directory with the name of a piece"))
	write(t, filepath.Join(dir, "a", ".left2"))
	gone(t, filepath.Join(dir, "a"))
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A tree in a folder that others use as well is removed without a trace there, whatever its depth
// and whatever names others have taken.
func TestNothingBesideTheTreeIsTouched(t *testing.T) {
	dir := t.TempDir()
	dig(t, dir, 300)
	const others = 6
	for i := range others {
		write(t, filepath.Join(dir, fmt.Sprintf("a.left%d", i), "file"))
	}
	gone(t, filepath.Join(dir, "a"))
	for i := range others {
		if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("a.left%d", i), "file")); err != nil {
			t.Errorf("somebody else's: %v", err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != others {
		t.Errorf("left: %v, %v", left, err)
	}
}

// As another user than root rights matter.
func TestRightsAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("TestRightsThatWereTaken does it: this user is not root")
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("", "rmtree")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "program")
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "task", "closed", "deeper", "file"))
	write(t, filepath.Join(dir, "task", "readonly", "file"))
	bottom := filepath.Join(dir, "task", strings.Repeat("d/", 150))
	write(t, filepath.Join(bottom, "file"))
	for path := bottom; path != filepath.Join(dir, "task"); path = filepath.Dir(path) {
		if err := errors.Join(os.Chown(path, nobody, nobody), os.Chmod(path, 0o500)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"", "task/closed/deeper/file", "task/closed/deeper", "task/closed", "task/readonly/file", "task/readonly", "task"} {
		path = filepath.Join(dir, path)
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]os.FileMode{"task/closed/deeper": 0, "task/closed": 0, "task/readonly": 0o500} {
		if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, flag, filepath.Join(dir, "task"))
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Lstat(filepath.Join(dir, "task")); err == nil {
		t.Error("it is left")
	}
}

// What is mounted below a directory is not the task's. The mount is in a namespace of its own.
func TestMountsAreLeft(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "cache", "file"))
	write(t, filepath.Join(dir, "task", "mount", "hidden"))
	cmd := exec.Command("/bin/sh", "-c", `mount --bind cache task/mount && exec /proc/self/fd/3 `+flag+` "$PWD/task"`)
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	cmd.Dir, cmd.ExtraFiles = dir, []*os.File{self}
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("it was removed: %s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "cache", "file")); err != nil {
		t.Errorf("what was mounted: %v (%s)", err, out)
	}
}
