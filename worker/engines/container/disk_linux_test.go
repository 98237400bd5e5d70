package container

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/workerkit/workerkit/internal/docker/dockertest"
	"github.com/workerkit/workerkit/worker/task"
)

// TestDiskFilled has a task fill the engine's disk: it fails, what it has written is read all the same where the engine
// can tell of it, and with it the space is there again.
func TestDiskFilled(t *testing.T) {
	if !dockertest.Inside(t) {
		return
	}
	place, others := t.TempDir(), os.TempDir()
	if err := syscall.Mount("tmpfs", place, "tmpfs", 0, "size=64m"); err != nil {
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
		dockertest.MakeImage(t, e, dockertest.Image, dockertest.Busybox(t))
		engine := newEngine(t, e, nil)
		const fill = "echo before > /small; cat /dev/zero > /large; echo more > /more || exit 7"
		for range 2 {
			run := newRun(t, scripted(fill, nil))
			r, err := start(t, build(t, engine, run)).Wait(t.Context())
			if err != nil && e.Podman { // one that keeps its notes in SQLite cannot tell how the container has ended
				if task.Resolve(err) != task.InternalError || !strings.Contains(err.Error(), "container engine is full") {
					t.Errorf("the task ended with %v", err)
				}
				engine.cleaning.Wait()
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if s := r.Status(); s.ExitCode != 7 {
				t.Errorf("%+v; log:\n%s", s, logged(t, run))
			}
			if got := read(t, r, "/small"); got != "before\n" {
				t.Errorf("in the file is %q", got)
			}
			if err := r.Dispose(t.Context()); err != nil {
				t.Error(err)
			}
			engine.cleaning.Wait()
			if left := engine.left; len(left) > 0 {
				t.Errorf("left: %+v: %v", left, left[0].remove(t.Context(), left[0].id))
			}
		}
		run, r := do(t, engine, "head -c 20m /dev/zero > /large && echo room", nil)
		if got := output(t, run); !r.Status().Success || !strings.Contains(got, "room") {
			t.Errorf("%+v, printed %q", r.Status(), got)
		}
	})
}
