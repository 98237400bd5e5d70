package images_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/engines/container/images"
	"github.com/workerkit/workerkit/worker/plugins/plugintest"
	"github.com/workerkit/workerkit/worker/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// taskID is the task whose artifacts there are.
const taskID = "AbcdefghQijklmnopqrstg"

// stand is a worker with images, with the services that it asks.
type stand struct {
	*images.Store
	t      *testing.T
	api    *client.Client
	dir    string
	server *httptest.Server
	log    *plugintest.Text
	files  *filecache.Cache

	mu        sync.Mutex
	artifacts map[string][]byte
	gates     map[string]chan struct{} // the second half of an artifact comes when it is closed
	cut       map[string]bool          // only the first half comes, whatever is asked
	next      map[string][]byte        // what an artifact becomes after its first half
	gets      []string
	now       time.Time
}

func newStand(t *testing.T, api *client.Client) *stand {
	t.Helper()
	s := &stand{
		t: t, api: api, dir: t.TempDir(), log: &plugintest.Text{}, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		artifacts: map[string][]byte{}, gates: map[string]chan struct{}{}, cut: map[string]bool{}, next: map[string][]byte{},
	}
	s.server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	s.open()
	return s
}

// open starts the worker, again if there was one.
func (s *stand) open() {
	s.t.Helper()
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	policy := retry.Policy{Initial: time.Millisecond, Attempts: 2}
	fetcher := fetch.New(tc.New(s.server.URL, s.server.Client(), policy), s.server.Client(), policy)
	var err error
	s.files, err = filecache.Open(filecache.Config{
		Dir: filepath.Join(s.dir, "downloads"), State: filepath.Join(s.dir, "file-caches.json"), Fetcher: fetcher, Logger: logger, Now: s.clock,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Store = images.Open(images.Config{
		API: s.api, Files: s.files, Artifacts: fetcher, State: filepath.Join(s.dir, "d2g-image-cache.json"),
		Pulls: policy, Logger: logger, Now: s.clock,
	})
	s.t.Cleanup(s.closed(s.Store, s.files))
}

func (s *stand) closed(store *images.Store, files *filecache.Cache) func() {
	return func() {
		ctx := context.WithoutCancel(s.t.Context())
		if err := errors.Join(store.Close(ctx), files.Close(ctx)); err != nil {
			s.t.Error(err)
		}
	}
}

// restart ends the worker and starts the next one.
func (s *stand) restart() {
	s.t.Helper()
	s.closed(s.Store, s.files)()
	s.open()
}

// clock ticks: no two uses are at the same time.
func (s *stand) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(time.Second)
	return s.now
}

func (s *stand) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/index/") {
		if strings.HasSuffix(r.URL.Path, "/none") {
			refuseAPI(w, http.StatusNotFound, "ResourceNotFound")
			return
		}
		_, _ = fmt.Fprintf(w, `{"taskId":%q}`, taskID)
		return
	}
	path := r.URL.Path[strings.LastIndex(r.URL.Path, "/artifact")+1:]
	path = strings.TrimPrefix(strings.TrimPrefix(path, "artifact-content/"), "artifact/")
	s.mu.Lock()
	s.gets = append(s.gets, r.URL.Path)
	data, known := s.artifacts[path]
	gate, cut := s.gates[path], s.cut[path]
	if next, ok := s.next[path]; ok && strings.HasPrefix(r.URL.Path, "/artifact/") {
		cut, s.artifacts[path] = true, next
		delete(s.next, path)
	}
	s.mu.Unlock()
	switch {
	case strings.Contains(r.URL.Path, "/artifact-content/") && strings.HasPrefix(path, "private/") && !strings.Contains(r.Header.Get("Authorization"), "may-read"):
		refuseAPI(w, http.StatusForbidden, "InsufficientScopes")
	case !known:
		refuseAPI(w, http.StatusNotFound, "ResourceNotFound")
	case strings.Contains(r.URL.Path, "/artifact-content/"):
		_, _ = fmt.Fprintf(w, `{"storageType":"s3","url":%q}`, s.server.URL+"/artifact/"+path)
	default:
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		_, _ = w.Write(data[:len(data)/2])
		_ = http.NewResponseController(w).Flush()
		if gate != nil {
			select {
			case <-gate:
			case <-r.Context().Done():
			}
		}
		if !cut {
			_, _ = w.Write(data[len(data)/2:])
		}
	}
}

func refuseAPI(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"code":"`+code+`","message":"no"}`)
}

// put has the task have an artifact.
func (s *stand) put(path string, data []byte) images.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.artifacts[path] = data
	return images.Ref{TaskID: taskID, Path: path}
}

// slow has the second half of an artifact wait.
func (s *stand) slow(path string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gates[path] = make(chan struct{})
	return s.gates[path]
}

// downloads tells how often the data of an artifact was asked for.
func (s *stand) downloads(path string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, get := range s.gets {
		if get == "/artifact/"+path {
			n++
		}
	}
	return n
}

func (s *stand) run() *plugintest.Run {
	run := plugintest.NewRun(s.t, "{}")
	run.Definition.Dependencies = []string{taskID}
	return run
}

// ensure has an image, and returns the log of the run as well.
func (s *stand) ensure(ref images.Ref) (images.Image, string) {
	s.t.Helper()
	run := s.run()
	image, err := s.Ensure(s.t.Context(), ref, run.Run)
	text := run.TaskLog(s.t)
	if err != nil {
		s.t.Fatalf("%+v: %v, after\n%s", ref, err, text)
	}
	return image, text
}

// fails tells how a run ends whose image cannot be had, and the text for its log.
func (s *stand) fails(ref images.Ref) (task.Resolution, string) {
	s.t.Helper()
	run := s.run()
	image, err := s.Ensure(s.t.Context(), ref, run.Run)
	if err == nil {
		s.t.Fatalf("%+v: there is an image: %+v", ref, image)
	}
	return task.Resolve(err), err.Error()
}

// contains is an error of the test for each text that is not there.
func contains(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in:\n%s", want, text)
		}
	}
}
