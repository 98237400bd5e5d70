package bind

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/accounts/accountstest"
	"github.com/workerkit/workerkit/internal/rmtree"
)

// source is a folder with a file, of a user that there is not, and place an open directory with a folder to
// mount on. They are on the file system of the machine's tests.
func source(t *testing.T, uid int) (dir string, place *os.File) {
	t.Helper()
	dir = t.TempDir()
	file := filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(file, []byte("kept"), 0o600), os.Chown(file, uid, uid), os.Chown(dir, uid, uid)); err != nil {
		t.Fatal(err)
	}
	at := t.TempDir()
	if err := os.Mkdir(filepath.Join(at, "m"), 0o700); err != nil {
		t.Fatal(err)
	}
	place, err := os.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = place.Close()
		if err := Clear(at); err != nil {
			t.Error(err)
		}
	})
	return dir, place
}

func uid(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

func TestShownAsAnothers(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	dir, at := source(t, 4001)
	m, err := New(t.Context(), dir, at, "m", Options{User: Pair{4001, 4002}, Group: Pair{4001, 4002}})
	if err != nil {
		t.Fatal(err)
	}
	there := filepath.Join(at.Name(), "m")
	if got := uid(t, filepath.Join(there, "file")); got != 4002 {
		t.Errorf("the file is seen as user %d's", got)
	}
	fresh := filepath.Join(there, "new")
	if err := errors.Join(os.WriteFile(fresh, nil, 0o600), os.Lchown(fresh, 4002, 4002)); err != nil {
		t.Error(err)
	}
	if got := uid(t, filepath.Join(dir, "new")); got != 4001 {
		t.Errorf("what was given to the task's user is user %d's on disk", got)
	}
	for seen, stored := range map[int]uint32{4003: 4003, 4001: 4002, 0: 0} {
		if err := os.Lchown(fresh, seen, seen); err != nil {
			t.Error(err)
		}
		if got := uid(t, filepath.Join(dir, "new")); got != stored || uid(t, fresh) != uint32(seen) {
			t.Errorf("what was given to user %d is user %d's on disk and seen as user %d's", seen, got, uid(t, fresh))
		}
	}
	if busy, err := m.Unmount(); busy || err != nil {
		t.Errorf("busy %v, %v", busy, err)
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("still mounted")
	}
	if busy, err := m.Unmount(); busy || err != nil {
		t.Errorf("again: busy %v, %v", busy, err)
	}
}

func TestRestrictions(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	dir, at := source(t, 0)
	if _, err := New(t.Context(), dir, at, "m", Options{ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at.Name(), "m", "new"), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing: %v", err)
	}
	table, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, at.Name()+"/m ") && (!strings.Contains(line, "ro,nosuid,nodev") || strings.Contains(line, "shared:")) {
			t.Errorf("mounted as %s", line)
		}
	}
}

