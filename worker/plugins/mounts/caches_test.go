package mounts_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

const oneCache = `[{"directory": "c", "cacheName": "one"}]`

// caches lists the names of the caches that are kept.
func (s *stand) caches() (names []string) {
	s.Helper()
	data, err := os.ReadFile(s.config.Caches.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var all map[string][]struct {
		InUse bool `json:"in_use"`
	}
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		s.Fatal(err)
	}
	for name, list := range all {
		for _, e := range list {
			if e.InUse {
				s.Errorf("%s is in use", name)
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// leave is commands that write a file into the cache.
func leave(t *testing.T, text string) func(dir string) {
	return func(dir string) {
		if err := os.WriteFile(filepath.Join(dir, "c", "left"), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// TestKeeping: how a task ends decides whether others see what it wrote.
func TestKeeping(t *testing.T) {
	for name, c := range map[string]struct {
		status engines.Status
		kept   bool
		log    string
	}{
		"success":             {success(), true, "[mounts] Preserving cache: Moving "},
		"failure":             {engines.Status{ExitCode: 1}, true, "[mounts] Preserving cache: Moving "},
		"exit code of spoils": {engines.Status{ExitCode: 3}, false, "[mounts] Purging caches since the task's exit code 3 is in payload.onExitStatus.purgeCaches"},
		"aborted":             {engines.Status{Aborted: true, ExitCode: engines.ExitAborted}, false, "[mounts] Purging caches since the task was aborted and may have left them in an inconsistent state"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			r := s.life(oneCache, c.status, leave(t, "text"))
			r.resolved(t, task.Completed) // of the mounts
			if !strings.Contains(r.log, c.log) {
				t.Errorf("%q is not in\n%s", c.log, r.log)
			}
			if (len(s.caches()) == 1) != c.kept {
				t.Errorf("kept %v", s.caches())
			}
			s.closed(s.Plugin)()
			s.open() // a new start changes nothing
			next := s.life(oneCache, success(), nil)
			if got := next.files["c/left"] == "text"; got != c.kept {
				t.Errorf("the next task saw %v", next.files)
			}
			if moved := strings.Contains(next.log, "Moving existing writable directory cache one from "); moved != c.kept {
				t.Errorf("said\n%s", next.log)
			}
		})
	}
}

// TestWhenCachesAreGivenBack: the next task of the slot finds them, so it is before the run is resolved,
// but not before the engine is done with them.
func TestWhenCachesAreGivenBack(t *testing.T) {
	for name, logFirst := range map[string]bool{"usually": false, "when the machine goes away": true} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			run := plugintest.NewRun(t, `{"mounts": `+oneCache+`}`)
			run.Definition.Scopes = []string{"generic-worker:cache:one"}
			hooks, err := s.New(run.Run)
			if err != nil {
				t.Fatal(err)
			}
			h, b := hooks.(all), &builder{dir: run.Dir}
			if err := errors.Join(h.Prepare(t.Context()), h.Build(t.Context(), b)); err != nil {
				t.Fatal(err)
			}
			leave(t, "text")(run.Dir)
			stop := func() error {
				err := h.Stopped(t.Context(), &result{status: success()})
				b.dispose(t)
				return err
			}
			order := []func() error{stop, func() error { return h.Finish(t.Context()) }}
			if logFirst {
				slices.Reverse(order)
			}
			for _, hook := range order {
				if err := hook(); err != nil {
					t.Error(err)
				}
			}
			if !logFirst {
				if r := s.life(oneCache, success(), nil); r.files["c/left"] != "text" {
					t.Errorf("the next task saw %v", r.files)
				}
			}
			if err := h.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if r := s.life(oneCache, success(), nil); r.files["c/left"] != "text" {
				t.Errorf("later: %v", r.files)
			}
		})
	}
}

// TestNotStarted: a task whose commands were not started leaves caches as they were, unless it is
// not known whether they were.
func TestNotStarted(t *testing.T) {
	for name, built := range map[string]bool{"before they were mounted": false, "afterwards": true} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.life(oneCache, success(), leave(t, "text"))
			run := plugintest.NewRun(t, `{"mounts": `+oneCache+`}`)
			run.Definition.Scopes = []string{"generic-worker:cache:one"}
			hooks, err := s.New(run.Run)
			if err != nil {
				t.Fatal(err)
			}
			h, b := hooks.(all), &builder{dir: run.Dir}
			err = h.Prepare(t.Context())
			if built {
				err = errors.Join(err, h.Build(t.Context(), b))
			}
			b.dispose(t)
			if err := errors.Join(err, h.Stopped(t.Context(), nil), h.Finish(t.Context()), h.Close(t.Context())); err != nil {
				t.Error(err)
			}
			if r := s.life(oneCache, success(), nil); (r.files["c/left"] == "text") == built {
				t.Errorf("the next task saw %v", r.files)
			}
		})
	}
}

// TestRefusedMount: a task that asks for a place that it cannot have spoils no cache. One that the engine
// may have spoilt itself is nobody's.
func TestRefusedMount(t *testing.T) {
	s := newStand(t)
	s.life(oneCache, success(), leave(t, "text"))
	refused := strings.TrimSuffix(oneCache, "]") + `, {"directory": "d", "cacheName": "two"}, {"file": "d/f", "content": {"raw": ""}}, {"file": "c/left", "content": {"raw": ""}}]`
	r := s.life(refused, success(), nil)
	r.resolved(t, task.Failed, "something is there already")
	if r := s.life(oneCache, success(), nil); r.files["c/left"] != "text" {
		t.Errorf("the next task saw %v", r.files)
	}
	s.broken = errors.New("the disk is full")
	s.life(oneCache, success(), nil).resolved(t, task.Failed, "the disk is full")
	s.broken = nil
	if r := s.life(oneCache, success(), nil); len(r.files) != 1 {
		t.Errorf("the task after an engine's failure saw %v", r.files)
	}
}

