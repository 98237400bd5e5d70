package room_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	real "github.com/workerkit/workerkit/internal/disk"
	"github.com/workerkit/workerkit/worker/room"
)

const mib = 1 << 20

// disk is a disk of 100 MiB with things on it that can be deleted.
type disk struct {
	used   uint64
	things []uint64 // sizes, the least recently used first
	stuck  bool     // nothing can be deleted
	asked  []uint64
}

func (d *disk) free(string) (uint64, error) { return 100*mib - d.used, nil }

func (d *disk) Collect(_ context.Context, need uint64) (freed uint64, err error) {
	d.asked = append(d.asked, need)
	if d.stuck {
		return 0, errors.New("busy")
	}
	for len(d.things) > 0 && freed < need {
		freed += d.things[0]
		d.things = d.things[1:]
	}
	d.used -= freed
	return freed, nil
}

func TestRoom(t *testing.T) {
	for name, c := range map[string]struct {
		disk    disk
		each    uint64
		want    int // of 8
		collect bool
		after   int
	}{
		"for all":           {disk{used: 10 * mib}, 10 * mib, 8, true, 8},
		"for some":          {disk{used: 70 * mib}, 10 * mib, 3, true, 3},
		"no guard":          {disk{used: 100 * mib}, 0, 8, true, 8},
		"after a deletion":  {disk{used: 95 * mib, things: []uint64{2 * mib, 4 * mib, 50 * mib}}, 10 * mib, 0, true, 1},
		"not enough":        {disk{used: 95 * mib, things: []uint64{2 * mib}}, 10 * mib, 0, true, 0},
		"nothing to delete": {disk{used: 95 * mib}, 10 * mib, 0, false, 0},
		"cannot be deleted": {disk{used: 95 * mib, stuck: true}, 10 * mib, 0, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := &c.disk
			r := room.Room{Dir: "/tasks", Each: c.each, Free: d.free, Collectors: []room.Collector{d}, Logger: slog.New(slog.DiscardHandler)}
			got, err := r.For(8)
			if got != c.want || (err == nil) != (got > 0) {
				t.Errorf("room for %d, %v; want %d", got, err, c.want)
			}
			if some := r.Collect(t.Context()); some != c.collect {
				t.Errorf("collected: %v", some)
			}
			if got, err := r.For(8); got != c.after {
				t.Errorf("room for %d, %v, afterwards; want %d", got, err, c.after)
			}
		})
	}
}

// TestOrder: a later collector is asked for what the earlier ones have not freed, and not at all
// when they have freed enough.
func TestOrder(t *testing.T) {
	var log bytes.Buffer
	d := &disk{used: 96 * mib, things: []uint64{mib, mib}}
	first, second := &disk{stuck: true}, &disk{}
	r := room.Room{Each: 6 * mib, Free: d.free, Collectors: []room.Collector{first, d, second}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	if !r.Collect(t.Context()) || !slices.Equal(d.asked, []uint64{2 * mib}) || len(second.asked) > 0 {
		t.Errorf("asked for %v, then %v", d.asked, second.asked)
	}
	if !strings.Contains(log.String(), "busy") {
		t.Errorf("the log is silent about an error: %s", log.String())
	}
}

func TestOfARealDisk(t *testing.T) {
	dir := t.TempDir()
	r := room.Room{Dir: dir, Each: math.MaxUint64, Free: real.Free}
	if n, err := r.For(1); n != 0 || err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("room for %d, %v", n, err)
	}
}

// tree makes directories, each an hour younger than the one before, with 1 KiB in each.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i, name := range names {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Join(path, "deep"), 0o700)
		if err == nil {
			err = os.WriteFile(filepath.Join(path, "deep", "file"), make([]byte, 1024), 0o600)
		}
		if err == nil {
			at := time.Now().Add(time.Duration(i-100) * time.Hour)
			err = os.Chtimes(path, at, at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestLeftovers(t *testing.T) {
	dir := tree(t, "task_z", "task_held", "home", "task_stuck", "task_a", "task_b")
	l := room.NewLeftovers(dir,
		func(name string) bool { return strings.HasPrefix(name, "task_") },
		func(path string) error {
			if filepath.Base(path) == "task_stuck" {
				return errors.New("task_stuck is busy")
			}
			return os.RemoveAll(path)
		})
	release := l.Hold("task_held", "task_new")
	freed, err := l.Collect(t.Context(), 1500)
	if freed < 2048 || freed > 3000 || err == nil || !strings.Contains(err.Error(), "task_stuck") {
		t.Errorf("freed %d, %v", freed, err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"home", "task_b", "task_held", "task_stuck"}) {
		t.Errorf("left %v", got)
	}
	release()
	if _, err := l.Collect(t.Context(), math.MaxUint64); err == nil {
		t.Error("no error for what is stuck")
	}
	if got := names(t, dir); !slices.Equal(got, []string{"home", "task_stuck"}) {
		t.Errorf("left %v", got)
	}
}

func TestLeftoversWithoutDirectory(t *testing.T) {
	l := room.NewLeftovers(filepath.Join(t.TempDir(), "absent"), func(string) bool { return true }, os.RemoveAll)
	if freed, err := l.Collect(t.Context(), 1); freed != 0 || err == nil {
		t.Errorf("freed %d, %v", freed, err)
	}
}