// The mount is found wherever the directory it is in has been moved, and not what is there in its stead.
func TestMovedAndInUse(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	dir, at := source(t, 0)
	m, err := New(t.Context(), dir, at, "m", Options{})
	if err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(filepath.Join(at.Name(), "m", "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	moved := at.Name() + ".moved"
	if err := errors.Join(os.Rename(at.Name(), moved), os.MkdirAll(filepath.Join(at.Name(), "m"), 0o700)); err != nil {
		t.Fatal(err)
	}
	busy, err := m.Unmount()
	if !busy || err != nil {
		t.Errorf("busy %v, %v", busy, err)
	}
	if entries, err := os.ReadDir(filepath.Join(moved, "m")); len(entries) > 0 || err != nil {
		t.Errorf("still mounted: %v, %v", entries, err)
	}
}

// What a worker that was killed left mounted in a task's directory is not removed with that.
func TestRemovalDoesNotReachThroughAMount(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	dir, at := source(t, 4001)
	if _, err := New(t.Context(), dir, at, "m", Options{User: Pair{4001, 4002}, Group: Pair{4001, 4002}}); err != nil {
		t.Fatal(err)
	}
	if err := rmtree.Remove(at.Name()); !errors.Is(err, rmtree.ErrMount) {
		t.Errorf("removed: %v", err)
	}
	kept := func() {
		t.Helper()
		if text, err := os.ReadFile(filepath.Join(dir, "file")); string(text) != "kept" || err != nil {
			t.Fatalf("the file: %q, %v", text, err)
		}
	}
	kept()
	link := at.Name() + ".link"
	if err := os.Symlink(at.Name(), link); err != nil {
		t.Fatal(err)
	}
	if err := Clear(link); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(at.Name(), "m", "file")); err != nil {
		t.Errorf("a link in place of the folder was followed: %v", err)
	}
	if err := errors.Join(Clear(at.Name()), rmtree.Remove(at.Name())); err != nil {
		t.Error(err)
	}
	kept()
}

func TestRefused(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	dir, at := source(t, 0)
	map1 := Options{User: Pair{1, 2}, Group: Pair{1, 2}}
	if _, err := New(t.Context(), "/proc", at, "m", map1); !errors.Is(err, ErrNoMap) {
		t.Errorf("a file system without it: %v", err)
	}
	if _, err := New(t.Context(), dir, at, "nothing", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing to mount on: %v", err)
	}
	if err := os.Symlink("m", filepath.Join(at.Name(), "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), dir, at, "link", Options{}); err == nil {
		t.Error("mounted on what a link leads to")
	}
	ended, cancel := context.WithCancelCause(t.Context())
	told := errors.New("told to end")
	cancel(told)
	if _, err := New(ended, dir, at, "m", map1); !errors.Is(err, told) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if all, err := mounted(); err != nil || len(all) == 0 {
		t.Errorf("%v, %v", all, err)
	}
	if entries, err := os.ReadDir(filepath.Join(at.Name(), "m")); len(entries) > 0 || err != nil {
		t.Errorf("something is mounted after all: %v, %v", entries, err)
	}
}

// What shows a folder is found wherever it is, and nothing else is taken away.
func TestHide(t *testing.T) {
	if !accountstest.Inside(t) {
		return
	}
	dir, at := source(t, 0)
	other, there := source(t, 0)
	place := func(at *os.File, name, from string) string {
		t.Helper()
		path := filepath.Join(at.Name(), name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := New(t.Context(), from, at, name, Options{}); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(path, "file")
	}
	gone := []string{place(at, "m", dir), place(there, "second", dir)}
	kept := []string{place(there, "m", other), filepath.Join(dir, "file"), filepath.Join(other, "file")}
	if err := Hide(dir); err != nil {
		t.Error(err)
	}
	for _, path := range gone {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is mounted still", path)
		}
	}
	for _, path := range kept {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if err := Hide(filepath.Join(dir, "nothing")); err != nil {
		t.Errorf("a folder that there is not: %v", err)
	}
}

func TestOrigin(t *testing.T) {
	all := []entry{{1, "8:1", "/", "/"}, {2, "8:2", "/", "/srv"}, {3, "8:1", "/a", "/srv/b"}, {4, "8:3", "/sub", "/srv/b"}}
	for path, want := range map[string]string{"/": "8:1 /", "/x": "8:1 /x", "/srv": "8:2 /", "/srvx": "8:1 /srvx", "/srv/x": "8:2 /x", "/srv/b/c": "8:3 /sub/c"} {
		if device, root := origin(all, path); device+" "+root != want {
			t.Errorf("%s is at %s %s, want %s", path, device, root, want)
		}
	}
}

// Two change places, and everybody else is still somebody.
func TestMapping(t *testing.T) {
	for _, p := range []Pair{{0, 0}, {0, 1}, {1, 0}, {0, 5}, {4001, 4002}, {4002, 4000}, {1<<32 - 2, 7}} {
		seen := func(id int) int {
			for _, m := range mapping(p) {
				if id >= m.ContainerID && id < m.ContainerID+m.Size {
					return m.HostID + id - m.ContainerID
				}
			}
			return -1
		}
		for _, id := range []int{0, 1, 2, 5, 4000, 4001, 4002, 4003, 1<<32 - 2} {
			want := id
			switch uint32(id) {
			case p.Stored:
				want = int(p.Seen)
			case p.Seen:
				want = int(p.Stored)
			}
			if got := seen(id); got != want {
				t.Errorf("%v: %d is seen as %d, want %d", p, id, got, want)
			}
		}
		if seen(1<<32-1) != -1 {
			t.Errorf("%v: what is no id is one", p)
		}
	}
}

func TestParse(t *testing.T) {
	got := parse("36 35 98:0 /a /mnt/a\\040b rw - ext4 /dev/x rw\nno line\n37 35 98:1 / /c rw shared:2 - tmpfs t rw\n")
	if len(got) != 2 || got[0] != (entry{36, "98:0", "/a", "/mnt/a b"}) || got[1] != (entry{37, "98:1", "/", "/c"}) {
		t.Errorf("%+v", got)
	}
}

// BenchmarkMount is a mount with its end, whatever is below.
func BenchmarkMount(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("only root can mount")
	}
	dir, at := b.TempDir(), b.TempDir()
	if err := os.Mkdir(filepath.Join(at, "m"), 0o700); err != nil {
		b.Fatal(err)
	}
	place, err := os.Open(at)
	if err != nil {
		b.Fatal(err)
	}
	defer place.Close()
	var most time.Duration
	for b.Loop() {
		begin := time.Now()
		m, err := New(b.Context(), dir, place, "m", Options{User: Pair{0, 4002}, Group: Pair{0, 4002}})
		if err == nil {
			_, err = m.Unmount()
		}
		if err != nil {
			b.Fatal(err)
		}
		most = max(most, time.Since(begin))
	}
	b.ReportMetric(float64(most.Microseconds()), "µs-at-most")
}
