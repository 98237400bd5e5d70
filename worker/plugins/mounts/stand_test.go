package mounts_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/dircache"
	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/plugins"
	"github.com/workerkit/workerkit/worker/plugins/mounts"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stand is a worker with the feature, whose purge-cache service is played.
type stand struct {
	*testing.T
	*mounts.Plugin
	config mounts.Config
	server *httptest.Server // gives what is in files
	log    *plugintest.Text // the worker's

	mu      sync.Mutex
	files   map[string][]byte
	gets    []string
	now     time.Time
	asked   []time.Time
	answers []tc.PurgeRequest
	down    error
	broken  error // of every mount
}

func newStand(t *testing.T, change ...func(*mounts.Config)) *stand {
	t.Helper()
	s := &stand{T: t, log: &plugintest.Text{}, files: map[string][]byte{}, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	s.server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	dir := t.TempDir()
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	client := tc.New(s.server.URL, s.server.Client(), retry.Policy{Attempts: 1})
	s.config = mounts.Config{
		Files: filecache.Config{
			Dir: filepath.Join(dir, "downloads"), State: filepath.Join(dir, "file-caches.json"), Logger: logger, Now: s.clock,
			Fetcher: fetch.New(client, s.server.Client(), retry.Policy{Initial: time.Millisecond, Attempts: 2}),
		},
		Caches: dircache.Config{
			Dir: filepath.Join(dir, "caches"), State: filepath.Join(dir, "directory-caches.json"),
			Adopted: filepath.Join(dir, "preloaded.json"), Keep: 2, Logger: logger, Now: s.clock,
		},
		Scopes: client, Purges: s.purges, Logger: logger, Now: s.clock,
	}
	for _, f := range change {
		f(&s.config)
	}
	s.open()
	return s
}

// open starts the worker, again if there was one.
func (s *stand) open() {
	s.Helper()
	s.Plugin = mounts.New(s.config)
	if err := s.Open(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(s.closed(s.Plugin))
}

func (s *stand) closed(p *mounts.Plugin) func() {
	return sync.OnceFunc(func() {
		if err := p.Close(context.WithoutCancel(s.Context())); err != nil {
			s.Error(err)
		}
	})
}

// clock ticks: no two uses are at the same time.
func (s *stand) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(time.Second)
	return s.now
}

func (s *stand) purges(_ context.Context, since time.Time) ([]tc.PurgeRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, since)
	return s.answers, s.down
}

func (s *stand) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.gets = append(s.gets, r.URL.Path)
	data, ok := s.files[r.URL.Path]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(data)
}

// put has the server give something at a path, and returns the URL.
func (s *stand) put(path string, data []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = data
	return s.server.URL + path
}

// ran is what became of a run.
type ran struct {
	*plugintest.Run
	err   error
	log   string
	files map[string]string // what the commands saw, by path
}

// life takes a run with these mounts through its life. The commands do what act says, and end with status.
func (s *stand) life(list string, status engines.Status, act func(dir string), change ...func(*task.Run)) *ran {
	s.Helper()
	run := plugintest.NewRun(s, `{"mounts": `+list+`, "onExitStatus": {"purgeCaches": [3]}}`)
	run.Definition.Scopes = []string{"generic-worker:cache:*"}
	for _, f := range change {
		f(run.Run)
	}
	r := &ran{Run: run, files: map[string]string{}}
	hooks, err := s.New(run.Run)
	if err != nil || hooks == nil {
		r.err = err
		return r
	}
	r.err = s.hooks(hooks.(all), r, status, act)
	r.log = run.TaskLog(s)
	if err := hooks.(all).Finish(s.Context()); err != nil {
		s.Error(err)
	}
	if err := hooks.(all).Close(s.Context()); err != nil {
		s.Error(err)
	}
	if left, err := os.ReadDir(run.Own); err != nil || len(left) > 0 {
		s.Errorf("left for the task: %v, %v", left, err)
	}
	return r
}

type all interface {
	plugins.Preparer
	plugins.Builder
	plugins.Stopper
	plugins.Finisher
	plugins.Closer
}

func (s *stand) hooks(h all, r *ran, status engines.Status, act func(dir string)) error {
	s.Helper()
	if err := h.Prepare(s.Context()); err != nil {
		return errors.Join(err, h.Stopped(s.Context(), nil))
	}
	b := &builder{dir: r.Dir, broken: s.broken}
	if err := h.Build(s.Context(), b); err != nil {
		b.dispose(s)
		return errors.Join(err, h.Stopped(s.Context(), nil))
	}
	r.files = tree(s, r.Dir)
	if act != nil {
		act(r.Dir)
	}
	err := h.Stopped(s.Context(), &result{status: status})
	b.dispose(s)
	return err
}

// tree reads the files below a directory.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			files[filepath.ToSlash(rel)] = "folder"
			return nil
		}
		data, err := os.ReadFile(path)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// builder is an engine's, which mounts by renaming.
type builder struct {
	engines.Builder
	dir     string
	broken  error // of every mount
	mounted []engines.Mount
}

func (b *builder) Mount(_ context.Context, m engines.Mount) error {
	if b.broken != nil {
		return b.broken
	}
	if !filepath.IsAbs(m.Target) {
		m.Target = filepath.Join(b.dir, m.Target)
	}
	if _, err := os.Lstat(m.Target); err == nil {
		return task.Failure("something is there already")
	}
	if err := os.MkdirAll(filepath.Dir(m.Target), 0o700); err != nil {
		return err
	}
	b.mounted = append(b.mounted, m)
	return os.Rename(m.Source, m.Target)
}

// dispose ends the mounts, the last one first.
func (b *builder) dispose(t testing.TB) {
	t.Helper()
	for i := range b.mounted {
		m := b.mounted[len(b.mounted)-1-i]
		var err error
		if m.Given {
			err = os.RemoveAll(m.Target)
		} else {
			err = os.Rename(m.Target, m.Source)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

type result struct {
	engines.Result
	status engines.Status
}

func (r *result) Status() engines.Status { return r.status }

func success() engines.Status { return engines.Status{Success: true} }

// resolved checks how a run ended, and that the reason is said.
func (r *ran) resolved(t testing.TB, want task.Resolution, says ...string) {
	t.Helper()
	if got := task.Resolve(r.err); got != want {
		t.Errorf("resolved %s (%v), want %s", got, r.err, want)
		return
	}
	for _, part := range says {
		if !strings.Contains(fmt.Sprint(r.err), part) {
			t.Errorf("%q is not in %q", part, r.err)
		}
	}
}