// TestContentOfACache is for a new one alone.
func TestContentOfACache(t *testing.T) {
	s := newStand(t)
	list := `[{"directory": "c", "cacheName": "one", "content": {"url": "` + s.put("/a", tarball(t, false, "a", "1")) + `"}, "format": "tar"}]`
	s.life(list, success(), leave(t, "text"))
	delete(s.files, "/a")
	r := s.life(list, success(), nil)
	r.resolved(t, task.Completed)
	if r.files["c/a"] != "1" || r.files["c/left"] != "text" || len(s.gets) != 1 {
		t.Errorf("saw %v after %d downloads", r.files, len(s.gets))
	}
}

// TestPurges: the service is asked for what is new, and obeyed.
func TestPurges(t *testing.T) {
	s := newStand(t)
	s.life(oneCache, success(), leave(t, "text"))
	if len(s.asked) != 1 || !s.asked[0].IsZero() {
		t.Errorf("asked %v", s.asked)
	}
	first := s.now
	s.answers = []tc.PurgeRequest{{CacheName: "two", Before: s.now}, {CacheName: "one", Before: s.now.Add(-time.Hour)}}
	if r := s.life(oneCache, success(), nil); r.files["c/left"] != "text" {
		t.Errorf("purged for nothing: %v", r.files)
	}
	if since := s.asked[1]; since.After(first.Add(-4*time.Minute)) || since.Before(first.Add(-6*time.Minute)) {
		t.Errorf("asked for what came since %v, first at %v", since, first)
	}
	s.answers = []tc.PurgeRequest{{CacheName: "one", Before: s.now}}
	if r := s.life(oneCache, success(), nil); len(r.files) != 1 {
		t.Errorf("not purged: %v", r.files)
	}
	if n := len(s.asked); n != 3 {
		t.Errorf("asked %d times for 3 tasks", n)
	}
}

// TestNoPurgeService costs a warning, and the next question is for the same time.
func TestNoPurgeService(t *testing.T) {
	s := newStand(t)
	s.life(oneCache, success(), leave(t, "text"))
	s.down = errors.New("nobody there")
	for range 2 {
		r := s.life(oneCache, success(), nil)
		r.resolved(t, task.Completed)
		if r.files["c/left"] != "text" || !strings.Contains(r.log, "[taskcluster:warn") || !strings.Contains(r.log, "nobody there") {
			t.Errorf("saw %v; said\n%s", r.files, r.log)
		}
	}
	if !s.asked[1].Equal(s.asked[2]) {
		t.Errorf("asked %v", s.asked)
	}
}

// TestPurgesWithoutCaches: tasks without caches ask nothing, unless nobody has asked for hours.
func TestPurgesWithoutCaches(t *testing.T) {
	s := newStand(t)
	plain := func() int {
		s.life(`[]`, success(), nil)
		s.life(`[{"file": "f", "content": {"raw": ""}}]`, success(), nil)
		s.closed(s.Plugin)() // which waits for what goes on
		s.open()
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.asked)
	}
	if n := plain(); n != 0 {
		t.Errorf("asked %d times when there were no caches", n)
	}
	s.life(oneCache, success(), leave(t, "text"))
	s.life(`[]`, success(), nil)
	if n := len(s.asked); n != 1 {
		t.Errorf("asked %d times, once by the task with a cache", n)
	}
	s.mu.Lock()
	s.now = s.now.Add(rarely)
	s.answers = []tc.PurgeRequest{{CacheName: "one", Before: s.now}}
	s.mu.Unlock()
	if n := plain(); n != 2 {
		t.Errorf("asked %d times, six hours later", n)
	}
	if got := s.caches(); len(got) > 0 {
		t.Errorf("not purged: %v", got)
	}
}

const rarely = 6 * time.Hour

// TestStateThatCannotBeWritten is the worker's fault, not the task's.
func TestStateThatCannotBeWritten(t *testing.T) {
	s := newStand(t)
	if err := os.MkdirAll(filepath.Join(s.config.Caches.State, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.life(oneCache, success(), nil).resolved(t, task.InternalError, "mounts[0] (cache one", "dircache")
	if err := os.RemoveAll(s.config.Caches.State); err != nil {
		t.Fatal(err)
	}
	s.life(oneCache, success(), nil).resolved(t, task.Completed)
}

// TestCollectors: downloads go first, then caches.
func TestCollectors(t *testing.T) {
	s := newStand(t)
	s.life(`[{"directory": "c", "cacheName": "one"}, {"file": "f", "content": {"url": "`+s.put("/f", []byte("text"))+`"}}]`, success(), leave(t, "x"))
	for i, want := range []int{1, 0} {
		if freed, err := s.Collectors()[i].Collect(t.Context(), 1<<40); err != nil || freed == 0 {
			t.Errorf("freed %d, %v", freed, err)
		}
		if got := s.caches(); len(got) != want {
			t.Errorf("caches %v after collector %d", got, i)
		}
	}
}
