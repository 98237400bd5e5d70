package clone_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/clone"
	"github.com/workerkit/workerkit/internal/isolated"
)

// TestReflink copies on xfs, whose files can share blocks: a large file takes no time and no space.
func TestReflink(t *testing.T) {
	if !isolated.Entered() {
		outside(t)
		return
	}
	const disk, size = 400 << 20, 150 << 20
	dir := xfs(t, disk)
	independent(t, dir, 1<<20)
	if err := os.RemoveAll(filepath.Join(dir, "dst")); err != nil {
		t.Fatal(err)
	}
	src, _ := file(t, dir, size)
	before := free(t, dir)
	began := time.Now()
	for _, name := range []string{"a", "b", "c", "d"} {
		if err := clone.Copy(filepath.Join(dir, name), src); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("four copies of %d MiB took %v", size>>20, time.Since(began))
	if used := before - free(t, dir); used > size/4 {
		t.Errorf("four copies take %d bytes", used)
	}
}

// outside runs the test where mounts are nobody else's.
func outside(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("mkfs.xfs"); err != nil {
		t.Skip("there is no mkfs.xfs to make a file system with reflinks: install the package xfsprogs")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := isolated.Command(program, nil, "-test.run=^"+t.Name()+"$", "-test.v")
	if err != nil {
		t.Skipf("no file system can be mounted: %v", err)
	}
	out, err := cmd.CombinedOutput()
	text := string(out)
	switch {
	case strings.Contains(text, "--- SKIP: "+t.Name()):
		t.Skip(text)
	case err != nil || !strings.Contains(text, "--- PASS: "+t.Name()):
		t.Errorf("%v\n%s", err, text)
	default:
		t.Log(text)
	}
}

// xfs mounts a new file system of that size, on a loop device.
func xfs(t *testing.T, size int64) string {
	t.Helper()
	dir := t.TempDir()
	image, at := filepath.Join(dir, "image"), filepath.Join(dir, "mounted")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "mkfs.xfs", "-q", "-m", "reflink=1", image).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", "loop", image, at).CombinedOutput(); err != nil {
		t.Skipf("no loop device can be mounted: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(at, 0); err != nil {
			t.Error(err)
		}
	})
	return at
}

func free(t *testing.T, dir string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}
