package images_test

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/workerkit/workerkit/internal/docker/dockertest"
	"github.com/workerkit/workerkit/worker/task"
)

// TestRealDiskFull has real engines, each on a small disk of its own, load what does not fit: nothing of it
// stays, and a smaller image fits afterwards. One is too large when it is unpacked, one already as the
// archive that engines keep meanwhile.
func TestRealDiskFull(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	const disk, size = 64 << 20, "size=64m"
	place, others := t.TempDir(), os.TempDir()
	if err := syscall.Mount("tmpfs", place, "tmpfs", 0, size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(place, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("TMPDIR", place) // of the engine and all that is its own
	dockertest.Each(t, func(t *testing.T, e dockertest.Engine) {
		t.Setenv("TMPDIR", others)
		s := newStand(t, e.API)
		fits := func(name string) {
			image, _ := s.ensure(s.put("public/"+name, imageOf(t, disk/8)))
			defer image.Release()
			if got := says(t, e, image.ID); got != "fits" {
				t.Errorf("it says %q", got)
			}
		}
		tooLarge := func(length int) {
			t.Helper()
			r, text := s.fails(s.put(fmt.Sprint("public/", length), imageOf(t, length)))
			if r != task.ResourceUnavailable {
				t.Errorf("%s: %s", r, text)
			}
			contains(t, text, "disk of the container engine is full", "Use a smaller image, or workers with a larger disk")
		}
		before, used := present(t, e), usedIn(t, place)
		nothing := func() {
			t.Helper()
			if after := present(t, e); !slices.Equal(before, after) {
				t.Errorf("left %q, want %q", after, before)
			}
			// containerd may keep what it has unpacked, of which it could not note then that it is to go
			if now := usedIn(t, place); now > used+disk/16 && !e.Containerd {
				t.Errorf("%d MiB are used, and were %d", now>>20, used>>20)
			}
		}
		tooLarge(disk * 2 / 3)
		nothing()
		fits("first")
		tooLarge(disk * 3 / 2)
		if e.Podman { // has the removed file of such an archive open until its memory is collected, and can do nothing before
			return
		}
		if _, err := s.Collect(t.Context(), disk); err != nil {
			t.Error(err)
		}
		nothing()
		fits("second")
	})
}

// imageOf is the archive of an image with so many bytes that cannot be compressed.
func imageOf(t *testing.T, length int) []byte {
	t.Helper()
	text := make([]byte, length)
	_, _ = rand.Read(text) // never fails
	files := dockertest.Busybox(t)
	files["hello"], files["large"] = dockertest.File{Text: []byte("fits")}, dockertest.File{Text: text}
	return makeOf(t, files).archive(t, "full.test/full:1", true)
}

// usedIn is how many bytes are used below a folder.
func usedIn(t *testing.T, dir string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // an engine removes what it has
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
