//go:build unix

package mounts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// tree is a folder with directories, links and a file to walk to.
func tree(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a/b/file", "file")
	for name, target := range map[string]string{
		"rel": "a/b", "abs": dir + "/a", "up": "a/b/../../a", "twice": "abs/b", "loop": "loop", "broken": "nowhere/at/all", "tofile": "file", "a/out": "../rel",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestWalk: both ways lead to the same directories, and to no other; what is missing is made.
func TestWalk(t *testing.T) {
	for name, enter := range map[string]func(string) (*os.File, []string, error){"one by one": walk, "the system's": enterPath} {
		for path, c := range map[string]struct {
			real string
			made []string
			want error
		}{
			"":                       {real: "."},
			"a/b":                    {real: "a/b"},
			"rel":                    {real: "a/b"},
			"abs/b":                  {real: "a/b"},
			"up/b":                   {real: "a/b"},
			"twice":                  {real: "a/b"},
			"a/out":                  {real: "a/b"},
			"new":                    {real: "new", made: []string{"new"}},
			"a/x/y":                  {real: "a/x/y", made: []string{"a/x", "a/x/y"}},
			"loop":                   {want: unix.ELOOP},
			"loop/x":                 {want: unix.ELOOP},
			"file":                   {want: unix.ENOTDIR},
			"file/x":                 {want: unix.ENOTDIR},
			"tofile/x":               {want: unix.ENOTDIR},
			strings.Repeat("n", 300): {want: unix.ENAMETOOLONG},
		} {
			dir := tree(t)
			got, made, err := enter(filepath.Join(dir, path))
			for i := range made {
				made[i], _ = filepath.Rel(dir, made[i])
			}
			if !errors.Is(err, c.want) || !slices.Equal(made, c.made) {
				t.Errorf("%s: %s: made %q, %v; want %q, %v", name, path, made, err, c.made, c.want)
			}
			if err != nil {
				continue
			}
			is, err := got.Stat()
			want, wrong := os.Stat(filepath.Join(dir, c.real))
			if err = errors.Join(err, wrong, got.Close()); err != nil || !os.SameFile(is, want) {
				t.Errorf("%s: %s: is another directory than %s, %v", name, path, c.real, err)
			}
		}
	}
}

// Nothing is made where a link leads that leads nowhere.
func TestWalkBrokenLink(t *testing.T) {
	for name, enter := range map[string]func(string) (*os.File, []string, error){"one by one": walk, "the system's": enterPath} {
		dir := tree(t)
		if _, made, err := enter(dir + "/broken/x"); err == nil || len(made) > 0 {
			t.Errorf("%s: made %q, %v", name, made, err)
		}
		if _, err := os.Lstat(dir + "/nowhere"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was made: %v", name, err)
		}
	}
}

// What a process has open is reached by no path.
func TestWalkOpenDirectories(t *testing.T) {
	held, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	link := filepath.Join(t.TempDir(), "link")
	of := "/dev/fd/"
	if runtime.GOOS == "linux" {
		of = "/proc/self/fd/"
	}
	if err := os.Symlink(of+strconv.Itoa(int(held.Fd())), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{of + strconv.Itoa(int(held.Fd())), link, link + "/x"} {
		if dir, _, err := walk(path); err == nil {
			t.Errorf("%s led to %s", path, dir.Name())
		}
	}
}

// TestWalkRace: while somebody exchanges a directory for a link to another one, a walk ends in one of both, and never makes
// anything where the link does not lead.
func TestWalkRace(t *testing.T) {
	dir, elsewhere := tree(t), t.TempDir()
	write(t, dir, "inner/file")
	stop := make(chan struct{})
	var owner sync.WaitGroup
	owner.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = errors.Join(os.Rename(dir+"/inner", dir+"/kept"), os.Symlink(elsewhere, dir+"/inner"), os.Remove(dir+"/inner"), os.Rename(dir+"/kept", dir+"/inner"))
		}
	})
	inner, err := os.Stat(dir + "/a") // something that it must never be
	if err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		found, _, err := walk(dir + "/inner")
		if err != nil {
			continue // it was away
		}
		w := Way{Dir: found, Path: found.Name()}
		is, err := found.Stat()
		if err != nil || os.SameFile(is, inner) {
			t.Fatalf("is %v, %v", is, err)
		}
		held, err := hold(w)
		if err != nil {
			continue // another one was there then, which was seen
		}
		kept, err := held.root.Stat(".")
		if err != nil || !os.SameFile(is, kept) {
			t.Fatalf("another directory is held than was found: %v", err)
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	owner.Wait()
}

// Another directory with the same path is not the one that the task has opened.
func TestHoldOther(t *testing.T) {
	dir := tree(t)
	found, err := os.Open(dir + "/a")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path string
		want error
	}{"itself": {dir + "/a", nil}, "another": {dir + "/a/b", unix.ESTALE}, "a link to it": {dir + "/abs", nil}, "nothing": {dir + "/none", fs.ErrNotExist}} {
		held, err := holdAt(Way{Dir: dup(t, found), Path: "p"}, c.path)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil {
			_ = held.Close()
		}
	}
	if err := found.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := hold(Way{}); err == nil {
		t.Error("no directory is held")
	}
}

// dup is a further descriptor of an open file.
func dup(t *testing.T, file *os.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), file.Name())
}
