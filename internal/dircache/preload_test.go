package dircache_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/dircache"
)

// preload makes a directory of the machine's image and has it adopted as the cache a.
func (s *stand) preload(dir string) {
	s.Helper()
	s.write(filepath.Join(dir, "content"), "preloaded")
	s.write(filepath.Join(dir, "sub", "program"), "#!")
	built := time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, path := range []string{filepath.Join(dir, "sub", "program"), filepath.Join(dir, "sub"), dir} {
		if err := os.Chmod(path, 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.Chtimes(path, built, built); err != nil {
			s.Fatal(err)
		}
	}
	s.config.Preloaded = []dircache.Preloaded{{Name: "a", Dir: dir}}
}

func TestPreloadedOnce(t *testing.T) {
	s := newStand(t)
	image := filepath.Join(s.dir, "image")
	s.preload(image)
	p := s.open()
	c := s.take(p, "a")
	if c.New || content(c) != "preloaded" || s.state()["a"][0].Created.Year() != 2029 {
		t.Errorf("the first task got %q, made %v", content(c), s.state()["a"][0].Created)
	}
	if _, err := os.Stat(image); err == nil {
		t.Error("it was copied")
	}
	s.release(c)
	s.closed(p)

	p = s.open()
	if c = s.take(p, "a"); content(c) != "preloaded" {
		t.Errorf("after a new start: %q", content(c))
	}
	if err := c.Discard(); err != nil {
		t.Error(err)
	}
	s.closed(p)
	s.preload(image) // as if it had been copied
	p = s.open()
	if c = s.take(p, "a"); !c.New {
		t.Error("it came back after it had been deleted")
	}
	s.release(c)
	if s.log.Len() == 0 || strings.Contains(s.log.String(), "WARN") {
		t.Errorf("said %s", s.log)
	}
}

// TestPreloadedAndPurged: a request to purge what was made until now is also for what is in the image.
func TestPreloadedAndPurged(t *testing.T) {
	s := newStand(t)
	s.preload(filepath.Join(s.dir, "image"))
	p := s.open()
	if purged, err := p.Purge("a", s.now.Add(-time.Hour)); purged != 1 || err != nil {
		t.Errorf("purged %d, %v", purged, err)
	}
}

func TestPreloadedTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(s *stand, image string)
		says  string
	}{
		"not there":      {func(s *stand, image string) { _ = os.RemoveAll(image) }, "is not adopted"},
		"a file":         {func(s *stand, image string) { _ = os.RemoveAll(image); s.write(image, "x") }, "is not adopted"},
		"a damaged note": {func(s *stand, _ string) { s.write(s.config.Adopted, "{") }, "is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			image := filepath.Join(s.dir, "image")
			s.preload(image)
			c.spoil(s, image)
			if c := s.take(s.open(), "a"); !c.New {
				t.Errorf("got %q", content(c))
			}
			if !strings.Contains(s.log.String(), c.says) {
				t.Errorf("said %s", s.log)
			}
		})
	}
}

// TestPreloadedElsewhere: a directory of another file system is copied, and its first user waits.
func TestPreloadedElsewhere(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a second file system that every user can write to: /dev/shm of Linux")
	}
	image, err := os.MkdirTemp("/dev/shm", "preloaded")
	if err != nil {
		t.Skipf("needs a second file system: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(image) })
	s := newStand(t)
	if err := os.Rename(image, filepath.Join(s.dir, "x")); err == nil {
		t.Skip("/dev/shm and the folder of temporary files are one file system")
	}
	if err := os.Symlink("content", filepath.Join(image, "link")); err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		s.write(filepath.Join(image, "many", strconv.Itoa(i)), "x")
	}
	s.preload(image)
	p := s.open()
	c := s.take(p, "a")
	if c.New || content(c) != "preloaded" {
		t.Errorf("the first task got %q", content(c))
	}
	if e := s.state()["a"]; len(e) != 1 || !e[0].InUse || e[0].Hits != 1 {
		t.Errorf("noted as %+v", e)
	}
	info, err := os.Stat(filepath.Join(c.Dir, "sub", "program"))
	if err != nil || info.Mode().Perm() != 0o755 || info.ModTime().Year() != 2029 {
		t.Errorf("a file: %v, %v", info, err)
	}
	if to, err := os.Readlink(filepath.Join(c.Dir, "link")); err != nil || to != "content" {
		t.Errorf("a link: %q, %v", to, err)
	}
	if _, err := os.Stat(filepath.Join(image, "content")); err != nil {
		t.Errorf("the original: %v", err)
	}
	if err := c.Discard(); err != nil {
		t.Error(err)
	}
	s.closed(p)
	if c := s.take(s.open(), "a"); !c.New {
		t.Error("it came back after it had been deleted")
	}
}
