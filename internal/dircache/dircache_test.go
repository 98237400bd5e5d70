package dircache_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/dircache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stand is a worker's folder, over several lives of the worker.
type stand struct {
	*testing.T
	dir    string
	config dircache.Config
	log    *bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

func newStand(t *testing.T) *stand {
	dir := t.TempDir()
	s := &stand{T: t, dir: dir, log: &bytes.Buffer{}, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	s.config = dircache.Config{
		Dir: filepath.Join(dir, "caches"), State: filepath.Join(dir, "directory-caches.json"),
		Adopted: filepath.Join(dir, "preloaded-caches.json"), Keep: 2, Logger: slog.New(slog.NewTextHandler(s.log, nil)), Now: s.clock,
	}
	return s
}

// clock ticks: no two uses are at the same time.
func (s *stand) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(time.Second)
	return s.now
}

func (s *stand) open() *dircache.Pool {
	s.Helper()
	p, err := dircache.Open(s.config)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { s.closed(p) })
	return p
}

// closed ends a worker without a word: all but what goes on in the background is as it was.
func (s *stand) closed(p *dircache.Pool) {
	s.Helper()
	if err := p.Close(); err != nil {
		s.Error(err)
	}
}

func (s *stand) take(p *dircache.Pool, name string) *dircache.Cache {
	s.Helper()
	c, err := p.Take(s.Context(), name)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

func (s *stand) release(c *dircache.Cache) {
	s.Helper()
	if err := c.Release(); err != nil {
		s.Error(err)
	}
}

// fill makes a cache whose content is a text.
func (s *stand) fill(p *dircache.Pool, name, text string) *dircache.Cache {
	s.Helper()
	c := s.take(p, name)
	s.write(filepath.Join(c.Dir, "content"), text)
	return c
}

func (s *stand) write(path, text string) {
	s.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

func content(c *dircache.Cache) string {
	data, err := os.ReadFile(filepath.Join(c.Dir, "content"))
	if err != nil {
		return ""
	}
	return string(data)
}

type entry struct {
	Created  time.Time `json:"created"`
	Location string    `json:"location"`
	Hits     int       `json:"hits"`
	Key      string    `json:"key"`
	InUse    bool      `json:"in_use"`
	LastUsed time.Time `json:"last_used"`
}

// state is what the file says.
func (s *stand) state() map[string][]entry {
	s.Helper()
	data, err := os.ReadFile(s.config.State)
	if err != nil {
		s.Fatal(err)
	}
	var all map[string][]entry
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil {
		s.Fatal(err)
	}
	return all
}

// settled lists the folder of caches when nothing is left to be deleted.
func (s *stand) settled() []string {
	s.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		entries, err := os.ReadDir(s.config.Dir)
		if err != nil {
			s.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if !strings.Contains(strings.Join(names, " "), ".deleted-") || time.Now().After(deadline) {
			return names
		}
	}
}

func base(c *dircache.Cache) string { return filepath.Base(c.Dir) }

func TestATaskLeavesACacheForTheNext(t *testing.T) {
	s := newStand(t)
	p := s.open()
	first := s.fill(p, "a", "one")
	if !first.New || first.Name != "a" || !filepath.IsAbs(first.Dir) {
		t.Errorf("%+v", first)
	}
	other := s.fill(p, "a", "two") // as the first one is in use
	if !other.New || other.Dir == first.Dir {
		t.Errorf("one cache for two tasks: %+v", other)
	}
	s.release(other)
	s.release(first)
	if again := s.take(p, "a"); again.New || content(again) != "one" { // the last one used
		t.Errorf("got %q, new: %v", content(again), again.New)
	} else {
		s.release(again)
	}
	if strange := s.take(p, "A"); !strange.New {
		t.Error("another name, the same cache")
	} else {
		s.release(strange)
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{s.config.Dir: 0o700, s.config.State: 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
	}
}

// TestTheFile is what the public worker reads and writes.
func TestTheFile(t *testing.T) {
	s := newStand(t)
	s.config.Dir = filepath.Join(s.dir, ".", "caches")
	p := s.open()
	c := s.take(p, "a")
	e := s.state()["a"][0]
	want := entry{Created: e.Created, Location: c.Dir, Hits: 1, Key: "a", InUse: true, LastUsed: e.LastUsed}
	if e != want || e.Created.Year() != 2030 || !e.LastUsed.After(e.Created) {
		t.Errorf("in use: %+v", e)
	}
	s.release(c)
	if got := s.state()["a"][0]; got.InUse || !got.LastUsed.After(e.LastUsed) {
		t.Errorf("free: %+v", got)
	}
	s.release(s.take(p, "a"))
	if got := s.state()["a"][0]; got.Hits != 2 || !got.Created.Equal(e.Created) {
		t.Errorf("used again: %+v", got)
	}
	if err := s.take(p, "a").Discard(); err != nil {
		t.Error(err)
	}
	if got := s.state(); len(got) > 0 {
		t.Errorf("discarded: %+v", got)
	}
	if left := s.settled(); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// TestARelativeFolder is the usual one; the file names places as the configuration does.
func TestARelativeFolder(t *testing.T) {
	s := newStand(t)
	t.Chdir(s.dir)
	s.config.Dir = "caches"
	p := s.open()
	c := s.fill(p, "a", "text")
	s.release(c)
	if got, want := s.state()["a"][0].Location, filepath.Join("caches", base(c)); got != want || !filepath.IsAbs(c.Dir) {
		t.Errorf("noted %s, want %s; given %s", got, want, c.Dir)
	}
	s.closed(p)
	if c := s.take(s.open(), "a"); content(c) != "text" {
		t.Error("lost by a new start")
	}
}

// TestAKilledWorker leaves no cache that a task was about to change, wherever that was at the time.
func TestAKilledWorker(t *testing.T) {
	s := newStand(t)
	p := s.open()
	free := s.fill(p, "free", "kept")
	s.release(free)
	s.fill(p, "in place", "half")
	moved := s.fill(p, "moved", "half")
	mounted := filepath.Join(s.dir, "task")
	if err := os.Rename(moved.Dir, mounted); err != nil {
		t.Fatal(err)
	}
	s.write(filepath.Join(s.config.Dir, ".deleted-UOq9JeqHT3KyoEmN6J_Row", "file"), "x") // was being deleted
	s.write(filepath.Join(s.config.Dir, "VOq9JeqHT3KyoEmN6J_Row", "file"), "x")          // was being made
	s.write(filepath.Join(s.config.Dir, "readme"), "x")                                  // is not ours
	s.closed(p)

	p = s.open()
	for _, name := range []string{"in place", "moved"} {
		if c := s.take(p, name); !c.New || content(c) != "" {
			t.Errorf("%s: a task got what another one was writing", name)
		} else if err := c.Discard(); err != nil {
			t.Error(err)
		}
	}
	if c := s.take(p, "free"); content(c) != "kept" {
		t.Error("a cache that nobody used is lost")
	}
	if got := s.settled(); !slices.Equal(got, []string{base(free), "readme"}) {
		t.Errorf("left %v, want %s and readme", got, base(free))
	}
	if _, err := os.Stat(filepath.Join(mounted, "content")); err != nil {
		t.Errorf("what was moved away is not ours to delete: %v", err)
	}
}

func TestStateOfOthers(t *testing.T) {
	const a, b, c = "AOq9JeqHT3KyoEmN6J_Row", "BOq9JeqHT3KyoEmN6J_Row", "COq9JeqHT3KyoEmN6J_Row"
	for name, k := range map[string]struct {
		text string
		want map[string]string // content by cache
		says string
	}{
		"lists":         {`{"x": [{"created": "2026-01-02T03:04:05.678Z", "location": "caches/` + a + `", "hits": 7, "key": "x", "in_use": false, "last_used": "2026-01-02T03:04:05Z", "new": 1}]}`, map[string]string{"x": a}, ""},
		"objects":       {`{"x": {"created": "2026-01-02T03:04:05Z", "location": "caches/` + a + `"}, "y": {"location": "caches/` + b + `"}}`, map[string]string{"x": a, "y": b}, ""},
		"some nonsense": {`{"x": [{"location": "caches/` + a + `", "created": "yesterday"}, 7, {"location": "caches/` + b + `"}], "y": "no", "z": null}`, map[string]string{"x": b}, "make no sense"},
		"truncated":     {`{"x": [{"location": "caches/` + a, nil, "not known"},
		"empty":         {``, nil, "not known"},
		"not an object": {`[]`, nil, "not known"},
		"vanished":      {`{"x": [{"location": "caches/DOq9JeqHT3KyoEmN6J_Row"}, {"location": "caches/` + c + `"}]}`, map[string]string{"x": c}, "no longer there"},
		"other names":   {`{"x": [{"location": "caches/short"}], "y": [{"location": "caches/long name", "in_use": true}]}`, map[string]string{"x": "short"}, "was in use"},
		"in use":        {`{"x": [{"location": "caches/` + a + `", "in_use": true}]}`, nil, "was in use"},
		"elsewhere":     {`{"x": [{"location": "kept"}], "y": [{"location": "caches/../kept"}], "z": [{"location": "caches"}, {"location": "caches/a/b"}, {"location": "caches/.deleted-x"}]}`, nil, "not in the folder"},
		"a link":        {`{"x": [{"location": "caches/LOq9JeqHT3KyoEmN6J_Row"}]}`, nil, "no longer there"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			t.Chdir(s.dir)
			s.config.Dir = "caches"
			for _, slug := range []string{a, b, c} {
				s.write(filepath.Join("caches", slug, "content"), slug)
			}
			s.write("caches/short/content", "short")
			s.write("caches/long name/content", "x")
			s.write("kept/content", "x")
			if err := os.Symlink("../kept", "caches/LOq9JeqHT3KyoEmN6J_Row"); err != nil {
				t.Skipf("no symbolic links here: %v", err)
			}
			s.write(s.config.State, k.text)
			p := s.open()
			got := map[string]string{}
			for _, name := range []string{"x", "y", "z"} {
				if c := s.take(p, name); !c.New {
					got[name] = content(c)
				}
			}
			if !maps.Equal(got, k.want) {
				t.Errorf("caches %v, want %v", got, k.want)
			}
			if !strings.Contains(s.log.String(), k.says) || (k.says == "") != (s.log.Len() == 0) {
				t.Errorf("said %q", s.log)
			}
			if _, err := os.Stat("kept/content"); err != nil {
				t.Errorf("what is elsewhere: %v", err)
			}
			left := s.settled()
			for _, slug := range []string{a, b, c} {
				if known := slices.Contains(slices.Collect(maps.Values(got)), slug); known != slices.Contains(left, slug) {
					t.Errorf("%s: known %v; left %v", slug, known, left)
				}
			}
		})
	}
}

// TestAFileThatCannotBeWritten: nobody gets a cache that is not noted.
func TestAFileThatCannotBeWritten(t *testing.T) {
	s := newStand(t)
	p := s.open()
	c := s.fill(p, "a", "text")
	s.release(c)
	if err := os.Remove(s.config.State); err != nil {
		t.Fatal(err)
	}
	s.write(filepath.Join(s.config.State, "in the way"), "")
	for _, name := range []string{"a", "b"} {
		if _, err := p.Take(t.Context(), name); err == nil {
			t.Errorf("%s: taken without a note", name)
		}
	}
	if err := os.RemoveAll(s.config.State); err != nil {
		t.Fatal(err)
	}
	if c := s.take(p, "a"); content(c) != "text" {
		t.Error("it is lost")
	}
	if c := s.take(p, "b"); !c.New {
		t.Error("what nobody has filled is not new")
	}
}

func TestAFolderThatCannotBeMade(t *testing.T) {
	s := newStand(t)
	s.write(s.config.Dir, "a file")
	if p, err := dircache.Open(s.config); err == nil || !strings.Contains(err.Error(), "dircache: ") {
		t.Errorf("%v, %v", p, err)
	}
}

// TestAFolderThatOthersCanRead is closed to them.
func TestAFolderThatOthersCanRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has access lists in place of modes")
	}
	s := newStand(t)
	if err := os.Mkdir(s.config.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.open()
	if info, err := os.Stat(s.config.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	above := filepath.Join(s.dir, "above")
	s.config.Dir = filepath.Join(above, "caches")
	s.open()
	if info, err := os.Stat(above); err != nil || info.Mode().Perm()&0o011 == 0 {
		t.Errorf("the folder above, where those of tasks may be: %v, %v", info.Mode(), err)
	}
}

// TestVanishing: a cache that somebody has deleted behind our back costs a warning.
func TestVanishing(t *testing.T) {
	s := newStand(t)
	p := s.open()
	free, used := s.fill(p, "a", "x"), s.fill(p, "b", "x")
	s.release(free)
	for _, c := range []*dircache.Cache{free, used} {
		if err := os.RemoveAll(c.Dir); err != nil {
			t.Fatal(err)
		}
	}
	s.release(used)
	for _, name := range []string{"a", "b"} {
		if c := s.take(p, name); !c.New {
			t.Errorf("%s: %+v", name, c)
		}
	}
	for _, want := range []string{"no longer there", "did not come back"} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("%q is not said: %s", want, s.log)
		}
	}
}

// TestManyTasks at the same time: each cache is one task's.
func TestManyTasks(t *testing.T) {
	s := newStand(t)
	p := s.open()
	var mu sync.Mutex
	using := map[string]bool{}
	mark := func(dir string, used bool) {
		mu.Lock()
		defer mu.Unlock()
		if using[dir] == used {
			t.Errorf("%s is given to two", dir)
		}
		using[dir] = used
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 30 {
				c, err := p.Take(t.Context(), []string{"a", "b"}[i%2])
				if err != nil {
					t.Error(err)
					return
				}
				mark(c.Dir, true)
				mark(c.Dir, false)
				end := c.Release
				if i%5 == 0 {
					end = c.Discard
				}
				if err := end(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for name, list := range s.state() {
		if len(list) > s.config.Keep || list[0].InUse {
			t.Errorf("%s: %+v", name, list)
		}
	}
	if left, want := s.settled(), len(s.state()["a"])+len(s.state()["b"]); len(left) != want {
		t.Errorf("%d directories for %d caches", len(left), want)
	}
}
