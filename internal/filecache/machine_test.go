package filecache_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

// machine has a cache, and a server of contents.
type machine struct {
	*filecache.Cache
	t      *testing.T
	dir    string // of the worker
	server *httptest.Server
	log    *bytes.Buffer

	mu    sync.Mutex
	now   time.Time
	asked []string            // of the server: paths, and users of the queue
	data  map[string]string   // by path
	gates map[string]chan int // a path is answered, by that much, whenever its gate says so
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, dir: t.TempDir(), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), data: map[string]string{}, gates: map[string]chan int{}}
	m.server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.server.Close)
	m.open()
	t.Cleanup(func() { m.close() })
	return m
}

func (m *machine) open() {
	m.t.Helper()
	policy := retry.Policy{Initial: time.Millisecond, Attempts: 2}
	m.log = &bytes.Buffer{}
	var err error
	m.Cache, err = filecache.Open(filecache.Config{
		Dir: m.downloads(), State: filepath.Join(m.dir, "file-caches.json"), Logger: slog.New(slog.NewTextHandler(m.log, nil)), Now: m.tick,
		Fetcher: fetch.New(tc.New(m.server.URL, m.server.Client(), policy), m.server.Client(), policy),
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) close() {
	m.t.Helper()
	if err := m.Close(context.WithoutCancel(m.t.Context())); err != nil {
		m.t.Error(err)
	}
}

func (m *machine) downloads() string { return filepath.Join(m.dir, "downloads") }

// tick is a clock that goes on by a second with each look.
func (m *machine) tick() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(time.Second)
	return m.now
}

func (m *machine) serve(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.asked = append(m.asked, r.URL.Path)
	data, known := m.data[r.URL.Path]
	gate := m.gates[r.URL.Path]
	m.mu.Unlock()
	switch {
	case strings.Contains(r.URL.Path, "/artifact-content/"):
		if r.Header.Get("Authorization") == "" && strings.Contains(r.URL.Path, "private") {
			if gate != nil {
				<-gate
			}
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"code":"InsufficientScopes","message":"no"}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"storageType":"s3","url":%q}`, m.server.URL+"/artifact")
	case strings.HasPrefix(r.URL.Path, "/api/index/"):
		_, _ = io.WriteString(w, `{"taskId":"T"}`)
	case !known:
		w.WriteHeader(http.StatusNotFound)
	case gate == nil:
		_, _ = io.WriteString(w, data)
	default:
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		for len(data) > 0 {
			select {
			case n := <-gate:
				n = min(n, len(data))
				_, _ = io.WriteString(w, data[:n])
				_ = http.NewResponseController(w).Flush()
				data = data[n:]
			case <-r.Context().Done():
				return
			}
		}
	}
}

// put has the server give data at a path.
func (m *machine) put(path, data string) fetch.Content {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data[path] = data
	return fetch.Content{URL: m.server.URL + path}
}

// slow has the server wait for the returned channel.
func (m *machine) slow(path string) chan int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gates[path] = make(chan int)
	return m.gates[path]
}

func (m *machine) requests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.asked)
}

// begin asks for a content, of which there must be one.
func (m *machine) begin(c fetch.Content) *filecache.File {
	m.t.Helper()
	f, err := m.Get(m.t.Context(), c, fetch.Access{})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(f.Release)
	return f
}

// get has a content, compares it, and releases it.
func (m *machine) get(c fetch.Content, want string) filecache.Info {
	m.t.Helper()
	f := m.begin(c)
	defer f.Release()
	return m.wait(f, want)
}

func (m *machine) wait(f *filecache.File, want string) filecache.Info {
	m.t.Helper()
	info, err := f.Wait(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	m.is(info, want)
	return info
}

func (m *machine) is(info filecache.Info, want string) {
	m.t.Helper()
	data, err := os.ReadFile(info.Path)
	if err != nil || string(data) != want || info.Size != int64(len(want)) || info.SHA256 != fetch.Sum([]byte(want)) {
		m.t.Errorf("%+v has %.80q, %v; want %.80q", info, data, err, want)
	}
}

// files lists the directory.
func (m *machine) files() []string {
	m.t.Helper()
	entries, err := os.ReadDir(m.downloads())
	if err != nil {
		m.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// state reads the state file, as far as the reference does.
func (m *machine) state() map[string]map[string]any {
	m.t.Helper()
	data, err := os.ReadFile(filepath.Join(m.dir, "file-caches.json"))
	if err != nil {
		m.t.Fatal(err)
	}
	var state map[string]map[string]any
	if err := json.Unmarshal(data, &state); err != nil {
		m.t.Fatal(err)
	}
	return state
}
