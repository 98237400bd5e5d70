package enginetest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/worker/engines"
)

// extraction are the cases about files that are more than a name and a text.
func extraction() []check {
	return []check{
		{"symbolic links", symbolicLinks},
		{"links out of the task directory", linksOut},
		{"hard links", hardLinks},
		{"a file that nobody may read", closedFile},
		{"pipes and devices", special},
		{"huge and sparse files", sparseFile},
		{"a directory that becomes a link", swapped},
	}
}

func needLinks(t *testing.T) {
	t.Helper()
	if err := os.Symlink("x", filepath.Join(t.TempDir(), "link")); err != nil {
		t.Skipf("this user cannot make symbolic links: %v", err)
	}
}

func symbolicLinks(t *testing.T, c Case) {
	needLinks(t)
	_, result := c.left(t, Make{Links: map[string]string{
		"out/file": "../dir/b", "out/dir": "../dir", "out/broken": "nowhere", "out/itself": "itself", "way": "out",
	}}, "out/a", "dir/b")
	for path, want := range map[string]string{"out/file": "text of dir/b", "way/a": "text of out/a", "out/dir/b": "text of dir/b"} {
		if got := readFile(t, result, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	refused(t, result, "out/broken", fs.ErrNotExist)
	refused(t, result, "out/dir", engines.ErrWrongKind)
	refused(t, result, "out/itself", nil)
	for _, path := range []string{"out", "way"} {
		got, err := list(t, result, path)
		// whether a link is followed is the engine's to judge; a link to a directory never is
		if err != nil || !slices.Equal(got, []string{"a", "file"}) && !slices.Equal(got, []string{"a"}) {
			t.Errorf("walk %s: %q, %v; want the file and maybe the link to one", path, got, err)
		}
	}
}

// private makes a file that only this process's user may read, in a folder through which all may pass.
func private(t *testing.T) string {
	t.Helper()
	path := filepath.Join(open(t), "secret")
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// linksOut lead to a file that the task may not read itself.
func linksOut(t *testing.T, c Case) {
	needLinks(t)
	if !c.Isolated {
		t.Skip("tasks of this engine may read what the worker may")
	}
	path := private(t)
	_, result := c.left(t, Make{Links: map[string]string{"out/file": path, "out/dir": filepath.Dir(path)}}, "out/a")
	for _, name := range []string{"out/file", "out/dir/secret", path} {
		refused(t, result, name, nil)
	}
	if got, err := list(t, result, "out"); err != nil || !slices.Equal(got, []string{"a"}) {
		t.Errorf("walk: %q, %v; want the one file", got, err)
	}
}

func hardLinks(t *testing.T, c Case) {
	_, result := c.left(t, Make{Hard: map[string]string{"out/b": "out/a"}}, "out/a")
	if got := readFile(t, result, "out/b"); got != "text of out/a" {
		t.Errorf("a hard link: %q", got)
	}
	if !c.Isolated {
		return
	}
	path := private(t)
	run, result := c.left(t, Make{Hard: map[string]string{"out/b": path}}, "out/a")
	if run.output(t) == unlinked {
		return // the system has refused it
	}
	refused(t, result, "out/b", fs.ErrPermission)
}

func closedFile(t *testing.T, c Case) {
	run, result := c.left(t, Make{Closed: []string{"a"}}, "a")
	if run.output(t) != "" {
		t.Skip("the task's user may read everything")
	}
	refused(t, result, "a", fs.ErrPermission)
}

// special files have effects when they are opened, or never end.
func special(t *testing.T, c Case) {
	if !pipes {
		t.Skipf("%s has no pipes and devices in the file system", runtime.GOOS)
	}
	_, result := c.left(t, Make{
		Pipes: []string{"out/pipe"},
		Links: map[string]string{"out/zero": "/dev/zero", "out/random": "/dev/random", "out/terminal": "/dev/tty", "out/way": "pipe"},
	}, "out/a", "out/z")
	for _, path := range []string{"out/pipe", "out/zero", "out/random", "out/terminal", "out/way", "/dev/zero"} {
		refused(t, result, path, engines.ErrWrongKind)
	}
	if got, err := list(t, result, "out"); err != nil || !slices.Equal(got, []string{"a", "z"}) {
		t.Errorf("a directory with pipes and devices: %q, %v", got, err)
	}
}

// sparseFile is larger than the disk. Its end can be had without reading the rest.
func sparseFile(t *testing.T, c Case) {
	if runtime.GOOS == "windows" {
		t.Skip("files are not sparse by themselves on this system")
	}
	const size = 1 << 40
	_, result := c.left(t, Make{Sparse: map[string]int64{"huge": size}}, "a")
	file, err := result.OpenFile(t.Context(), "huge")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() != size {
		t.Fatalf("size %d, %v; want %d", info.Size(), err, int64(size))
	}
	if _, err := file.Seek(-2, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(file); err != nil || string(text) != "\x00x" {
		t.Errorf("its end is %q, %v", text, err)
	}
}

// swapped replaces a directory between a visit and the opening of a file in it: what comes is the
// file that was visited, or an error, and nothing that the task may not read.
func swapped(t *testing.T, c Case) {
	needLinks(t)
	run, result := c.left(t, Make{}, "out/dir/secret")
	var later func() (engines.File, error)
	err := result.WalkDir(t.Context(), "out", func(_ string, open func() (engines.File, error)) error {
		later = open
		return nil
	})
	if err != nil || later == nil {
		t.Fatalf("walk: %v", err)
	}
	dir := filepath.Join(run.Dir, "out", "dir")
	if err := errors.Join(os.Rename(dir, dir+"2"), os.Symlink(filepath.Dir(private(t)), dir)); err != nil {
		t.Fatal(err)
	}
	file, err := later()
	if err != nil {
		return
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if c.Isolated && (err != nil || !strings.HasPrefix(string(text), "text of")) {
		t.Errorf("through the link came %q, %v", text, err)
	}
}
