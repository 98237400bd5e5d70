package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for name, target := range map[string]string{
		"link": "file", "loop": "loop", "broken": "nowhere", "magic": fmt.Sprintf("/proc/self/fd/%d", held.Fd()),
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	old := func(path string) (*os.File, error) { return openOld(path, unix.O_RDONLY|unix.O_CLOEXEC) }
	for name, c := range map[string]struct {
		open func(string) (*os.File, error)
		want map[string]error
	}{
		"openat2": {openAny, map[string]error{"file": nil, "link": nil, "broken": fs.ErrNotExist, "loop": fs.ErrPermission, "magic": fs.ErrPermission}},
		"before":  {old, map[string]error{"file": nil, "link": nil, "broken": fs.ErrNotExist}},
	} {
		for path, want := range c.want {
			file, err := c.open(filepath.Join(dir, path))
			if err == nil {
				_ = file.Close()
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: %s: %v, want %v", name, path, err, want)
			}
		}
	}
}

// By the text of a link in /proc every directory on the way has to be entered, as it would be without it.
func TestOldOpenEntersDirectories(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := os.Rename(path, filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("another one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	file, err := openOld(fmt.Sprintf("/proc/self/fd/%d", held.Fd()), unix.O_RDONLY|unix.O_CLOEXEC)
	if err == nil {
		_ = file.Close()
		t.Error("a file was opened of which there is only a descriptor")
	}
}

// A directory that has become a link since the path was looked at leads nowhere.
func TestOldOpenStays(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ours", "others"} {
		if err := errors.Join(os.Mkdir(filepath.Join(dir, name), 0o700), os.WriteFile(filepath.Join(dir, name, "file"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "ours", "file")
	file, err := openThere(path, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	if err := errors.Join(os.Rename(filepath.Join(dir, "ours"), filepath.Join(dir, "aside")), os.Symlink("others", filepath.Join(dir, "ours"))); err != nil {
		t.Fatal(err)
	}
	if file, err := openThere(path, unix.O_RDONLY|unix.O_CLOEXEC); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("opened: %v", err)
		_ = file.Close()
	}
}

// What /proc says of a process is not the task's; what it says of the machine everybody may read.
func TestProcesses(t *testing.T) {
	old := func(path string) (*os.File, error) { return openOld(path, unix.O_RDONLY|unix.O_CLOEXEC) }
	for name, open := range map[string]func(string) (*os.File, error){"openat2": openAny, "before": old} {
		for path, want := range map[string]error{
			"/proc/self/maps": fs.ErrPermission, "/proc/thread-self/status": fs.ErrPermission, "/proc/1/cmdline": fs.ErrPermission,
			fmt.Sprintf("/proc/%d/task/%[1]d/stat", os.Getpid()): fs.ErrPermission,
			"/proc/version": nil, "/proc/sys/kernel/ostype": nil,
		} {
			file, err := open(path)
			if err == nil {
				_ = file.Close()
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: %s: %v, want %v", name, path, err, want)
			}
		}
	}
}
